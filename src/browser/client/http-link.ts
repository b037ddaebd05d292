import { SlotlockError } from './errors.js'
import { answerWithinMs, type Link, type Outcome, refused } from './link.js'
import type { Clock } from './types.js'

/**
 * Messages by the addresses that they have on HTTP. A `:name` in the path is the parameter of that name; the others
 * travel in the query of a GET, else in the body, and `requestId` as the Idempotency-Key.
 */
export const routes: Record<string, string> = {
  hello: 'POST /v1/sessions',
  calendars: 'GET /v1/calendars',
  watch: 'GET /v1/calendars/:calendar/slots',
  changes: 'GET /v1/calendars/:calendar/changes',
  select: 'PUT /v1/calendars/:calendar/selection',
  unselect: 'DELETE /v1/calendars/:calendar/selection',
  lock: 'POST /v1/calendars/:calendar/locks',
  locks: 'GET /v1/locks',
  extend: 'PATCH /v1/locks/:lock',
  release: 'DELETE /v1/locks/:lock',
  book: 'POST /v1/locks/:lock/booking',
  cancel: 'DELETE /v1/bookings/:booking',
  'staff-watch': 'GET /v1/staff/locks',
  revoke: 'DELETE /v1/staff/locks/:lock',
  block: 'POST /v1/calendars/:calendar/blocks',
  unblock: 'DELETE /v1/calendars/:calendar/blocks',
  'sign-out': 'DELETE /v1/sessions/current',
  'revoke-session': 'DELETE /v1/sessions/:session'
}

/** Those that have no message, so that they go by HTTP whatever the connection is. */
export const httpOnly: ReadonlySet<string> = new Set(['calendars', 'cancel'])

/** The HTTP face. Whatever fetch fails with, the request may have arrived: LOST. */
export class HttpLink implements Link {
  readonly kind = 'polling'
  readonly #base: string
  readonly #fetch: typeof fetch
  readonly #clock: Clock
  readonly #token: () => string | undefined

  constructor(base: string, fetch: typeof globalThis.fetch, clock: Clock, token: () => string | undefined) {
    this.#base = base
    this.#fetch = fetch
    this.#clock = clock
    this.#token = token
  }

  async ask(
    type: string,
    params: object = {},
    withinMs: number = answerWithinMs,
    abort?: AbortController
  ): Promise<Outcome> {
    const { requestId, ...rest }: Record<string, unknown> = { ...params }
    const route = routes[type === 'select' && rest.slot === null ? 'unselect' : type]
    if (!route) return refused('NOT_FOUND', `${type} needs a WebSocket`)
    const [method, template] = route.split(' ') as [string, string]
    let path = template.replace(/:(\w+)/g, (_, name: string) => {
      const value = String(rest[name])
      delete rest[name]
      return encodeURIComponent(value)
    })
    if (method !== 'GET') return this.call(method, path, rest, requestId as string, withinMs)
    const given = Object.entries(rest).flatMap(([name, value]) =>
      value === undefined ? [] : `${name}=${encodeURIComponent(String(value))}`
    )
    if (given.length > 0) path += `?${given.join('&')}`
    return this.call(method, path, {}, undefined, withinMs, abort)
  }

  async call(
    method: string,
    path: string,
    body: object,
    requestId?: string,
    withinMs: number = answerWithinMs,
    abort = new AbortController()
  ): Promise<Outcome> {
    const sentAt = this.#clock.monotonic()
    const cancel = this.#clock.after(withinMs, () => abort.abort())
    const headers: Record<string, string> = {}
    const request: RequestInit = { method, headers, credentials: 'omit', signal: abort.signal }
    const token = this.#token()
    if (token) headers.authorization = `Bearer ${token}`
    if (requestId) headers['idempotency-key'] = requestId
    if (Object.keys(body).length > 0) {
      headers['content-type'] = 'application/json'
      request.body = JSON.stringify(body)
    }
    try {
      const response = await this.#fetch(this.#base + path, request)
      const text = await response.text()
      if (response.ok) return { status: 'ANSWERED', result: JSON.parse(text || '{}'), sentAt }
      return refusalOf(response.status, text)
    } catch {
      return { status: 'LOST' }
    } finally {
      cancel()
    }
  }

  close(): void {}
}

/** Our own problem documents have a code. What a proxy says for us has not; its 5xx leave open what we have done. */
function refusalOf(status: number, text: string): Outcome {
  try {
    const problem = JSON.parse(text)
    if (problem.code) return { status: 'REFUSED', error: new SlotlockError(problem) }
  } catch {
    // a page in HTML
  }
  if (status >= 500) return { status: 'LOST' }
  const tooMany = status === 429
  return refused(tooMany ? 'RATE_LIMITED' : 'INVALID_REQUEST', `HTTP ${status}`, tooMany)
}
