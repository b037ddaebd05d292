import type { SessionId } from '../domain/ids.js'
import { type Outcome, refuse } from './refusal.js'
import { busyRetryAfterMs } from './store-refusal.js'
import type { Timers } from './timers.js'

export interface SessionQueueBounds {
  /** Requests of one session that wait for their turn. Past it: BUSY. */
  waitingMax: number
  /** How long one waits for its turn. Past it: BUSY. */
  waitMsMax: number
}

export const sessionQueueBounds: SessionQueueBounds = { waitingMax: 32, waitMsMax: 5_000 }

/**
 * One request of a session after the other.
 *
 * How many locks a session has is counted before it gets another. Twenty requests that count at once all count seven.
 * In turn they cannot, on this instance; a session that spreads its requests over several instances meets whatever
 * the database's own statement counts.
 */
export class SessionQueues {
  readonly #timers: Timers
  readonly #bounds: SessionQueueBounds
  /** Those who wait, for each session that has a request under way. */
  readonly #waiting = new Map<SessionId, Set<() => void>>()

  constructor(timers: Timers, bounds: SessionQueueBounds = sessionQueueBounds) {
    this.#timers = timers
    this.#bounds = bounds
  }

  async inTurn<T>(session: SessionId, task: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    if (!(await this.#turn(session))) {
      return refuse('BUSY', 'Too many requests of this session are waiting already', {
        retryAfterMs: busyRetryAfterMs
      })
    }
    try {
      return await task()
    } finally {
      this.#next(session)
    }
  }

  /** False: a bound was reached before the turn came. */
  #turn(session: SessionId): Promise<boolean> {
    const waiting = this.#waiting.get(session)
    if (waiting === undefined) {
      this.#waiting.set(session, new Set())
      return Promise.resolve(true)
    }
    if (waiting.size >= this.#bounds.waitingMax) return Promise.resolve(false)
    return new Promise(resolve => {
      const begin = (): void => {
        cancel()
        resolve(true)
      }
      const cancel = this.#timers.after(this.#bounds.waitMsMax, () => {
        waiting.delete(begin)
        resolve(false)
      })
      waiting.add(begin)
    })
  }

  #next(session: SessionId): void {
    const waiting = this.#waiting.get(session)
    const [first] = waiting ?? []
    if (waiting === undefined || first === undefined) {
      this.#waiting.delete(session)
      return
    }
    waiting.delete(first)
    first()
  }
}
