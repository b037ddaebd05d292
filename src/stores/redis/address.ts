import { isIP } from 'node:net'
import type { RedisOptions } from 'ioredis'

/** Where Redis is, and how to be let in. */
export interface RedisAddress {
  /**
   * `redis://[user:password@]host[:port][/db]`, `rediss://…` for TLS; `valkey://` and `valkeys://` mean the same. With
   * Sentinels `redis+sentinel://[user:password@]host[:port],host[:port]/name[/db]`, or `rediss+sentinel://…`: they say
   * which server is the master of that name, now and after each failover; user and password are for that master.
   */
  url: string
  /** For `rediss://`: certificates and the like, as node:tls takes them. */
  tls?: NonNullable<RedisOptions['tls']> | undefined
  sentinelPassword?: string | undefined
}

/** The same in ioredis' words. */
export type RedisServer = Pick<
  RedisOptions,
  | 'host'
  | 'port'
  | 'db'
  | 'username'
  | 'password'
  | 'tls'
  | 'sentinels'
  | 'name'
  | 'sentinelPassword'
  | 'sentinelTLS'
  | 'enableTLSForSentinelMode'
>

const schemes = /^(redis|valkey)(s?)(\+sentinel)?:$/

/** Throws when it is no such address: a start with a wrong setting must fail at once, not look like Redis being down. */
export function parseRedisUrl({ url, tls, sentinelPassword }: RedisAddress): RedisServer {
  // A list of hosts is no URL: the first takes part in the parsing, the others are parsed on their own.
  const [, before = '', hosts = '', after = ''] = /^([^/]*\/\/(?:[^@/]*@)?)([^/?#]*)(.*)$/.exec(url) ?? []
  const [first = '', ...others] = hosts.split(',')
  // parsed here because ioredis reads valkey://host:6379/2 as the host `valkey` and says nothing
  const parsed = urlOf(`${before}${first}${after}`)
  const [, , secure, sentinel] = schemes.exec(parsed?.protocol ?? '') ?? []
  if (parsed === undefined || secure === undefined || parsed.hostname === '') throw wrongUrl()
  const path = parsed.pathname.split('/').slice(1)
  const name = sentinel === undefined ? undefined : (path.shift() ?? '')
  const [db = '', ...rest] = path
  if (rest.length > 0 || !/^\d*$/.test(db) || name === '' || (sentinel === undefined && others.length > 0)) {
    throw wrongUrl()
  }
  const account = {
    db: Number(db),
    ...(parsed.username !== '' && { username: decodeURIComponent(parsed.username) }),
    ...(parsed.password !== '' && { password: decodeURIComponent(parsed.password) })
  }
  if (name === undefined) {
    const host = hostOf(parsed)
    // an address is no server name; TLS then compares the certificate with the address itself
    const servername = isIP(host) === 0 ? { servername: host } : {}
    return {
      host,
      port: parsed.port === '' ? 6379 : Number(parsed.port),
      ...account,
      ...(secure === 's' && { tls: { ...servername, ...tls } })
    }
  }
  const sentinels = [parsed, ...others.map(other => urlOf(`redis://${other}`))].map(server => {
    if (server === undefined || server.hostname === '' || (server.pathname.length > 1 && server !== parsed))
      throw wrongUrl()
    return { host: hostOf(server), port: server.port === '' ? 26_379 : Number(server.port) }
  })
  return {
    sentinels,
    name: decodeURIComponent(name),
    ...account,
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(secure === 's' && { enableTLSForSentinelMode: true, tls: { ...tls }, sentinelTLS: { ...tls } })
  }
}

const urlOf = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined)
const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '')

/** The address itself is not repeated: it may hold a password, and this message is logged. */
const wrongUrl = (): Error =>
  new Error(
    'REDIS_URL must be redis://[user:password@]host[:port][/db], rediss:// for TLS, or ' +
      'redis+sentinel://[user:password@]host[:port],host[:port]/name'
  )
