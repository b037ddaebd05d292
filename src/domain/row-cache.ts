import type { CalendarId, SlotId } from './ids.js'
import type { SlotRow } from './slot.js'

/** A day in UTC, `2026-01-15`: what rows are kept by, whatever the calendar's time zone is. */
export type UtcDay = string & { readonly brand: 'UtcDay' }

const dayMs = 86_400_000

/** The day that a slot begins in; it is spelled in its name. */
export function utcDayOf(slot: SlotId): UtcDay {
  const at = slot.indexOf('/') + 1
  return slot.slice(at, at + 10) as UtcDay
}

export const startOfDay = (day: UtcDay): number => Date.parse(day)
export const endOfDay = (day: UtcDay): number => Date.parse(day) + dayMs

/** The days that [fromMs, toMs) has a part of. */
export function utcDaysOf(fromMs: number, toMs: number): UtcDay[] {
  const days: UtcDay[] = []
  for (let at = Math.floor(fromMs / dayMs) * dayMs; at < toMs; at += dayMs) {
    days.push(new Date(at).toISOString().slice(0, 10) as UtcDay)
  }
  return days
}

export interface CalendarDay {
  calendar: CalendarId
  day: UtcDay
}

/** The rows of one day, as the database had them. */
export interface CachedDay {
  /** By the database's clock: every change that was committed by then is in it. Later ones may be. */
  asOfMs: number
  rows: ReadonlyMap<SlotId, SlotRow>
}

/** The right to bring the rows of these days. */
export interface Lease {
  nonce: string
  days: UtcDay[]
}

export interface RowCacheStats {
  /** Readings of all instances since Redis was empty: answered from it, and asked of the database. */
  hits: number
  misses: number
  /** Days that are kept now, and what they take of Redis' memory. */
  totalKeys: number
  memoryBytes: number
}

/**
 * Copies of rows, by calendar and day, in Redis: for readings and for nothing else. A copy may be missing, old or of
 * another time at any moment, so whoever reads it must know by other means what has changed since; no decision may
 * come from it.
 *
 * A day is filled under a lease: it is announced before the rows are read from the database, what settles meanwhile is
 * put beside the announcement, and of each slot the greater version stays. A fill whose announcement has gone changes
 * nothing. Every method may throw StoreUnavailable.
 */
export interface RowCache {
  /** Those that are filled; at most `daysPerReadMax` days. */
  read(calendar: CalendarId, days: readonly UtcDay[]): Promise<Map<UtcDay, CachedDay>>

  /** Announces a fill of these days, but for those that somebody else is filling. At most `daysPerReadMax`. */
  lease(calendar: CalendarId, days: readonly UtcDay[]): Promise<Lease>

  /** Answers with the days that were filled. A day of more than `rowsPerDayMax` rows is left out. */
  put(
    calendar: CalendarId,
    lease: Lease,
    rows: ReadonlyMap<UtcDay, readonly SlotRow[]>,
    asOfMs: number
  ): Promise<UtcDay[]>

  /**
   * Notes which days were read and how often a reading was a hit. Days that were not read the longest leave when there is too
   * much of them. Never sent again: what is lost is missing from the counts.
   */
  note(
    read: readonly (CalendarDay & { rows: number })[],
    counts: { hits: number; misses: number }
  ): Promise<void>

  /** What was read last, the latest first. */
  lately(daysMax: number): Promise<CalendarDay[]>

  stats(): Promise<RowCacheStats>
}

/** As many as a reading may name, and one for a zone that is not UTC. */
export const daysPerReadMax = 63
/**
 * A day with more is not kept, and one that has grown past it leaves. It is read from the database: nobody waits for
 * Redis to hand over megabytes.
 */
export const rowsPerDayMax = 1_000
/** A copy lives for so long at most, a fifth of it being left to chance. */
export const cachedDayTtlMs = 3_600_000
