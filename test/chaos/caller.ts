import { ask } from '../../load-tests/harness/http-client.js'
import { pick } from '../../load-tests/harness/random.js'
import { nowMs, pause } from '../../load-tests/harness/time.js'
import { WsClient } from '../../load-tests/harness/ws-driver.js'
import type { Random } from '../../src/domain/clock.js'
import type { Call, HistoryEvent, Op } from './history.js'

export interface Address {
  http: string
  ws: string
}

export interface CallerOptions {
  instances: readonly Address[]
  calendar: string
  via: 'ws' | 'http'
  random: Random
  record(event: HistoryEvent): void
}

export type Params = Pick<
  Call,
  'slots' | 'requestId' | 'replaces' | 'ttlMs' | 'lock' | 'booking' | 'ifStillFree'
>

/** What a client is to send again, by the wire's own words; `LOST` is a connection that broke. */
const sentAgain = new Set(['LOST', 'OUTCOME_UNKNOWN', 'BUSY', 'STORE_UNAVAILABLE'])
const attemptsMax = 6
const openTriesMax = 200

/**
 * One session, over a socket or over HTTP. Records each attempt, and does what the contract tells clients to do when
 * an answer is lost: the same request again, with the same id, to any instance that will have it.
 */
export class Caller {
  session = ''
  readonly #options: CallerOptions
  #token: string | undefined
  #instance: number
  #socket: WsClient | undefined

  constructor(options: CallerOptions, token?: string) {
    this.#options = options
    this.#token = token
    this.#instance = this.#anyInstance()
    if (token !== undefined) this.session = 'staff'
  }

  get token(): string {
    return this.#token ?? ''
  }

  get address(): Address {
    return this.#options.instances[this.#instance]!
  }

  /** A session of its own; tries one instance after the other until one of them opens it. */
  async open(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const { status, text } = await ask(`${this.address.http}/v1/sessions`, { method: 'POST', body: {} })
        if (status === 201) {
          const { session, token } = JSON.parse(text) as { session: string; token: string }
          this.session = session
          this.#token = token
          return
        }
      } catch {
        // not this instance, not now
      }
      if (tries === openTriesMax) throw new Error(`no instance opened a session in ${tries} tries`)
      await this.#goElsewhere()
    }
  }

  /** Sends until there is an answer that is one, within bounds; gives back the last attempt. */
  async insist(op: Op, params: Params): Promise<Call> {
    for (let attempts = 1; ; attempts++) {
      const call = await this.once(op, params)
      if (!sentAgain.has(call.answer) || attempts === attemptsMax) return call
      await this.#goElsewhere()
    }
  }

  async once(op: Op, params: Params): Promise<Call> {
    const overHttp = this.#options.via === 'http' || op === 'cancel' || this.session === 'staff'
    const socket = overHttp ? undefined : await this.#connected()
    const call: Call = {
      kind: 'call',
      session: this.session,
      via: socket === undefined ? 'http' : 'ws',
      instance: this.#instance,
      op,
      ...params,
      sentAt: nowMs(),
      receivedAt: 0,
      wallMs: Date.now(),
      answer: 'LOST'
    }
    try {
      if (socket === undefined) await this.#overHttp(call)
      else await this.#overSocket(socket, call)
    } catch (error) {
      call.message = error instanceof Error ? error.message : String(error)
    }
    call.receivedAt = nowMs()
    this.#options.record(call)
    return call
  }

  close(): void {
    this.#socket?.close()
  }

  async #overSocket(socket: WsClient, call: Call): Promise<void> {
    const { calendar } = this.#options
    const { slots, requestId, replaces, ttlMs, lock, ifStillFree } = call
    const named = namesCalendar(call.op) ? { calendar } : {}
    const body =
      call.op === 'select'
        ? { slot: slots?.[0] ?? null }
        : { slots, requestId, replaces, ttlMs, lock, ifStillFree, ...customerFor(call) }
    const answer = await socket.request(call.op, { ...named, ...body })
    if (answer.ok) take(call, answer.result)
    else {
      call.answer = socket.closed === undefined ? answer.error.code : 'LOST'
      call.message = answer.error.message
    }
  }

  async #overHttp(call: Call): Promise<void> {
    const { method, path, body } = httpOf(call, this.#options.calendar)
    const { requestId } = call
    const { status, text } = await ask(`${this.address.http}${path}`, {
      method,
      token: this.#token,
      ...(body === undefined ? {} : { body }),
      ...(requestId === undefined ? {} : { idempotencyKey: requestId })
    })
    const answer = text === '' ? {} : (JSON.parse(text) as { code?: string; detail?: string })
    if (status < 300) take(call, answer)
    else {
      call.answer = answer.code ?? `HTTP ${status}`
      if (answer.detail !== undefined) call.message = answer.detail
    }
  }

  async #connected(): Promise<WsClient | undefined> {
    if (this.#socket?.closed === undefined && this.#socket !== undefined) return this.#socket
    try {
      this.#socket = await WsClient.open({ url: this.address.ws, token: this.#token })
      return this.#socket
    } catch {
      // the same session over HTTP, which will say what is the matter
      return undefined
    }
  }

  async #goElsewhere(): Promise<void> {
    await pause(30 + this.#options.random() * 250)
    const elsewhere = this.#anyInstance()
    if (elsewhere === this.#instance) return
    this.#instance = elsewhere
    this.#socket?.close()
    this.#socket = undefined
  }

  #anyInstance(): number {
    return pick(this.#options.random, [...this.#options.instances.keys()])
  }
}

const namesCalendar = (op: Op): boolean => op === 'lock' || op === 'select'

const customerFor = ({ op, lock }: Call): object =>
  op === 'book' ? { customer: { name: `for ${lock}` } } : {}

function take(call: Call, result: unknown): void {
  call.answer = 'OK'
  const { lock, booking, slots } = (result ?? {}) as NonNullable<Call['result']>
  if (lock !== undefined) {
    const { id, slots, state, fence, expiresInMs, expiresAt } = lock
    call.result = { lock: { id, slots, state, fence, expiresInMs, expiresAt } }
  }
  if (booking !== undefined) {
    const { id, slots, state } = booking
    call.result = { booking: { id, slots, state } }
  }
  if (call.op === 'block' || call.op === 'unblock') {
    call.result = { slots: (slots ?? []).map(({ slot, state, ver }) => ({ slot, state, ver })) }
  }
}

interface HttpRequest {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  body?: unknown
}

function httpOf(call: Call, calendar: string): HttpRequest {
  const { op, slots, replaces, ttlMs, lock, booking, ifStillFree } = call
  switch (op) {
    case 'lock':
      return { method: 'POST', path: `/v1/calendars/${calendar}/locks`, body: { slots, replaces, ttlMs } }
    case 'extend':
      return { method: 'PATCH', path: `/v1/locks/${lock}`, body: { ttlMs } }
    case 'release':
      return { method: 'DELETE', path: `/v1/locks/${lock}` }
    case 'book':
      return {
        method: 'POST',
        path: `/v1/locks/${lock}/booking`,
        body: { ifStillFree, ...customerFor(call) }
      }
    case 'cancel':
      return { method: 'DELETE', path: `/v1/bookings/${booking}` }
    case 'revoke':
      return { method: 'DELETE', path: `/v1/staff/locks/${lock}`, body: { reason: 'chaos' } }
    case 'block':
    case 'unblock':
      return {
        method: op === 'block' ? 'POST' : 'DELETE',
        path: `/v1/calendars/${calendar}/blocks`,
        body: { slots }
      }
    case 'select':
      return {
        method: 'PUT',
        path: `/v1/calendars/${calendar}/selection`,
        body: { slot: slots?.[0] ?? null }
      }
    default:
      return op satisfies never
  }
}
