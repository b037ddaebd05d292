import { parseBookingId, parseSlotId, type SlotId } from '../../domain/ids.js'
import { type BookingRecord, bookingsPageMax } from '../../domain/lock.js'
import type { LockStore } from '../../domain/lock-store.js'
import { isDeskOf, notCovered } from '../answers/access.js'
import { done, type Handlers, invalid } from '../answers/refusal.js'
import { bookingNotFound } from '../answers/refusals.js'
import { deskBookingView } from '../answers/views.js'
import type { CalendarDirectory } from './calendars.js'
import { coveredRecord } from './covered-calendar.js'
import { openRangeOf } from './date-range.js'

const bookingsPerPage = 100

/** Bookings as those see them who look after them. The cursor of a page is its last slot. */
export function bookingsDeskHandlers(deps: {
  store: Pick<LockStore, 'readBookedSlots' | 'readBooking'>
  calendars: CalendarDirectory
}): Pick<Handlers, 'listBookings' | 'readBooking'> {
  const { store, calendars } = deps
  return {
    async listBookings(caller, params) {
      const { limit = bookingsPerPage } = params
      const after = params.cursor === undefined ? undefined : parseSlotId(params.cursor)
      if (params.cursor !== undefined && after === undefined) return invalid('cursor', 'is none of ours')
      const range = await openRangeOf(caller, calendars, params)
      if (!range.ok) return range
      const { calendar, fromMs, toMs } = range.value
      const slotsMax = Math.min(limit, bookingsPageMax)
      const rows = await store.readBookedSlots({
        calendar,
        fromMs,
        toMs,
        after: after && { startMs: after.startMs, slot: after.id },
        slotsMax
      })
      return done({
        bookings: rows
          .filter(({ slot, booking }) => slot === firstSlotOf(booking, fromMs))
          .map(({ booking }) => deskBookingView(booking)),
        ...(rows.length < slotsMax ? {} : { cursor: rows.at(-1)!.slot })
      })
    },

    async readBooking(caller, params) {
      const id = parseBookingId(params.booking)
      const known = id === undefined ? undefined : await store.readBooking(id)
      if (known === undefined) return bookingNotFound()
      if (!isDeskOf(caller, known.calendar)) return notCovered(known.calendar)
      const may = await coveredRecord(caller, calendars, known)
      return may.ok ? done({ booking: deskBookingView(known) }) : may
    }
  }
}

/** Of several slots a booking is told with the first that is asked for, so that it is told once, whatever the pages. */
function firstSlotOf({ slots }: BookingRecord, fromMs: number): SlotId | undefined {
  const [first] = slots
    .flatMap(slot => parseSlotId(slot) ?? [])
    .filter(({ startMs }) => startMs >= fromMs)
    .sort((a, b) => a.startMs - b.startMs || (a.id < b.id ? -1 : 1))
  return first?.id
}
