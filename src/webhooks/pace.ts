import type { Random } from '../domain/clock.js'
import { backoffMs } from './judge.js'

/** Of one endpoint. More would be a flood to whoever has just come back. */
export const attemptsAtOnceMax = 8
/** Failures in a row from which on an endpoint counts as down. */
const downAfter = 5
/** A minute, where the first wait after a failure is five seconds. */
const probePauseMaxTimes = 12

/** Of what an endpoint may ask for itself. */
const askedMaxMs = 60_000

/**
 * How fast one endpoint is sent to: several at a time while it answers; one by one, with growing pauses, once it has
 * failed five times in a row. So an outage of an hour costs an endpoint some sixty attempts and not one for each event.
 * Pure but for what it remembers; `now` is monotonic.
 */
export class Pace {
  readonly #retryMs: number
  readonly #random: Random
  #failures = 0
  #pausedUntil = Number.NEGATIVE_INFINITY
  #underway = 0

  constructor(retryMs: number, random: Random) {
    this.#retryMs = retryMs
    this.#random = random
  }

  get down(): boolean {
    return this.#failures >= downAfter
  }

  /** Attempts that may begin now. */
  room(now: number): number {
    if (now < this.#pausedUntil) return 0
    return Math.max(0, (this.down ? 1 : attemptsAtOnceMax) - this.#underway)
  }

  begin(): void {
    this.#underway += 1
  }

  /** Answers whether this brought an endpoint back that was down. */
  delivered(): boolean {
    this.#underway -= 1
    const wasDown = this.down
    this.#failures = 0
    this.#pausedUntil = Number.NEGATIVE_INFINITY
    return wasDown
  }

  /** `askedMs`: how long the endpoint itself asked to be left alone. */
  failed(now: number, askedMs: number): void {
    this.#underway -= 1
    this.#failures += 1
    const ownMs = this.down
      ? backoffMs(
          this.#retryMs,
          this.#failures - downAfter + 1,
          probePauseMaxTimes * this.#retryMs,
          this.#random
        )
      : 0
    const pauseMs = Math.max(ownMs, Math.min(askedMs, askedMaxMs))
    if (pauseMs > 0) this.#pausedUntil = Math.max(this.#pausedUntil, now + pauseMs)
  }
}
