import { StoreError } from '../../domain/errors.js'
import type { FastLane } from '../../domain/fast-lane.js'

/** Whether Redis is to be asked at all, and what came of it. */
export interface LaneHealth {
  allows(): boolean
  /** Somebody is about to wait for it, and then no longer does. */
  begins(): void
  ends(): void
  record(outcome: { ok: true } | { ok: false; error: StoreError }): void
}

/**
 * The only way the service uses Redis: ask if the breaker lets us, count what came of it, and go on without it
 * otherwise. There is no mode to switch and nothing to elect: each request finds out for itself, so two instances
 * that disagree about Redis do no harm to each other.
 */
export class FastPath {
  readonly #lane: FastLane | undefined
  readonly #health: LaneHealth

  constructor(lane: FastLane | undefined, health: LaneHealth) {
    this.#lane = lane
    this.#health = health
  }

  /** False: no Redis is configured, or the breaker is open. */
  get open(): boolean {
    return this.#lane !== undefined && this.#health.allows()
  }

  /** undefined: Redis was not asked or did not answer in time; the caller goes on as if it did not exist. */
  async attempt<T>(use: (lane: FastLane) => Promise<T>): Promise<T | undefined> {
    if (this.#lane === undefined || !this.#health.allows()) return undefined
    this.#health.begins()
    try {
      const answer = await use(this.#lane)
      this.#health.record({ ok: true })
      return answer
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#health.record({ ok: false, error })
      return undefined
    } finally {
      this.#health.ends()
    }
  }
}
