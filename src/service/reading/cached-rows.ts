import { credibleVersionMax } from '../../domain/clock.js'
import type { CalendarId } from '../../domain/ids.js'
import type { LockStore } from '../../domain/lock-store.js'
import {
  type CachedDay,
  type CalendarDay,
  cachedDayTtlMs,
  daysPerReadMax,
  endOfDay,
  type Lease,
  rowsPerDayMax,
  startOfDay,
  type UtcDay,
  utcDayOf,
  utcDaysOf
} from '../../domain/row-cache.js'
import type { SlotRow } from '../../domain/slot.js'
import type { FastPath } from '../lane/fast-path.js'
import type { SeenChanges } from '../live/seen-changes.js'
import { Cycle } from '../tools/cycle.js'
import type { Timers } from '../tools/timers.js'
import { readAllRows, startOf } from './whole-calendar.js'

/** How well this instance knows what changes, from its own reading of changes. */
export interface Watchfulness {
  /**
   * A copy from this time of the database's clock, or later, that lacks no change seen here lacks nothing that is
   * older than a second or two. undefined: no copy may be believed now.
   */
  readonly trustFromMs: number | undefined
}

/** Fills under way, from their lease on; past it a reading does not fill. */
const fillsUnderwayMax = 16
/** Days that were read and not noted yet; past it the rest is not noted. */
const notesMax = 5_000
const noteIntervalMs = 1_000
/** A fill is said to be so much older than it is: this side's idea of the database's clock may be ahead. */
const clockErrorMs = 500
/** So long after the last reading the changes are still watched, for the next one. */
const inUseMs = 300_000

/** The part of a pino logger that is needed here. */
export interface ReadingLog {
  debug(fields: object, message: string): void
}

/**
 * Rows for readings, through Redis. One question to Redis for all days of a reading; for those that it does not have, or
 * that may not be believed, one reading of the database, which goes to Redis behind the answer's back.
 *
 * What is in Redis is believed only as far as this instance can tell for itself that nothing is missing from it:
 *
 *  1. It lacks no change that was seen here (SeenChanges): made here, heard, or read by the tail. So who changed something
 *     here sees it, and a screen is never given a snapshot that is older than what this instance has told screens.
 *  2. It was filled when the tail of this instance was reading all changes already, and the tail still does. So what nobody
 *     told Redis is missing for a second or two, as long as the tail takes, and the screens that got a snapshot without
 *     it are told then, for to the feed it is news.
 *  3. The breaker is closed.
 *
 * Whatever does not hold, the database is asked. So Redis may lose writes, be emptied, be replaced by an older copy of
 * itself, or never hear of a change, and no reading is wrong for longer than it would be if a message had been lost.
 *
 * Nothing here is for decisions: who locks, books or refuses asks the database.
 */
export class CachedRows {
  readonly #store: Pick<LockStore, 'readRange' | 'nowMs'>
  readonly #fastPath: FastPath
  readonly #seen: SeenChanges
  readonly #watchfulness: () => Watchfulness | undefined
  readonly #clock: { monotonic(): number }
  readonly #log: ReadingLog
  readonly #notes: Cycle
  /** `<calendar> <day>` → rows, since the last note. */
  #read = new Map<string, CalendarDay & { rows: number }>()
  #noted = { hits: 0, misses: 0 }
  #fills = 0
  #usedAt = Number.NEGATIVE_INFINITY
  /** Readings answered from Redis alone; that asked the database; and of these, without asking Redis. */
  hits = 0
  misses = 0
  bypassed = 0
  /** Days found in Redis that were not believed. */
  distrusted = 0
  daysFilled = 0

  constructor(parts: {
    store: Pick<LockStore, 'readRange' | 'nowMs'>
    fastPath: FastPath
    seen: SeenChanges
    /** undefined: nobody reads the changes, so no copy is believed. */
    watchfulness: () => Watchfulness | undefined
    clock: { now(): number; monotonic(): number }
    timers: Timers
    log: ReadingLog
  }) {
    this.#store = parts.store
    this.#fastPath = parts.fastPath
    this.#seen = parts.seen
    this.#watchfulness = parts.watchfulness
    this.#clock = parts.clock
    this.#log = parts.log
    this.#notes = new Cycle(parts, async () => {
      await this.#note()
      return noteIntervalMs
    })
  }

  start(): void {
    this.#notes.start(noteIntervalMs)
  }

  async stop(): Promise<void> {
    await this.#notes.stop()
  }

  /** Somebody reads: the changes must be watched, or no copy could be believed. */
  get inUse(): boolean {
    return this.#clock.monotonic() - this.#usedAt < inUseMs
  }

  /** Has the changes watched from now on; true once a copy that is made now would be believed. */
  prepare(): boolean {
    this.#usedAt = this.#clock.monotonic()
    return this.#watchfulness()?.trustFromMs !== undefined
  }

  /** All rows of [fromMs, toMs) that a reading must know of. Throws StoreError. */
  async rows(calendar: CalendarId, fromMs: number, toMs: number): Promise<SlotRow[]> {
    const days = fromMs < 0 ? [] : utcDaysOf(fromMs, toMs)
    if (!this.#fastPath.open || days.length === 0 || days.length > daysPerReadMax) {
      this.bypassed += 1
      this.#count('misses')
      this.#log.debug({ calendar, days: days.length }, `reading of calendar ${calendar}: miss, without Redis`)
      return await readAllRows(this.#store, calendar, fromMs, toMs)
    }
    this.#usedAt = this.#clock.monotonic()
    const kept = await this.#believed(calendar, days)
    const missing = days.filter(day => !kept.has(day))
    if (missing.length > 0) {
      this.#count('misses')
      this.#log.debug(
        { calendar, days: days.length, missing: missing.length },
        `reading of calendar ${calendar}: miss`
      )
      const { byDay } = await this.#fill(calendar, missing)
      for (const [day, rows] of byDay) kept.set(day, rows)
    } else {
      this.#count('hits')
      this.#log.debug({ calendar, days: days.length }, `reading of calendar ${calendar}: hit`)
    }
    const within: SlotRow[] = []
    for (const day of days) {
      const rows = kept.get(day) ?? []
      this.#noteRead(calendar, day, rows.length)
      const whole = startOfDay(day) >= fromMs && endOfDay(day) <= toMs
      for (const row of rows) if (whole || isWithin(row, fromMs, toMs)) within.push(row)
    }
    return within
  }

  /** Reads these days from the database and brings those to Redis that are not to be believed there. Throws StoreError. */
  async warm(calendar: CalendarId, days: readonly UtcDay[]): Promise<{ filled: number }> {
    this.#usedAt = this.#clock.monotonic()
    const kept = await this.#believed(calendar, days)
    const missing = days.filter(day => !kept.has(day))
    if (missing.length === 0) return { filled: 0 }
    const { put } = await this.#fill(calendar, missing)
    return { filled: await put }
  }

  /** A day's rows by the day, of those that Redis has and that may be believed. */
  async #believed(calendar: CalendarId, days: readonly UtcDay[]): Promise<Map<UtcDay, SlotRow[]>> {
    const believed = new Map<UtcDay, SlotRow[]>()
    const trustFromMs = this.#watchfulness()?.trustFromMs
    // after a start and a stall nothing is believed for a while, so it need not be fetched
    if (trustFromMs === undefined || trustFromMs > this.#store.nowMs()) return believed
    const found = await this.#fastPath.attempt(lane => lane.rows.read(calendar, days))
    if (found === undefined) return believed
    // asked for after Redis has answered: what was seen up to now counts
    for (const [day, cached] of found) {
      if (this.#isBelieved(calendar, day, cached)) believed.set(day, [...cached.rows.values()])
      else {
        this.distrusted += 1
        this.#log.debug({ calendar, day }, `copy of ${day} of calendar ${calendar}: invalidated`)
      }
    }
    return believed
  }

  #isBelieved(calendar: CalendarId, day: UtcDay, cached: CachedDay): boolean {
    const trustFromMs = this.#watchfulness()?.trustFromMs
    const nowMs = this.#store.nowMs()
    const { asOfMs, rows } = cached
    if (trustFromMs === undefined || asOfMs < trustFromMs) return false
    if (asOfMs <= this.#seen.forgottenAtMs) return false
    // older than it can be, or from a time to come: a clock has stepped
    if (asOfMs < nowMs - cachedDayTtlMs || asOfMs > nowMs) return false
    const verMax = credibleVersionMax(nowMs)
    for (const row of rows.values()) if (row.ver > verMax) return false
    return !this.#seen.isBehind({ calendar, day }, cached)
  }

  /**
   * One reading of the database, from the first of these days to the last. `put`: how many days are brought to Redis in the
   * end; it never rejects.
   */
  async #fill(
    calendar: CalendarId,
    missing: readonly UtcDay[]
  ): Promise<{ byDay: Map<UtcDay, SlotRow[]>; put: Promise<number> }> {
    const fills = this.#fills < fillsUnderwayMax
    if (fills) this.#fills += 1
    let put: Promise<number> | undefined
    try {
      const lease = fills
        ? await this.#fastPath.attempt(lane => lane.rows.lease(calendar, missing))
        : undefined
      const asOfMs = this.#store.nowMs() - clockErrorMs
      const rows = await readAllRows(
        this.#store,
        calendar,
        startOfDay(missing[0]!),
        endOfDay(missing.at(-1)!)
      )
      const byDay = new Map<UtcDay, SlotRow[]>(missing.map(day => [day, []]))
      for (const row of rows) byDay.get(utcDayOf(row.slot))?.push(row)
      if (lease === undefined || lease.days.length === 0) return { byDay, put: Promise.resolve(0) }
      put = this.#put(calendar, lease, byDay, asOfMs)
      return { byDay, put }
    } finally {
      if (fills && put === undefined) this.#fills -= 1
    }
  }

  async #put(
    calendar: CalendarId,
    lease: Lease,
    byDay: ReadonlyMap<UtcDay, SlotRow[]>,
    asOfMs: number
  ): Promise<number> {
    try {
      const filled = await this.#fastPath.attempt(lane => lane.rows.put(calendar, lease, byDay, asOfMs))
      this.daysFilled += filled?.length ?? 0
      return filled?.length ?? 0
    } finally {
      this.#fills -= 1
    }
  }

  #count(what: 'hits' | 'misses'): void {
    this[what] += 1
    this.#noted[what] += 1
  }

  #noteRead(calendar: CalendarId, day: UtcDay, rows: number): void {
    // it is not kept, so it takes nobody's place
    if (rows > rowsPerDayMax) return
    const key = `${calendar} ${day}`
    if (this.#read.size < notesMax || this.#read.has(key)) this.#read.set(key, { calendar, day, rows })
  }

  async #note(): Promise<void> {
    const [read, counts] = [this.#read, this.#noted]
    if (!this.#fastPath.open || (read.size === 0 && counts.hits + counts.misses === 0)) return
    this.#read = new Map()
    this.#noted = { hits: 0, misses: 0 }
    await this.#fastPath.attempt(async lane => {
      await lane.rows.note([...read.values()], counts)
      return true
    })
  }
}

function isWithin(row: SlotRow, fromMs: number, toMs: number): boolean {
  const startMs = startOf(row)
  return startMs >= fromMs && startMs < toMs
}
