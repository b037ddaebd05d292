import type { Clock } from '../../domain/clock.js'

/**
 * What Redis' own clock says now, as far as one can tell from here.
 *
 * A deadline must be checked where the command is executed, by the clock of that place: a reservation that sat in a
 * frozen server's socket for a minute cannot be recognised as late by anybody else. So the sender must know that
 * clock. One sample is right within half of its round trip, which is bounded by the command's timeout; a new one
 * comes with every probe, so a clock that is set is known within a second or two.
 */
export class RedisClock {
  /** Redis' clock minus ours that never steps. */
  #aheadMs: number | undefined
  #sampling: Promise<void> | undefined
  readonly #clock: Clock
  readonly #readTime: () => Promise<number>

  /** `readTime` asks the server for its time, in milliseconds. */
  constructor(clock: Clock, readTime: () => Promise<number>) {
    this.#clock = clock
    this.#readTime = readTime
  }

  /** By Redis' own clock, whole milliseconds. Needs a round trip only in the first moments of a connection. */
  async deadlineMs(withinMs: number): Promise<number> {
    if (this.#aheadMs === undefined) await this.sample()
    return Math.round(this.#clock.monotonic() + this.#aheadMs! + withinMs)
  }

  /** Those who ask while a sample is under way share it. */
  sample(): Promise<void> {
    this.#sampling ??= this.#sample().finally(() => {
      this.#sampling = undefined
    })
    return this.#sampling
  }

  /** The server read `redisNowMs` off its clock at some moment between `sentAt` and now. */
  learn(redisNowMs: number, sentAt: number): void {
    this.#aheadMs = redisNowMs - (sentAt + this.#clock.monotonic()) / 2
  }

  /** Another server may answer from here on, and its clock is its own. */
  forget(): void {
    this.#aheadMs = undefined
  }

  async #sample(): Promise<void> {
    const sentAt = this.#clock.monotonic()
    this.learn(await this.#readTime(), sentAt)
  }
}
