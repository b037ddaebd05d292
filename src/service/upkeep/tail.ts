import type { Clock } from '../../domain/clock.js'
import { StoreError } from '../../domain/errors.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { FastPath } from '../lane/fast-path.js'
import type { LiveFeed } from '../live/feed.js'
import { readWholeCalendar } from '../reading/whole-calendar.js'
import { Cycle } from '../tools/cycle.js'
import type { Timers } from '../tools/timers.js'

export interface TailTimes {
  /** From one eager reading to the next: while Redis carries the events, and while it does not. */
  intervalMs: number
  intervalWithoutRedisMs: number
  /** An eager reading begins so long before the end of the last one. */
  overlapMs: number
  /** From one late reading to the next. */
  lateIntervalMs: number
  /** By this age of a row, every statement that could still bring it to light has ended. */
  lateAgeMs: number
  /** A reading that took longer means that the database stood still. */
  stallMs: number
  /** A longer pause between two readings means that this process did. */
  gapMs: number
  /** Copies of rows are believed only while the last readings, eager and late, are no older. */
  eagerFreshMs: number
  lateFreshMs: number
  /** So long without a reading that succeeded is as good as a stall: a frozen database soon has no connection to give. */
  silenceMs: number
  rowsPerReadingMax: number
}

export const tailTimes: TailTimes = {
  intervalMs: 1_000,
  intervalWithoutRedisMs: 100,
  overlapMs: 250,
  lateIntervalMs: 1_000,
  // a statement has 2 s, and may wait 1 s for a lock
  lateAgeMs: 3_000,
  stallMs: 1_000,
  gapMs: 1_500,
  eagerFreshMs: 1_500,
  lateFreshMs: 2_500,
  silenceMs: 2_500,
  rowsPerReadingMax: 5_000
}

const failedRetryMs = 250
const failedRetryMsMax = 1_000

/**
 * Reads from the database what changed lately. It repairs what was lost on the way through Redis, and while Redis is
 * out it is the live feed between instances. (One embedded instance has nobody to hear from, and no tail.)
 *
 * A row carries the time at which its statement began, and comes to light when that statement commits, up to three
 * seconds later. A reader that only goes on from where it was would miss it. So there are two passes. The eager one
 * brings nearly everything, soon. The late one reads each row once more when it is three seconds old, and by then
 * nothing can turn up behind it any more. That holds as long as the servers' own limits do, and they do not while
 * the database stands still: after a stall (a slow reading, a long pause, or a while in which none succeeded) every
 * watched calendar is read as a whole, at once because people are looking, and again three seconds later, when what the
 * stall held up has ended.
 *
 * When the database's clock steps back, rows are written under times that were read already. Then both passes begin
 * anew, and every watched calendar is read as a whole in the same way.
 *
 * While nobody is connected, nobody watches and no copies of rows are read it reads nothing, and begins anew with the first
 * who does: they have read a snapshot, and the first reading reaches far enough back to meet it.
 *
 * It is also what makes copies of rows in Redis fit to be read (reading/cached-rows.ts): it knows of every change, of whichever
 * calendar, that was committed since it began, but for the last second or two. A copy from before that, or from before the
 * end of a stall, may lack a change that nobody will bring any more: `trustFromMs` says from when on one is believed.
 */
export class Tail {
  readonly #store: LockStore
  readonly #feed: LiveFeed
  readonly #fastPath: FastPath
  readonly #clock: Clock
  readonly #times: TailTimes
  readonly #cycle: Cycle
  readonly #copiesInUse: () => boolean
  #trustFromMs: number | undefined
  /** Monotonic times at which the last eager reading that succeeded began. */
  #eagerAt = Number.NEGATIVE_INFINITY
  /** The database's time up to which each pass has read; undefined: begin anew. */
  #eagerTo: number | undefined
  #lateTo: number | undefined
  #selectionsTo: number | undefined
  /** The database's time of the last reading. */
  #readAtMs = Number.NEGATIVE_INFINITY
  #lateAt = Number.NEGATIVE_INFINITY
  #lastReadingEndedAt: number | undefined
  #lastSuccessAt: number | undefined
  /** Monotonic times at which all watched calendars are to be read as a whole. */
  #snapshotsAt: number[] = []
  #failures = 0
  #stopped = false
  /** What the tail found that nothing else had brought, and that was too old to be merely on its way. */
  repaired = 0
  snapshots = 0
  readings = 0
  failed = 0
  /** Times that the database's clock was found to have stepped back. */
  steppedBack = 0
  /** How far behind the present it is, while readings come back full; else 0. */
  lagMs = 0

  constructor(parts: {
    store: LockStore
    feed: LiveFeed
    fastPath: FastPath
    clock: Clock
    timers: Timers
    times?: Partial<TailTimes>
    /** Whether copies of rows are read here. */
    copiesInUse?: () => boolean
  }) {
    this.#store = parts.store
    this.#feed = parts.feed
    this.#fastPath = parts.fastPath
    this.#clock = parts.clock
    this.#times = { ...tailTimes, ...parts.times }
    this.#copiesInUse = parts.copiesInUse ?? (() => false)
    this.#cycle = new Cycle(parts, () => this.#turn())
  }

  start(): void {
    this.#cycle.start(this.#interval())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#cycle.stop()
  }

  /** See Watchfulness. */
  get trustFromMs(): number | undefined {
    const now = this.#clock.monotonic()
    const { eagerFreshMs, lateFreshMs } = this.#times
    const fresh = now - this.#eagerAt <= eagerFreshMs && now - this.#lateAt <= lateFreshMs
    return fresh ? this.#trustFromMs : undefined
  }

  /** Redis went or came back: the next reading is due by the new interval. */
  redisChanged(): void {
    this.#cycle.hurry(this.#interval())
  }

  /** One turn of both passes. Throws StoreError; what was not read then is read by the next. */
  async poll(): Promise<void> {
    const startedAt = this.#clock.monotonic()
    if (!this.#feed.observed && !this.#copiesInUse()) {
      this.#forget()
      // a pause counts from here too: who stands still between the first snapshot and the first reading misses as much
      this.#lastReadingEndedAt = startedAt
      return
    }
    this.#lastSuccessAt ??= startedAt
    const silentMs = startedAt - this.#lastSuccessAt
    try {
      await this.#eagerPass()
      this.#eagerAt = startedAt
      if (!this.#fastPath.open) await this.#selectionPass()
      if (startedAt - this.#lateAt >= this.#times.lateIntervalMs) {
        await this.#latePass()
        this.#lateAt = startedAt
      }
    } finally {
      this.#readingEnded(startedAt)
    }
    if (silentMs > this.#times.silenceMs) this.#stoodStill()
    await this.#snapshotIfDue()
    this.#lastSuccessAt = this.#clock.monotonic()
  }

  /** Finds out whether the database stood still while it was read, or this process since the reading before. */
  #readingEnded(startedAt: number): void {
    const endedAt = this.#clock.monotonic()
    const pausedMs = startedAt - (this.#lastReadingEndedAt ?? startedAt)
    this.#lastReadingEndedAt = endedAt
    if (endedAt - startedAt > this.#times.stallMs || pausedMs > this.#times.gapMs) this.#stoodStill()
  }

  #stoodStill(): void {
    const now = this.#clock.monotonic()
    this.#snapshotsAt = [now, now + this.#times.lateAgeMs]
    this.#distrustUntil(this.#store.nowMs())
  }

  /** What was held up until then ends within `lateAgeMs`, and nobody would bring it to a copy that was made before. */
  #distrustUntil(databaseMs: number): void {
    this.#trust(databaseMs + this.#times.lateAgeMs)
  }

  /** Never from earlier than was said before: a stall during the first reading of all counts too. */
  #trust(fromMs: number): void {
    this.#trustFromMs = Math.max(this.#trustFromMs ?? Number.NEGATIVE_INFINITY, fromMs)
  }

  async #turn(): Promise<number> {
    try {
      await this.poll()
      this.#failures = 0
      return this.#interval()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.failed += 1
      this.#failures += 1
      return Math.min(failedRetryMsMax, failedRetryMs * 2 ** (this.#failures - 1))
    }
  }

  #interval(): number {
    return this.#fastPath.open ? this.#times.intervalMs : this.#times.intervalWithoutRedisMs
  }

  #forget(): void {
    this.#eagerTo = undefined
    this.#lateTo = undefined
    this.#trustFromMs = undefined
    this.#selectionsTo = undefined
    this.#lastReadingEndedAt = undefined
    this.#lastSuccessAt = undefined
    this.#readAtMs = Number.NEGATIVE_INFINITY
    this.#snapshotsAt = []
    this.lagMs = 0
  }

  async #eagerPass(): Promise<void> {
    // The first who watches may have read a snapshot while the tail was asleep.
    const { lateAgeMs, intervalMs, overlapMs } = this.#times
    const isFirst = this.#eagerTo === undefined
    const since = (this.#eagerTo ?? this.#store.nowMs() - lateAgeMs - intervalMs) - overlapMs
    this.#eagerTo = await this.#read(since, undefined)
    // what a copy from then on may lack began at most `lateAgeMs` before it, and was read just now or will be
    if (isFirst) this.#trust(since + lateAgeMs)
  }

  async #latePass(): Promise<void> {
    // By the reading just made: the store's own idea of the time follows a step of the clock only later.
    const asOf = this.#readAtMs
    const until = asOf - this.#times.lateAgeMs
    const since = this.#lateTo ?? until - this.#times.lateIntervalMs
    if (until <= since) return
    if ((await this.#read(since, until)) >= asOf) this.#lateTo = until
  }

  async #selectionPass(): Promise<void> {
    const { overlapMs, rowsPerReadingMax } = this.#times
    const since = (this.#selectionsTo ?? this.#store.nowMs() - this.#times.intervalMs) - overlapMs
    const { selections, nowMs } = await this.#store.readSelectionChanges(since, rowsPerReadingMax)
    this.#selectionsTo = nowMs
    this.#feed.absorb({
      rows: [],
      locks: [],
      selections: selections.filter(selection => this.#feed.isWatched(selection.calendar))
    })
  }

  /** Reads on at once while readings come back full. Answers with the database's time of the last one. */
  async #read(sinceMs: number, untilMs: number | undefined): Promise<number> {
    const { rowsPerReadingMax, overlapMs } = this.#times
    for (let since = sinceMs; ; ) {
      const { rows, locks, nowMs } = await this.#store.readChanges(since, rowsPerReadingMax, untilMs)
      this.readings += 1
      if (nowMs < this.#readAtMs) this.#beginAnew(nowMs)
      this.#readAtMs = nowMs
      const news = this.#feed.absorb({ rows, locks, selections: [] })
      const newRows = new Set<unknown>(news.rows)
      for (const row of rows) if (newRows.has(row) && nowMs - row.updatedAt > overlapMs) this.repaired += 1

      const full = [rows, locks].filter(some => some.length >= rowsPerReadingMax)
      const reached = Math.min(...full.map(some => some[some.length - 1]!.updatedAt))
      if (full.length === 0 || this.#stopped || reached >= (untilMs ?? Number.POSITIVE_INFINITY)) {
        this.lagMs = 0
        return nowMs
      }
      this.lagMs = nowMs - reached
      if (reached > since) {
        since = reached
      } else {
        // More changed in one millisecond than a reading holds: what is stepped over comes with a snapshot.
        since = reached + 1
        this.#snapshotsAt.push(this.#clock.monotonic())
        this.#distrustUntil(nowMs)
      }
    }
  }

  #beginAnew(nowMs: number): void {
    this.steppedBack += 1
    // until it has caught up, a time does not say which of two readings was first
    this.#distrustUntil(this.#readAtMs)
    this.#eagerTo = nowMs
    this.#lateTo = undefined
    if (this.#selectionsTo !== undefined) this.#selectionsTo = nowMs - this.#times.intervalMs
    const now = this.#clock.monotonic()
    this.#snapshotsAt.push(now, now + this.#times.lateAgeMs)
  }

  async #snapshotIfDue(): Promise<void> {
    const now = this.#clock.monotonic()
    if (!this.#snapshotsAt.some(at => at <= now)) return
    // Each piece is timed by itself: all of them may well take longer than a stall, and that would never end.
    const timed: Pick<LockStore, 'readRange' | 'nowMs'> = {
      nowMs: () => this.#store.nowMs(),
      readRange: async (...range) => {
        const startedAt = this.#clock.monotonic()
        const rows = await this.#store.readRange(...range)
        this.#readingEnded(startedAt)
        return rows
      }
    }
    for (const calendar of this.#feed.watched()) {
      if (this.#stopped) return
      const rows = await readWholeCalendar(timed, calendar)
      const news = this.#feed.absorb({ rows, locks: [], selections: [] })
      this.repaired += news.rows.length
      this.snapshots += 1
    }
    this.#snapshotsAt = this.#snapshotsAt.filter(at => at > now)
  }
}
