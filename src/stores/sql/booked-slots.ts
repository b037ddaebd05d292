import type { SlotId } from '../../domain/ids.js'
import type { BookingRecord } from '../../domain/lock.js'
import type { BookingQuery } from '../../domain/lock-store.js'
import type { StoreContext } from './context.js'
import { bookingColumns, textOf, toBooking } from './rows.js'

/**
 * Bookings by time, found by the slots that they have booked: these are in the order of their starts in an index, and a
 * cancelled booking has none. Its lock is what names it in both tables.
 */
export async function readBookedSlots(
  context: StoreContext,
  { calendar, fromMs, toMs, after, slotsMax }: BookingQuery
): Promise<{ slot: SlotId; booking: BookingRecord }[]> {
  const later =
    after === undefined ? '' : 'AND (s.start_ms > :start OR (s.start_ms = :start AND s.slot > :slot))'
  const columns = bookingColumns
    .split(', ')
    .map(column => `b.${column}`)
    .join(', ')
  const [rows] = await context.db.read([
    {
      text: `SELECT s.slot AS booked_slot, ${columns} FROM slots s INNER JOIN bookings b ON b.lock_id = s.token
        WHERE s.calendar = :calendar AND s.state = 'booked' AND b.state = 'booked'
          AND s.start_ms >= :from AND s.start_ms < :to ${later}
        ORDER BY s.start_ms, s.slot LIMIT :most`,
      values: {
        calendar,
        from: Math.max(fromMs, after?.startMs ?? fromMs),
        to: toMs,
        most: slotsMax,
        ...(after === undefined ? {} : { start: after.startMs, slot: after.slot })
      }
    }
  ])
  return rows!.map(row => ({ slot: textOf(row, 'booked_slot') as SlotId, booking: toBooking(row) }))
}
