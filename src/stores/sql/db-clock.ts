import type { Clock } from '../../domain/clock.js'

/** How much two clocks may drift apart, per millisecond: 200 ppm is ten times what ordinary crystals do. */
const driftPerMs = 0.0002

interface Estimate {
  /** The database's clock minus this process' monotonic one. */
  offsetMs: number
  /** Half of what is not known: the answer was on its way for so long. */
  errorMs: number
  sampledAt: number
}

/**
 * What time it is in the database, as well as can be known from here.
 *
 * A reading of the database's clock was taken somewhere between sending the question and receiving the answer, so a
 * quick answer says more than a slow one, and an old one less every second. A reading replaces the estimate when it
 * says more, or when the two exclude each other: then somebody set the database's clock.
 */
export class DbClock {
  readonly #clock: Clock
  #estimate: Estimate | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Until the first reading, this machine's own time. */
  nowMs(): number {
    return this.#estimate === undefined
      ? this.#clock.now()
      : this.#clock.monotonic() + this.#estimate.offsetMs
  }

  /** How old the estimate is; infinite without any. */
  ageMs(): number {
    return this.#estimate === undefined
      ? Number.POSITIVE_INFINITY
      : this.#clock.monotonic() - this.#estimate.sampledAt
  }

  /** `dbNowMs` was read between the two moments of the monotonic clock. */
  observe(sentAt: number, receivedAt: number, dbNowMs: number): void {
    // whole milliseconds, cut off: half a one is the best guess
    const offsetMs = dbNowMs + 0.5 - (sentAt + receivedAt) / 2
    const errorMs = (receivedAt - sentAt) / 2 + 0.5
    const known = this.#estimate
    if (known !== undefined) {
      const knownErrorMs = known.errorMs + (receivedAt - known.sampledAt) * driftPerMs
      const excluded = Math.abs(offsetMs - known.offsetMs) > errorMs + knownErrorMs
      if (!excluded && errorMs > knownErrorMs) {
        // the old one still says more; it has been confirmed, at its present error
        this.#estimate = { offsetMs: known.offsetMs, errorMs: knownErrorMs, sampledAt: receivedAt }
        return
      }
    }
    this.#estimate = { offsetMs, errorMs, sampledAt: receivedAt }
  }
}
