import type { Clock } from './types.js'

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  }
}

/**
 * The server's clock, from what it said and how long the answer took: right to half of that. Of several answers the
 * quickest counts.
 */
export class ServerTime {
  readonly #clock: Clock
  #aheadMs: number | undefined
  #roundTripMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `serverTime` was in the answer, which has just come, to what was sent at `sentAt` (monotonic). */
  learn(serverTime: number, sentAt: number): void {
    const roundTripMs = this.#clock.monotonic() - sentAt
    if (this.#aheadMs !== undefined && roundTripMs > this.#roundTripMs) return
    this.#roundTripMs = roundTripMs
    this.#aheadMs = serverTime - sentAt - roundTripMs / 2
  }

  /** Another connection, or a machine that slept: what was learnt before says little. */
  forget(): void {
    this.#aheadMs = undefined
  }

  now(): number {
    return this.#aheadMs === undefined ? this.#clock.now() : this.#clock.monotonic() + this.#aheadMs
  }

  /**
   * Since when to count what is left of something that was pushed, and came just now. It cannot have been on its way
   * for longer than a whole round trip; counted from its arrival, a countdown would end after the lock does.
   */
  pushedAt(): number {
    return this.#clock.monotonic() - this.#roundTripMs
  }
}
