import type { Connection } from './connection.js'
import { SlotlockError } from './errors.js'
import { httpOnly } from './http-link.js'
import type { Link, Outcome } from './link.js'
import { nextStep, outcomeUnknown, patienceMs, type Sendings } from './resend.js'
import type { Clock } from './types.js'

/** Requests of one client that have no answer yet; past it: BUSY. */
export const requestsMax = 48

export interface Answered<Result> {
  result: Result
  /** Monotonic; of the sending that was answered. */
  sentAt: number
}

/** Carries out what `resend.ts` decides, on whatever connection there is. */
export class Requests {
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #random: () => number
  /** Told when a request's outcome was unknown and has been settled: what it did may be news. */
  readonly #settled: () => void
  #underway = 0

  constructor(connection: Connection, clock: Clock, random: () => number, settled: () => void) {
    this.#connection = connection
    this.#clock = clock
    this.#random = random
    this.#settled = settled
  }

  /** Rejects with a SlotlockError. */
  send<Result>(type: string, params: object = {}): Promise<Answered<Result>> {
    const http = httpOnly.has(type)
    return this.settle(link => (http ? this.#connection.http : link).ask(type, params))
  }

  async settle<Result>(ask: (link: Link) => Promise<Outcome>): Promise<Answered<Result>> {
    if (this.#connection.closed) throw closed()
    if (this.#underway >= requestsMax) {
      const message = `${requestsMax} requests wait for their answers already`
      throw new SlotlockError({ code: 'BUSY', message, retryable: true })
    }
    this.#underway++
    let sendings: Sendings = { startedAt: this.#clock.monotonic(), sends: 0 }
    try {
      for (;;) {
        const leftMs = sendings.startedAt + patienceMs - this.#clock.monotonic()
        const link = await this.#connection.ready(leftMs)
        const outcome: Outcome = link === undefined ? { status: 'UNSENT' } : await ask(link)
        if (outcome.status === 'LOST') this.#connection.suspect()
        const next = nextStep(outcome, sendings, this.#clock.monotonic(), this.#random)
        if (next.do === 'ANSWER') return { result: next.result as Result, sentAt: next.sentAt }
        if (next.do === 'FAIL') throw next.error
        sendings = next.sendings
        if (next.renew) this.#connection.renew()
        if (next.afterMs > 0) await new Promise<void>(resolve => this.#clock.after(next.afterMs, resolve))
        if (this.#connection.closed) {
          throw sendings.unknownAt === undefined ? closed() : outcomeUnknown()
        }
      }
    } finally {
      this.#underway--
      if (sendings.unknownAt !== undefined) this.#settled()
    }
  }
}

const closed = (): SlotlockError =>
  new SlotlockError({ code: 'CLOSED', message: 'The client is not connected' })
