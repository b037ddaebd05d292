import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseRedisUrl } from '../stores/redis/address.js'
import { type Kind, maskedUrl, ok, quoted, storeUrl, urlOf, wrong } from './kinds.js'
import type { PemFile } from './shape.js'

/** How the stores are named, and the files that their TLS needs. */

const redisExample = 'redis://user:password@host:6379'
const oneServer = storeUrl(redisExample, ['redis:', 'rediss:', 'valkey:', 'valkeys:'], url =>
  /^\/?\d*$/.test(url.pathname)
    ? undefined
    : 'names a database that is no number: redis://user:password@host:6379/0'
)

/** Optional. One server, or the Sentinels that know which server it is. */
export const redisUrl: Kind<string | undefined> = {
  name: `${oneServer.name}, or redis+sentinel://host:26379,host:26379/name`,
  parse(text) {
    if (!text.includes('+sentinel://')) return oneServer.parse(text)
    try {
      parseRedisUrl({ url: text })
      return ok(text)
    } catch {
      return wrong(
        'is not a URL like redis+sentinel://user:password@host:26379,host:26379/name, where the name is what the Sentinels ' +
          'call the group; write special characters of a password as %XX'
      )
    }
  },
  print: text => (text === undefined ? '' : maskedUrl(text))
}

export const mysqlUrl = storeUrl('mysql://user:password@host:3306/database', ['mysql:', 'mariadb:'], url =>
  url.pathname.length > 1 ? undefined : 'names no database: mysql://user:password@host:3306/database'
)

/** The host that is named in a URL which has been parsed before. */
export const hostOf = (url: string): string => urlOf(url)?.hostname.replace(/^\[|\]$/g, '') ?? ''

/** Optional: undefined when empty. Read at once, so that a path that is wrong is told with all other mistakes. */
export function pemFile(what: 'certificate' | 'private key'): Kind<PemFile | undefined> {
  return {
    name: `path of a PEM file with a ${what}`,
    parse(path) {
      if (path === '') return ok(undefined)
      let pem: string
      try {
        pem = readFileSync(path, 'utf8')
      } catch (error) {
        return wrong(`${quoted(path)} cannot be read: ${codeOf(error)}`)
      }
      try {
        if (what === 'certificate') new X509Certificate(pem)
        else createPrivateKey(pem)
        return ok(Object.freeze({ path, pem }))
      } catch {
        return wrong(`${quoted(path)} holds no ${what} in PEM form`)
      }
    },
    print: file => file?.path ?? ''
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error)
