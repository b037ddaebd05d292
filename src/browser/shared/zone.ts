/**
 * Wall-clock time of a zone, by the browser's own tables, for whoever has no Temporal.
 *
 * A date is `2026-03-29` and its arithmetic is that of the calendar alone; only `Zone.at` knows about clocks. A zone's
 * offset changes at whole quarters of an hour at the earliest, so one look-up serves all minutes of a quarter.
 */

export interface LocalTime {
  /** `2026-03-29` */
  readonly date: string
  /** Of the day by the clock on the wall, 0 to 1439. */
  readonly minutes: number
  /** What the clock on the wall is ahead of UTC. */
  readonly offsetMinutes: number
}

const minuteMs = 60_000
const quarterMs = 15 * minuteMs
export const dayMs = 86_400_000

/** Past this the offsets are looked up anew; a year of quarters is 35,040. */
const quartersCachedMax = 50_000

export class Zone {
  readonly name: string
  readonly #format: Intl.DateTimeFormat
  readonly #offsets = new Map<number, number>()

  /** Throws RangeError when the browser does not know the zone. */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat('en-US-u-ca-iso8601-nu-latn', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric'
    })
    this.name = this.#format.resolvedOptions().timeZone
  }

  at(ms: number): LocalTime {
    const offsetMinutes = this.#offsetAt(ms)
    const local = Math.floor(ms / minuteMs) + offsetMinutes
    const minutes = modulo(local, 1_440)
    return { date: dateOf((local - minutes) * minuteMs), minutes, offsetMinutes }
  }

  #offsetAt(ms: number): number {
    const quarter = Math.floor(ms / quarterMs)
    const known = this.#offsets.get(quarter)
    if (known !== undefined) return known
    const startMs = quarter * quarterMs
    const parts: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(startMs)) parts[type] = Number(value)
    const { year, month, day, hour, minute } = parts as Record<string, number>
    const offset = (Date.UTC(year!, month! - 1, day!, hour!, minute!) - startMs) / minuteMs
    if (this.#offsets.size >= quartersCachedMax) this.#offsets.clear()
    this.#offsets.set(quarter, offset)
    return offset
  }
}

/** The browser's own zone if the wanted one is not known to it, or none is wanted. */
export function zoneOr(wanted: string | undefined | null): Zone {
  try {
    if (wanted) return new Zone(wanted)
  } catch {
    // a misspelt attribute shows the visitor's own time rather than nothing
  }
  return new Zone(new Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC')
}

const modulo = (value: number, by: number): number => ((value % by) + by) % by
const dateOf = (utcMs: number): string => new Date(utcMs).toISOString().slice(0, 10)

export const isDate = (text: string): boolean =>
  /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) && dateOf(Date.parse(text)) === text

export const addDays = (date: string, days: number): string => dateOf(Date.parse(date) + days * dayMs)

/** Whole days from the one date to the other. */
export const daysBetween = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / dayMs

export const datesFrom = (from: string, days: number): string[] =>
  Array.from({ length: days }, (_, index) => addDays(from, index))
