import { createHash } from 'node:crypto'
import type { EndpointKey } from '../domain/webhook-store.js'

/** One address of WEBHOOK_URL. */
export interface Endpoint {
  /** Its place in WEBHOOK_URL, from 1 on: how people and metrics name it. */
  number: number
  key: EndpointKey
  url: string
}

export const endpointsOf = (urls: readonly string[]): Endpoint[] =>
  urls.map((url, index) => ({ number: index + 1, key: endpointKey(url), url }))

const endpointKey = (url: string): EndpointKey =>
  createHash('sha256').update(url).digest('base64url').slice(0, 16) as EndpointKey

/** For logs and screens: a path or a query is often the secret of whoever gave it out. */
export function shownUrl(text: string): string {
  const url = new URL(text)
  return url.pathname === '/' && url.search === '' ? url.origin : `${url.origin}/***`
}
