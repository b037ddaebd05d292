import { shownUrl } from '../webhooks/endpoint.js'
import { isLoopback, itemsOf, type Kind, ok, urlOf, wrong } from './kinds.js'

/** How the endpoints of webhooks are named, and the secrets that sign for them. Neither is ever repeated in a message. */

const urlsMax = 4

/** Empty: none. */
export const webhookUrls: Kind<readonly string[]> = {
  name: `URLs that begin with https://, ${urlsMax} at most, with commas between`,
  parse(text) {
    const urls = itemsOf(text)
    if (urls.length > urlsMax) return wrong(`names ${urls.length} endpoints; ${urlsMax} are the most`)
    for (const [index, item] of urls.entries()) {
      const problem = problemOf(item)
      if (problem !== undefined) return wrong(urls.length === 1 ? problem : `number ${index + 1} ${problem}`)
    }
    if (new Set(urls).size < urls.length) return wrong('names the same endpoint twice')
    return ok(urls)
  },
  print: urls => urls.map(shownUrl).join(',')
}

function problemOf(text: string): string | undefined {
  const url = urlOf(text)
  if (url === null) return 'is not a URL like https://host.example/webhooks'
  if (url.username !== '' || url.password !== '')
    return 'has a user or password in it; the signature is what a receiver goes by'
  if (url.hash !== '') return 'has a # in it, which is never sent'
  if (url.protocol === 'https:') return undefined
  if (url.protocol !== 'http:') return `begins with ${url.protocol}//, not https://`
  return isLoopback(url)
    ? undefined
    : 'begins with http://, and is on another machine: what is sent there can be read on the way; use https://'
}

const prefix = 'whsec_'
const bytesMin = 24
const bytesMax = 64

/** None, one, or the new one and the one before it. */
export const webhookSecrets: Kind<readonly string[]> = {
  name: `${prefix} and base64 of ${bytesMin} to ${bytesMax} bytes, or two such with a comma between`,
  parse(text) {
    const secrets = itemsOf(text)
    if (secrets.length > 2)
      return wrong(`has ${secrets.length} parts; one secret, or the new one and the one before it`)
    for (const secret of secrets) {
      const base64 = secret.slice(prefix.length)
      const bytes = Buffer.from(base64, 'base64')
      if (!secret.startsWith(prefix) || bytes.toString('base64') !== base64)
        return wrong(`is not ${prefix} with base64 behind it`)
      if (bytes.length < bytesMin || bytes.length > bytesMax)
        return wrong(`has a secret of ${bytes.length} bytes; ${bytesMin} to ${bytesMax} are asked for`)
    }
    if (secrets.length === 2 && secrets[0] === secrets[1]) return wrong('has the same secret twice')
    return ok(secrets)
  },
  print: secrets => secrets.map(() => '***').join(',')
}
