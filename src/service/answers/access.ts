import type { CalendarDefinition } from '../../domain/calendar.js'
import type { CalendarId, SessionId } from '../../domain/ids.js'
import type { Caller } from '../callers/caller.js'
import { done, type Outcome, refuse } from './refusal.js'

/** The operations' table lets nobody without a session get here; a caller without one is told so all the same. */
export const sessionOf = (caller: Caller): Outcome<SessionId> =>
  caller.session === undefined ? refuse('UNAUTHENTICATED', 'This needs a session') : done(caller.session)

export const covers = (caller: Caller, calendar: CalendarId): boolean =>
  caller.calendars === undefined || caller.calendars.includes(calendar)

export const isStaffOf = (caller: Caller, calendar: CalendarId): boolean =>
  (caller.role === 'staff' || caller.role === 'admin') && covers(caller, calendar)

/** Who looks after the bookings of a calendar: its staff, and the programs of its host. */
export const isDeskOf = (caller: Caller, calendar: CalendarId): boolean =>
  caller.role === 'host' ? covers(caller, calendar) : isStaffOf(caller, calendar)

/** undefined: the page that the caller comes from may use this calendar. */
export const refusedPage = ({ page }: Caller, { id, origins }: Pick<CalendarDefinition, 'id' | 'origins'>) =>
  page === undefined ||
  page.rank === 'own' ||
  (origins === undefined ? page.rank === 'listed' : origins.includes(page.origin))
    ? undefined
    : refuse('FORBIDDEN', `Pages of this origin may not use the calendar ${id}`)

export const notCovered = (calendar: CalendarId) =>
  refuse('FORBIDDEN', `The token does not cover the calendar ${calendar}`)
