import type { Clock, Random } from '../../domain/clock.js'
import { StoreError } from '../../domain/errors.js'
import type { CalendarId, LockId } from '../../domain/ids.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { SlotRow } from '../../domain/slot.js'
import type { FeedEvent, LiveFeed, Origin } from '../live/feed.js'
import { Cycle } from '../tools/cycle.js'
import { Deadlines } from '../tools/deadlines.js'
import type { Timers } from '../tools/timers.js'

export interface SweepTimes {
  /** Whoever granted a lock sweeps so long after its end, by the database's clock as known here. */
  ownDelayMs: number
  /** Everybody else so long after, in case the first is dead; the jitter keeps them from coming together. */
  othersDelayMs: number
  othersJitterMs: number
  /** A sweep about so often at least, to hear of locks that others granted. */
  intervalMs: number
  /** Two sweeps are never closer than this, however the ends fall. */
  pauseMs: number
  locksPerSweepMax: number
}

export const sweepTimes: SweepTimes = {
  ownDelayMs: 3,
  othersDelayMs: 40,
  othersJitterMs: 40,
  intervalMs: 1_000,
  pauseMs: 5,
  locksPerSweepMax: 200
}

/** Own locks past it are swept by the others' rule: some 40 ms later. */
const ownLocksMax = 50_000
const failedRetryMs = 100
const failedRetryMsMax = 2_000

/**
 * Makes expiry visible. A lock that is over is free to whoever takes it, swept or not; the sweep is for the screens,
 * so that a slot turns free in front of everybody at the moment when its time is up, with nobody asking for it.
 *
 * Each instance knows when its own grants end, from the feed, and when the earliest lock of all ends, from its last
 * sweep, one second ago at most. It sleeps until the earlier of the two: right after the end of its own, and tens of
 * milliseconds after the end of somebody else's, who will nearly always have been there first. The database decides
 * what is over; a sweep that comes too early finds nothing and says when to come back.
 */
export class Sweep {
  readonly #store: LockStore
  readonly #feed: LiveFeed
  readonly #clock: Clock
  readonly #random: Random
  readonly #times: SweepTimes
  readonly #cycle: Cycle
  readonly #own = new Deadlines<LockId>(ownLocksMax)
  #stopListening = (): void => {}
  /** The earliest end of all, as of the last sweep. */
  #nextExpiryAt: number | undefined
  #lastSweptAt: number | undefined
  #failures = 0
  #stopped = false
  swept = 0
  sweeps = 0
  failed = 0
  /** From the end of a lock to when it was announced here, the last one. */
  lagMs = 0

  constructor(parts: {
    store: LockStore
    feed: LiveFeed
    clock: Clock
    timers: Timers
    random: Random
    times?: Partial<SweepTimes>
  }) {
    this.#store = parts.store
    this.#feed = parts.feed
    this.#clock = parts.clock
    this.#random = parts.random
    this.#times = { ...sweepTimes, ...parts.times }
    this.#cycle = new Cycle(parts, () => this.#turn())
  }

  start(): void {
    this.#stopListening = this.#feed.listen((event, origin) => this.#hear(event, origin))
    this.#cycle.start()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#stopListening()
    await this.#cycle.stop()
  }

  /** Frees what is over and tells everybody. Throws StoreError; then the next sweep finds it. */
  async sweep(): Promise<void> {
    const { locksPerSweepMax } = this.#times
    for (let full = true; full && !this.#stopped; ) {
      const { ended, rows, nextExpiryAt } = await this.#store.sweep(locksPerSweepMax)
      // Another instance may have taken its share of the same batch; a large part of one means that there is more.
      full = ended.length >= locksPerSweepMax / 8
      this.#nextExpiryAt = nextExpiryAt
      this.#lastSweptAt = this.#clock.monotonic()
      this.sweeps += 1
      this.swept += ended.length
      for (const [calendar, some] of byCalendar(rows)) this.#feed.announceSlots(calendar, some)
      const now = this.#store.nowMs()
      for (const lock of ended.sort((a, b) => a.expiresAt - b.expiresAt)) {
        this.#own.delete(lock.id)
        this.#feed.announceLock(lock)
        this.lagMs = now - lock.expiresAt
      }
    }
  }

  #hear(event: FeedEvent, origin: Origin): void {
    if (event.kind !== 'slots') return
    for (const row of event.rows) {
      if (row.token === null) continue
      if (row.state !== 'locked') this.#own.delete(row.token)
      else if (origin === 'here') this.#own.set(row.token, row.expiresAt)
    }
    if (origin === 'here' && this.#own.size > 0) this.#cycle.hurry(this.#untilNextMs())
  }

  async #turn(): Promise<number> {
    try {
      this.#dropDue()
      await this.sweep()
      this.#failures = 0
      return this.#untilNextMs()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.failed += 1
      this.#failures += 1
      const delayMs = Math.min(failedRetryMsMax, failedRetryMs * 2 ** (this.#failures - 1))
      return delayMs * (0.5 + this.#random() / 2)
    }
  }

  /** Whatever the sweep makes of them: one that was extended elsewhere is not due again by the old time. */
  #dropDue(): void {
    const now = this.#store.nowMs() - this.#times.ownDelayMs
    while (this.#own.takeDue(now) !== undefined);
  }

  #untilNextMs(): number {
    const { ownDelayMs, othersDelayMs, othersJitterMs, intervalMs, pauseMs } = this.#times
    const now = this.#store.nowMs()
    const dues = [intervalMs * (0.9 + 0.2 * this.#random())]
    const own = this.#own.nextAt()
    if (own !== undefined) dues.push(own + ownDelayMs - now)
    const others = this.#nextExpiryAt
    if (others !== undefined) dues.push(others + othersDelayMs + this.#random() * othersJitterMs - now)
    const sinceLastMs = this.#clock.monotonic() - (this.#lastSweptAt ?? Number.NEGATIVE_INFINITY)
    return Math.max(Math.min(...dues), pauseMs - sinceLastMs, 0)
  }
}

function byCalendar(rows: readonly SlotRow[]): Map<CalendarId, SlotRow[]> {
  const groups = new Map<CalendarId, SlotRow[]>()
  for (const row of rows) {
    const group = groups.get(row.calendar)
    if (group === undefined) groups.set(row.calendar, [row])
    else group.push(row)
  }
  return groups
}
