import type { Clock } from '../../domain/clock.js'
import { StoreError } from '../../domain/errors.js'
import type { SessionId } from '../../domain/ids.js'
import type { RevocationStore } from '../../domain/revocation.js'
import type { RevokedSessions } from '../callers/revoked-sessions.js'
import { Cycle } from '../tools/cycle.js'
import type { Timers } from '../tools/timers.js'

export interface RevocationTimes {
  /** From one reading to the next: while Redis says when there is something to read, and while it does not. */
  intervalMs: number
  intervalWithoutRedisMs: number
  /** Word of a revocation brings the next reading so near. Words in a row are one reading. */
  hurryMs: number
  /** A reading begins so long before the end of the last: by this age every row that is to come has come. */
  lateAgeMs: number
  /** All of them are read again so often: for what a server that stood still brought to light later than that. */
  allIntervalMs: number
}

export const revocationTimes: RevocationTimes = {
  intervalMs: 1_000,
  intervalWithoutRedisMs: 100,
  hurryMs: 5,
  lateAgeMs: 3_250,
  allIntervalMs: 60_000
}

const rowsPerReading = 2_000
const failedRetryMs = 250

/**
 * Keeps what this instance knows of ended sessions level with the database.
 *
 * All of them are read before anything is served, and then what is new: every second, at once when another instance
 * says by way of Redis that there is something, ten times a second while Redis is out. The word from Redis has no content:
 * who may publish there can make us look, and can end nobody's session.
 *
 * While the database is out what is known stays known, and no new one can be made.
 */
export class RevocationWatch {
  readonly #store: RevocationStore
  readonly #revoked: RevokedSessions
  readonly #redisInUse: () => boolean
  readonly #clock: Clock
  readonly #times: RevocationTimes
  readonly #cycle: Cycle
  /** The database's time up to which was read. */
  #readTo = 0
  #allReadAt = Number.NEGATIVE_INFINITY
  failed = 0

  constructor(parts: {
    store: RevocationStore
    revoked: RevokedSessions
    redisInUse: () => boolean
    clock: Clock
    timers: Timers
    times?: Partial<RevocationTimes>
  }) {
    this.#store = parts.store
    this.#revoked = parts.revoked
    this.#redisInUse = parts.redisInUse
    this.#clock = parts.clock
    this.#times = { ...revocationTimes, ...parts.times }
    this.#cycle = new Cycle(parts, () => this.#turn())
  }

  start(): void {
    this.#cycle.start(this.#interval())
  }

  stop(): Promise<void> {
    return this.#cycle.stop()
  }

  /** Somebody says that a session was ended. */
  lookNow(): void {
    this.#cycle.hurry(this.#times.hurryMs)
  }

  /** Redis went or came back. */
  redisChanged(): void {
    this.#cycle.hurry(this.#interval())
  }

  /** Throws StoreError. */
  async readAll(): Promise<void> {
    const startedAt = this.#clock.monotonic()
    let after: SessionId | undefined
    let firstNowMs: number | undefined
    for (;;) {
      const { revocations, nowMs } = await this.#store.readRevocations(after, rowsPerReading)
      firstNowMs ??= nowMs
      this.#revoked.learn(revocations)
      after = revocations.at(-1)?.session
      if (revocations.length < rowsPerReading) break
    }
    this.#revoked.forgetOver(firstNowMs)
    this.#readTo = firstNowMs
    this.#allReadAt = startedAt
  }

  /** Throws StoreError; what was not read then is read by the next. */
  async readNew(): Promise<void> {
    for (let since = this.#readTo - this.#times.lateAgeMs; ; ) {
      const { revocations, nowMs } = await this.#store.readRevocationsSince(since, rowsPerReading)
      this.#revoked.learn(revocations)
      const last = revocations.at(-1)
      if (revocations.length < rowsPerReading || last === undefined) {
        this.#readTo = nowMs
        return
      }
      // more in one millisecond than a reading holds: stepped over, and found when all are read
      since = Math.max(last.at, since + 1)
    }
  }

  async #turn(): Promise<number> {
    try {
      if (this.#clock.monotonic() - this.#allReadAt >= this.#times.allIntervalMs) await this.readAll()
      else await this.readNew()
      return this.#interval()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.failed += 1
      return failedRetryMs
    }
  }

  #interval(): number {
    return this.#redisInUse() ? this.#times.intervalMs : this.#times.intervalWithoutRedisMs
  }
}
