import type { Zone } from './zone.js'

/** Dates, times and durations in the reader's language; one set of formatters for a locale and a zone. */

/** Past this many remembered times all are formatted anew. */
const timesCachedMax = 10_000

export class Formats {
  readonly locale: string
  readonly #time: Intl.DateTimeFormat
  readonly #shortZone: Intl.DateTimeFormat
  readonly #long: Intl.DateTimeFormat
  readonly #day: Intl.DateTimeFormat
  readonly #dayParts: { weekday: Intl.DateTimeFormat; day: Intl.DateTimeFormat }
  readonly #month: Intl.DateTimeFormat
  readonly #zoneName: Intl.DateTimeFormat
  readonly #number: Intl.NumberFormat
  readonly #twoDigits: Intl.NumberFormat
  readonly #minutes: Intl.NumberFormat
  readonly #plural: Intl.PluralRules
  readonly #times = new Map<number, string>()

  constructor(locale: string, zone: Zone) {
    this.locale = locale
    const at = { timeZone: zone.name } as const
    // A date is a calendar's, not an instant: its own formatters read it as UTC.
    const dates = { timeZone: 'UTC' } as const
    this.#time = new Intl.DateTimeFormat(locale, { ...at, timeStyle: 'short' })
    this.#shortZone = new Intl.DateTimeFormat(locale, { ...at, timeZoneName: 'short' })
    this.#long = new Intl.DateTimeFormat(locale, { ...at, weekday: 'long', day: 'numeric', month: 'long' })
    this.#day = new Intl.DateTimeFormat(locale, { ...dates, weekday: 'long', day: 'numeric', month: 'long' })
    this.#dayParts = {
      weekday: new Intl.DateTimeFormat(locale, { ...dates, weekday: 'short' }),
      day: new Intl.DateTimeFormat(locale, { ...dates, day: 'numeric' })
    }
    this.#month = new Intl.DateTimeFormat(locale, {
      ...dates,
      day: 'numeric',
      month: 'short',
      year: 'numeric'
    })
    this.#zoneName = new Intl.DateTimeFormat(locale, { ...at, timeZoneName: 'shortOffset' })
    this.#number = new Intl.NumberFormat(locale)
    this.#twoDigits = new Intl.NumberFormat(locale, { minimumIntegerDigits: 2 })
    this.#minutes = new Intl.NumberFormat(locale, { style: 'unit', unit: 'minute', unitDisplay: 'short' })
    this.#plural = new Intl.PluralRules(locale)
  }

  /** `9:00 AM`, `09:00` */
  time(ms: number): string {
    const known = this.#times.get(ms)
    if (known !== undefined) return known
    const text = this.#time.format(ms)
    if (this.#times.size >= timesCachedMax) this.#times.clear()
    this.#times.set(ms, text)
    return text
  }

  /** For the hour that a clock change makes twice: `02:30 CEST`. */
  timeWithZone(ms: number): string {
    return `${this.time(ms)} ${zoneNameOf(this.#shortZone, ms)}`
  }

  /** `Tuesday, 1 December` of an instant, in the zone. */
  date(ms: number): string {
    return this.#long.format(ms)
  }

  /** The same of a date. */
  longDay(date: string): string {
    return this.#day.format(Date.parse(date))
  }

  weekday(date: string): string {
    return this.#dayParts.weekday.format(Date.parse(date))
  }

  dayOfMonth(date: string): string {
    return this.#dayParts.day.format(Date.parse(date))
  }

  /** `28 Nov – 4 Dec 2026` */
  dayRange(from: string, to: string): string {
    return this.#month.formatRange(Date.parse(from), Date.parse(to))
  }

  /** `9:00 – 9:30 AM` */
  timeRange(startMs: number, endMs: number): string {
    return this.#time.formatRange(startMs, endMs)
  }

  /** `GMT+1` at that moment. */
  offset(ms: number): string {
    return zoneNameOf(this.#zoneName, ms)
  }

  /** `8 min`, rounded up, so that nothing is said to be free before it is. */
  minutes(ms: number): string {
    return this.#minutes.format(Math.max(1, Math.ceil(ms / 60_000)))
  }

  /** `9:41`, `0:05` */
  countdown(ms: number): string {
    const seconds = Math.max(0, Math.ceil(ms / 1_000))
    return `${this.#number.format(Math.floor(seconds / 60))}:${this.#twoDigits.format(seconds % 60)}`
  }

  plural(count: number): Intl.LDMLPluralRule {
    return this.#plural.select(count)
  }

  number(value: number): string {
    return this.#number.format(value)
  }
}

const zoneNameOf = (format: Intl.DateTimeFormat, ms: number): string =>
  format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? ''
