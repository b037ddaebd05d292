import type { Grid } from '../../domain/grid.js'
import { type CalendarId, parseCalendarId } from '../../domain/ids.js'
import { covers, notCovered, refusedPage } from '../answers/access.js'
import { done, type Outcome } from '../answers/refusal.js'
import { calendarNotFound } from '../answers/refusals.js'
import type { Caller } from '../callers/caller.js'
import type { CalendarDirectory } from './calendars.js'

/** A calendar that exists, that the caller's token covers, and that may be used by the page that asks. */
export async function coveredCalendar(
  caller: Caller,
  calendars: CalendarDirectory,
  name: string
): Promise<Outcome<{ calendar: CalendarId; grid: Grid }>> {
  const calendar = parseCalendarId(name)
  if (calendar === undefined) return calendarNotFound(name)
  if (!covers(caller, calendar)) return notCovered(calendar)
  const grid = await calendars.find(calendar)
  if (grid === undefined) return calendarNotFound(name)
  return refusedPage(caller, grid.definition) ?? done({ calendar, grid })
}

/** The same of the calendar that a lock or a booking names. */
export async function coveredRecord(
  caller: Caller,
  calendars: CalendarDirectory,
  { calendar }: { calendar: CalendarId }
): Promise<Outcome<void>> {
  if (!covers(caller, calendar)) return notCovered(calendar)
  return allowedPage(caller, calendars, async () => ({ calendar }))
}

/**
 * Whether the page that asks may use the calendar of one's own lock or booking. `find` is asked only where that is a
 * question: for a page that is not ours. What is not found is for whoever changes it to say; a calendar without
 * definition names no page.
 */
export async function allowedPage(
  caller: Caller,
  calendars: CalendarDirectory,
  find: () => Promise<{ calendar: CalendarId } | undefined>
): Promise<Outcome<void>> {
  if (caller.page === undefined || caller.page.rank === 'own') return done(undefined)
  const record = await find()
  if (record === undefined) return done(undefined)
  const grid = await calendars.find(record.calendar)
  return refusedPage(caller, grid?.definition ?? { id: record.calendar }) ?? done(undefined)
}
