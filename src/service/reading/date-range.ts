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
const timeEndMs = Number.MAX_SAFE_INTEGER

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

/** The same for a list that is read in pages: of any length, and open where a date is absent. */
export async function openRangeOf(
  caller: Caller,
  calendars: CalendarDirectory,
  params: { calendar: string; from?: string | undefined; to?: string | undefined }
): Promise<Outcome<Omit<DateRange, 'from' | 'to'>>> {
  const [from, to] = [params.from, params.to].map(text => (text === undefined ? null : parseLocalDate(text)))
  if (from === undefined) return invalid('from', 'is no date')
  if (to === undefined) return invalid('to', 'is no date')
  if (from && to && to < from) return invalid('to', 'is before from')
  const found = await coveredCalendar(caller, calendars, params.calendar)
  if (!found.ok) return found
  const { calendar, grid } = found.value
  return done({
    calendar,
    grid,
    fromMs: from ? grid.rangeMs(from, from).fromMs : 0,
    toMs: to ? grid.rangeMs(to, to).toMs : timeEndMs
  })
}
