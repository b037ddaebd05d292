import { LRUCache } from 'lru-cache'
import { Temporal } from 'temporal-polyfill'
import type { CalendarDefinition, OpenInterval, Weekday, WeekHours } from './calendar.js'
import { minutesOfDay, slotsPerDayMax, weekdays } from './calendar-definition.js'
import { type LocalDate, type ResourceId, type SlotId, type SlotParts, slotIdOf } from './ids.js'
import { rangeDaysMax } from './limits.js'

/**
 * Which slots a calendar has.
 *
 * Opening hours are wall-clock times of the calendar's zone; each opening and closing time becomes an instant by
 * Temporal's `compatible` rule (a time that does not exist moves on by the gap, of a time that exists twice the
 * first is meant), and from there on everything is elapsed time: one slot per `slotMinutes` between the two instants.
 *
 * Moving on can push a closing time past the next opening (02:15 becomes 03:15 while somebody opens at 03:00) and
 * past the end of the day. An interval therefore ends where a later one of its day begins, and with its day at the
 * latest; so slots of one resource never overlap, whatever the zone's clocks do.
 *
 * A day reaches from its first instant to the first instant of the next. It has 23, 25 or 23.5 hours on some days
 * and none at all on a day that a zone skipped.
 */

/** Slots in one listing, all resources together: those of the longest calendar's one day at least. */
export const slotsListedMax = slotsPerDayMax

export interface GridSlot {
  readonly slot: SlotId
  readonly resource: ResourceId
  /** Epoch milliseconds, a whole minute. */
  readonly startMs: number
}

interface Day {
  date: LocalDate
  next: LocalDate
  weekday: Weekday
  startMs: number
  endMs: number
  /** No clock change in it, and it begins at 00:00: then wall-clock time is elapsed time. */
  even: boolean
}

/** Open from the one instant to the other, and so a row of slots. */
interface Window {
  openMs: number
  closeMs: number
}

const minuteMs = 60_000
const dayMs = 86_400_000
/** The years that a slot id can spell. */
const startOfSpellingMs = Date.parse('0000-01-01T00:00Z')
const endOfSpellingMs = Date.parse('9999-12-31T23:59Z') + minuteMs

/** Bounds of what a grid remembers; past them it forgets what was used longest ago and works it out again. */
const daysCachedMax = 1_000
const windowListsCachedMax = 4_096

/**
 * Made once for each definition, which must have passed checkDefinition. Throws RangeError when this runtime does not
 * know the time zone.
 */
export class Grid {
  readonly definition: CalendarDefinition
  readonly #slotMs: number
  readonly #hours: ReadonlyMap<ResourceId, WeekHours>
  readonly #exceptions: ReadonlyMap<string, readonly OpenInterval[]>
  readonly #days = new LRUCache<LocalDate, Day>({ max: daysCachedMax })
  readonly #windows = new LRUCache<string, readonly Window[]>({ max: windowListsCachedMax })
  readonly #lists = new LRUCache<LocalDate, readonly GridSlot[]>({
    maxSize: slotsListedMax + rangeDaysMax,
    sizeCalculation: slots => slots.length + 1
  })
  #recent: Day

  constructor(definition: CalendarDefinition) {
    this.definition = definition
    this.#slotMs = definition.slotMinutes * minuteMs
    this.#hours = new Map(definition.resources.map(({ id, hours }) => [id, hours ?? {}]))
    this.#exceptions = new Map(
      definition.exceptions.map(({ date, resource, hours }) => [exceptionKey(date, resource), hours])
    )
    this.#recent = this.#day('2026-01-01' as LocalDate)
  }

  /** Is this a slot of the calendar? An open grid says yes to any: its host knows what it offers. */
  has({ resource, startMs }: SlotParts): boolean {
    if (this.definition.grid === 'open') return true
    if (!this.#hours.has(resource)) return false
    for (const { openMs, closeMs } of this.#windowsOfUtcDay(resource, Math.floor(startMs / dayMs))) {
      const sinceOpenMs = startMs - openMs
      if (sinceOpenMs >= 0 && startMs + this.#slotMs <= closeMs && sinceOpenMs % this.#slotMs === 0)
        return true
    }
    return false
  }

  /** Starts in epoch milliseconds, ascending. Empty when closed, for an unknown resource and on an open grid. */
  slotsOn(resource: ResourceId, date: LocalDate): number[] {
    const starts: number[] = []
    for (const { openMs, closeMs } of this.#windowsOn(resource, date)) {
      for (let startMs = openMs; startMs + this.#slotMs <= closeMs; startMs += this.#slotMs)
        starts.push(startMs)
    }
    return starts
  }

  /**
   * All slots of the local days `from` to `to`, both included; by date, then resource as the definition has them, then
   * time. Ends with the last whole date within slotsListedMax slots and rangeDaysMax dates: ask `fits` first.
   */
  slotsBetween(from: LocalDate, to: LocalDate): GridSlot[] {
    return this.#list(from, to).slots
  }

  /** Whether slotsBetween can say all of it. If not, the request asks for too much, and fewer days would do. */
  fits(from: LocalDate, to: LocalDate): boolean {
    return this.#list(from, to).complete
  }

  /** From the first instant of `from` to the first instant after `to`. */
  rangeMs(from: LocalDate, to: LocalDate): { fromMs: number; toMs: number } {
    return { fromMs: this.#day(from).startMs, toMs: this.#day(to).endMs }
  }

  /**
   * The local day that an instant belongs to, such that rangeMs of it contains the instant. Where clocks went back
   * over midnight (St. John's did so every autumn until 2011) the repeated minutes belong to the day that had begun.
   */
  dateOf(ms: number): LocalDate {
    let day = this.#recent
    if (ms < day.startMs || ms >= day.endMs) {
      const local = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(this.definition.timeZone)
      day = this.#day(local.toPlainDate().toString() as LocalDate)
      while (ms >= day.endMs) day = this.#day(day.next)
      this.#recent = day
    }
    return day.date
  }

  #list(from: LocalDate, to: LocalDate): { slots: GridSlot[]; complete: boolean } {
    const slots: GridSlot[] = []
    if (this.definition.grid === 'open') return { slots, complete: true }
    if (from > to) return { slots, complete: true }
    let date = from
    for (let dates = 0; dates < rangeDaysMax; dates += 1) {
      const ofDate = this.#listOf(date)
      if (slots.length + ofDate.length > slotsListedMax) return { slots, complete: false }
      for (const slot of ofDate) slots.push(slot)
      if (date === to) return { slots, complete: true }
      date = this.#day(date).next
    }
    return { slots, complete: false }
  }

  #listOf(date: LocalDate): readonly GridSlot[] {
    const cached = this.#lists.get(date)
    if (cached !== undefined) return cached
    const slots = this.definition.resources.flatMap(({ id }) =>
      this.slotsOn(id, date).map(startMs => ({ slot: slotIdOf(id, startMs), resource: id, startMs }))
    )
    this.#lists.set(date, slots)
    return slots
  }

  /** A lock names instants, not local dates: looked up by UTC day, it costs no time-zone mathematics. */
  #windowsOfUtcDay(resource: ResourceId, utcDay: number): readonly Window[] {
    const key = `${utcDay} ${resource}`
    const cached = this.#windows.get(key)
    if (cached !== undefined) return cached
    const fromMs = utcDay * dayMs
    const windows: Window[] = []
    for (let day = this.#day(this.dateOf(fromMs)); day.startMs < fromMs + dayMs; day = this.#day(day.next)) {
      windows.push(...this.#windowsOn(resource, day.date))
    }
    this.#windows.set(key, windows)
    return windows
  }

  #windowsOn(resource: ResourceId, date: LocalDate): Window[] {
    const week = this.#hours.get(resource)
    if (week === undefined || this.definition.grid === 'open') return []
    const day = this.#day(date)
    const hours =
      this.#exceptions.get(exceptionKey(date, resource)) ??
      this.#exceptions.get(exceptionKey(date, undefined)) ??
      week[day.weekday] ??
      []
    const opens = hours.map(([open]) => this.#instant(day, open))
    return hours
      .map(([, close], index) => ({
        openMs: wholeMinute(Math.max(opens[index]!, day.startMs, startOfSpellingMs)),
        closeMs: Math.min(this.#instant(day, close), day.endMs, endOfSpellingMs, ...opens.slice(index + 1))
      }))
      .filter(({ openMs, closeMs }) => openMs < closeMs)
  }

  /** The instant of a wall-clock time. Temporal takes 50 µs for one, hence the shorter way on the 363 even days. */
  #instant(day: Day, time: string): number {
    if (time === '24:00') return day.endMs
    if (day.even) return day.startMs + minutesOfDay(time)! * minuteMs
    const { timeZone } = this.definition
    return Temporal.PlainDate.from(day.date).toZonedDateTime({ timeZone, plainTime: time }).epochMilliseconds
  }

  #day(date: LocalDate): Day {
    const cached = this.#days.get(date)
    if (cached !== undefined) return cached
    const plain = Temporal.PlainDate.from(date)
    const next = plain.add({ days: 1 })
    const start = plain.toZonedDateTime(this.definition.timeZone)
    const endMs = next.toZonedDateTime(this.definition.timeZone).epochMilliseconds
    const change = start.getTimeZoneTransition('next')?.epochMilliseconds ?? Number.POSITIVE_INFINITY
    const day: Day = {
      date,
      next: next.toString() as LocalDate,
      weekday: weekdays[plain.dayOfWeek - 1]!,
      startMs: start.epochMilliseconds,
      endMs,
      even: change >= endMs && start.toPlainTime().equals('00:00')
    }
    this.#days.set(date, day)
    return day
  }
}

const exceptionKey = (date: LocalDate, resource: ResourceId | undefined): string =>
  `${date} ${resource ?? ''}`

/** Offsets had seconds once (Liberia until 1972), and a slot id is to the minute. */
const wholeMinute = (ms: number): number => Math.ceil(ms / minuteMs) * minuteMs
