import type { CalendarId } from '../../domain/ids.js'
import type { LockRecord } from '../../domain/lock.js'
import type { SlotRow } from '../../domain/slot.js'

/**
 * Tells whoever is connected, here and on other instances, what has been committed.
 *
 * Fire and forget: a call returns at once and never throws, for the answer to the one who asked must not wait for
 * Redis. What gets lost on the way is repaired by the tail. Only committed states are announced, each with its
 * version, so calling twice or out of order does no harm.
 */
export interface Announcer {
  announceSlots(calendar: CalendarId, rows: readonly SlotRow[]): void
  /** To the connections of the lock's owner. */
  announceLock(lock: LockRecord): void
  announceCalendar(calendar: CalendarId): void
  /** Some session was ended; the others read in the database which. */
  announceRevocation(): void
}

export interface Witnesses {
  announcer: Announcer
  /** The gate: what is taken here is known here at once, whether or not anybody watches the calendar. */
  gate: { learn(rows: readonly SlotRow[]): void }
}

/** Tells everybody of a change that was committed. No rows: it had been made before, and was told then. */
export function announceChange(
  { announcer, gate }: Witnesses,
  rows: readonly SlotRow[],
  ...locks: readonly LockRecord[]
): void {
  if (rows.length === 0) return
  gate.learn(rows)
  // a lock may replace one of another calendar
  for (const calendar of new Set(rows.map(row => row.calendar))) {
    announcer.announceSlots(
      calendar,
      rows.filter(row => row.calendar === calendar)
    )
  }
  for (const lock of locks) announcer.announceLock(lock)
}
