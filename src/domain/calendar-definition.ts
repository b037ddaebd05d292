import { Temporal } from 'temporal-polyfill'
import type { CalendarDefinition, OpenInterval, Weekday, WeekHours } from './calendar.js'
import { type CalendarId, parseLocalDate, type ResourceId } from './ids.js'

/** What a definition may hold. Past any of these it is refused, field by field. */
export const resourcesMax = 500
export const exceptionsMax = 2_000
export const intervalsPerDayMax = 24
export const originsMax = 32
export const slotMinutesMax = 1_440
/** All resources together. A read of one day always fits into one answer because of it. */
export const slotsPerDayMax = 50_000

export const weekdays: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

/** A clock-change day is longer than others by this at most, in the zones people live in. */
const longestShiftMinutes = 60

const TIME = /^([01]\d|2[0-3]):[0-5]\d$/
/** `+05:30` is no place: browsers do not agree that it is a time zone, and it would never change its clocks. */
const OFFSET = /^[+-]/

export interface DefinitionProblem {
  /** Where it is: `resources[3].hours.mon[1]`. */
  field: string
  problem: string
}

/** `09:30` as minutes after midnight, `24:00` included; undefined for what is no time. */
export function minutesOfDay(time: string): number | undefined {
  if (time === '24:00') return 1_440
  return TIME.test(time) ? Number(time.slice(0, 2)) * 60 + Number(time.slice(3)) : undefined
}

/** Everything that is wrong with a definition and that its schema cannot say; empty: a Grid can be made of it. */
export function checkDefinition(definition: CalendarDefinition): DefinitionProblem[] {
  const problems: DefinitionProblem[] = []
  const wrong = (field: string, problem: string): void => void problems.push({ field, problem })
  const { timeZone, slotMinutes, resources, exceptions, origins = [] } = definition

  if (!isTimeZone(timeZone)) wrong('timeZone', `${quoted(timeZone)} is not the IANA name of a time zone`)
  if (!Number.isInteger(slotMinutes) || slotMinutes < 1 || slotMinutes > slotMinutesMax) {
    wrong('slotMinutes', `must be a whole number from 1 to ${slotMinutesMax}`)
  }
  if (origins.length > originsMax) wrong('origins', `has ${origins.length}, at most ${originsMax} fit`)
  origins.forEach((origin, index) => {
    if (!isOrigin(origin))
      wrong(`origins[${index}]`, `${quoted(origin)} is not an origin like https://example.com`)
  })
  if (resources.length > resourcesMax)
    wrong('resources', `has ${resources.length}, at most ${resourcesMax} fit`)
  if (exceptions.length > exceptionsMax) {
    wrong('exceptions', `has ${exceptions.length}, at most ${exceptionsMax} fit`)
  }
  // A list past its bound was said to be too long; reading all of it would be the work that the bound is there to spare.
  if (problems.some(({ field }) => field === 'resources' || field === 'exceptions')) return problems

  const ids = new Set<ResourceId>()
  resources.forEach(({ id, hours }, index) => {
    if (ids.has(id)) wrong(`resources[${index}].id`, `${quoted(id)} is there twice`)
    ids.add(id)
    for (const day of weekdays) checkHours(hours?.[day] ?? [], `resources[${index}].hours.${day}`, wrong)
  })

  const dates = new Set<string>()
  exceptions.forEach(({ date, resource, hours }, index) => {
    const field = `exceptions[${index}]`
    if (parseLocalDate(date) === undefined)
      wrong(`${field}.date`, `${quoted(date)} is not a day of the calendar`)
    if (resource !== undefined && !ids.has(resource)) {
      wrong(`${field}.resource`, `${quoted(resource)} is not one of the resources`)
    }
    const key = `${date} ${resource ?? ''}`
    if (dates.has(key))
      wrong(field, `${date} is there twice for ${resource === undefined ? 'all resources' : resource}`)
    dates.add(key)
    checkHours(hours, `${field}.hours`, wrong)
  })

  if (problems.length === 0 && definition.grid === 'hours') {
    const slots = slotsOnBusiestDay(definition)
    if (slots > slotsPerDayMax) {
      wrong('resources', `make up to ${slots} slots in one day, at most ${slotsPerDayMax} fit`)
    }
  }
  return problems
}

function checkHours(
  intervals: readonly OpenInterval[],
  field: string,
  wrong: (field: string, problem: string) => void
): void {
  if (intervals.length > intervalsPerDayMax) {
    wrong(field, `has ${intervals.length} intervals, at most ${intervalsPerDayMax} fit`)
    return
  }
  let lastClose = 0
  intervals.forEach(([open, close], index) => {
    const at = `${field}[${index}]`
    const opens = open === '24:00' ? undefined : minutesOfDay(open)
    const closes = minutesOfDay(close)
    if (opens === undefined) wrong(at, `opens at ${quoted(open)}, which is not a time from 00:00 to 23:59`)
    if (closes === undefined) wrong(at, `closes at ${quoted(close)}, which is not a time from 00:00 to 24:00`)
    if (opens === undefined || closes === undefined) return
    if (closes <= opens) wrong(at, `closes at ${close}, not later than it opens at ${open}`)
    if (opens < lastClose) wrong(at, `opens at ${open}, before the interval in front of it closes`)
    lastClose = Math.max(lastClose, closes)
  })
}

/** Each resource on its own longest day: never less than the day that really is the busiest. */
function slotsOnBusiestDay({ resources, exceptions, slotMinutes }: CalendarDefinition): number {
  const slotsIn = (intervals: readonly OpenInterval[]): number => {
    if (intervals.length === 0) return 0
    const minutes = intervals.reduce(
      (sum, [open, close]) => sum + minutesOfDay(close)! - minutesOfDay(open)!,
      0
    )
    return Math.floor((minutes + longestShiftMinutes) / slotMinutes)
  }
  const ofExceptions = new Map<ResourceId | undefined, number>()
  for (const { resource, hours } of exceptions) {
    ofExceptions.set(resource, Math.max(ofExceptions.get(resource) ?? 0, slotsIn(hours)))
  }
  const ofWeek = (hours: WeekHours): number => Math.max(...weekdays.map(day => slotsIn(hours[day] ?? [])))
  return resources.reduce(
    (sum, { id, hours }) =>
      sum + Math.max(ofWeek(hours ?? {}), ofExceptions.get(id) ?? 0, ofExceptions.get(undefined) ?? 0),
    0
  )
}

const ORIGIN = /^https?:\/\/([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[1-9]\d{0,4})?$/
const DEFAULT_PORT = /^https:.*:443$|^http:.*:80$/

/** Spelled as browsers spell it: no path, no capitals, no default port. */
const isOrigin = (text: string): boolean => ORIGIN.test(text) && !DEFAULT_PORT.test(text)

function isTimeZone(name: string): boolean {
  if (OFFSET.test(name)) return false
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name)
    return true
  } catch {
    // the list of time zones is the runtime's own; asking it is the only way to know
    return false
  }
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 80))

/** What a first start without calendars shows: two doctors, half hours, nine to five every day. */
export function demoCalendar(timeZone: string): CalendarDefinition {
  const hours: WeekHours = Object.fromEntries(weekdays.map(day => [day, [['09:00', '17:00']]]))
  return {
    id: 'demo' as CalendarId,
    name: 'Demo',
    timeZone,
    slotMinutes: 30,
    grid: 'hours',
    resources: [
      { id: 'dr-lee' as ResourceId, name: 'Dr. Lee', hours },
      { id: 'dr-kim' as ResourceId, name: 'Dr. Kim', hours }
    ],
    exceptions: []
  }
}
