import type { Grid } from '../../domain/grid.js'
import { type CalendarId, type LocalDate, parseLocalDate } from '../../domain/ids.js'
import { rangeDaysMax } from '../../domain/limits.js'
import { done, invalid, type Outcome } from '../answers/refusal.js'
import type { Caller } from '../callers/caller.js'
import type { CalendarDirectory } from './calendars.js'
import { coveredCalendar } from './covered-calendar.js'

/** Some local days of one calendar. */
export interface DateRange {
  calendar: CalendarId
  grid: Grid
  from: LocalDate
  to: LocalDate
  /** From the first instant of `from` to the first after `to`. */
  fromMs: number
  toMs: number
}

const dayMs = 86_400_000

/** What a request for some days means, or why it means nothing. */
export async function dateRangeOf(
  caller: Caller,
  calendars: CalendarDirectory,
  params: { calendar: string; from: string; to: string }
): Promise<Outcome<DateRange>> {
  const from = parseLocalDate(params.from)
  if (from === undefined) return invalid('from', 'is no date')
  const to = parseLocalDate(params.to)
  if (to === undefined) return invalid('to', 'is no date')
  if (to < from) return invalid('to', 'is before from')
  const days = (Date.parse(to) - Date.parse(from)) / dayMs + 1
  if (days > rangeDaysMax)
    return invalid('to', `is ${days} days from from, at most ${rangeDaysMax} can be read`)
  const found = await coveredCalendar(caller, calendars, params.calendar)
  if (!found.ok) return found
  const { calendar, grid } = found.value
  if (!grid.fits(from, to))
    return invalid('to', 'these days have more slots than can be read at once; ask for fewer')
  return done({ calendar, grid, from, to, ...grid.rangeMs(from, to) })
}
