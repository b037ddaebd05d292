/** Time and chance are passed in, so that a test can say what time it is and replay what chance did. */
export interface Clock {
  /** Epoch milliseconds; may step when somebody sets the clock. */
  now(): number
  /** Milliseconds since some moment; never steps. For measuring how long something took. */
  monotonic(): number
}

/** Another instance's clock, and a version clock that counts on under load, are ahead by less. */
const versionAheadMsMax = 3_600_000

/** The greatest version that any of our instances can have given out by now. */
export const credibleVersionMax = (nowMs: number): number => (nowMs + versionAheadMsMax) * 1_000

/** A number in [0, 1). */
export type Random = () => number

/**
 * Numbers the changes of slots: a hybrid logical clock in microseconds.
 *
 * A version is the time where it can be, and the last version plus one where it cannot. So the versions that one
 * instance hands out only grow, those of two instances interleave about as time did, and an instance that meets a
 * greater version (its neighbour's clock is ahead) goes on from there. The store takes a row only with a version
 * greater than the row's own: that, not this class, is what makes the versions of one slot grow. What this buys is
 * that the version is known before the statement runs, so that one round trip both takes the slots and tells
 * everybody what they are now.
 *
 * Microseconds, because an instance that counts in milliseconds and makes 5,000 changes a second runs ahead of the
 * clock by four seconds every second. 2^53 µs last until the year 2255.
 *
 * Source: Kulkarni et al., "Logical Physical Clocks", OPODIS 2014.
 */
export class VersionClock {
  #last = 0
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  next(): number {
    this.#last = Math.max(this.#last + 1, Math.floor(this.#nowMs() * 1000))
    return this.#last
  }

  /** Goes on from a version met elsewhere. */
  receive(ver: number): void {
    if (ver > this.#last) this.#last = ver
  }
}
