import { addDays, datesFrom, daysBetween } from '../shared/zone.js'

/** Which days are shown. Pure. */

export interface Period {
  /** The first of the dates. */
  readonly first: string
  /** The one of them that a narrow widget shows; undefined: nobody has chosen yet. */
  readonly day: string | undefined
}

export const daysMax = 14
/** So many fit beside each other in the strip of a narrow widget. */
const narrowDaysMax = 7

export const dayCountOf = (days: number, narrow: boolean): number => {
  const wanted = Number.isInteger(days) ? Math.min(daysMax, Math.max(1, days)) : 7
  return narrow ? Math.min(narrowDaysMax, wanted) : wanted
}

/** Past days are never shown: there is nothing to choose in them. */
export const periodAt = (date: string, today: string, day?: string): Period => ({
  first: date < today ? today : date,
  day
})

/** So many days on or back; a narrow widget steps through the days of the strip, and from its end to the next strip. */
export function turned(
  { first, day }: Period,
  by: number,
  { today, count, narrow }: { today: string; count: number; narrow: boolean }
): Period {
  if (!narrow) return periodAt(addDays(first, by), today)
  const to = addDays(day ?? first, by)
  if (to < today) return { first, day: today }
  const offset = daysBetween(first, to)
  if (offset >= 0 && offset < count) return { first, day: to }
  return periodAt(addDays(first, Math.floor(offset / count) * count), today, to)
}

export const datesOf = ({ first }: Period, count: number): string[] => datesFrom(first, count)
