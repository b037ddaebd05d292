import type { Grid } from '../../domain/grid.js'
import { type CalendarId, parseCalendarId } from '../../domain/ids.js'
import { covers, notCovered } from '../answers/access.js'
import { done, type Outcome } from '../answers/refusal.js'
import { calendarNotFound } from '../answers/refusals.js'
import type { Caller } from '../callers/caller.js'
import type { CalendarDirectory } from './calendars.js'

/** A calendar that exists and that the caller's token covers. */
export async function coveredCalendar(
  caller: Caller,
  calendars: CalendarDirectory,
  name: string
): Promise<Outcome<{ calendar: CalendarId; grid: Grid }>> {
  const calendar = parseCalendarId(name)
  if (calendar === undefined) return calendarNotFound(name)
  if (!covers(caller, calendar)) return notCovered(calendar)
  const grid = await calendars.find(calendar)
  return grid === undefined ? calendarNotFound(name) : done({ calendar, grid })
}
