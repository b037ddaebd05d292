import type { CalendarDefinition } from '../../src/domain/calendar.js'
import type { ResourceId } from '../../src/domain/ids.js'

/**
 * A calendar whose every day has 24 slots. Everybody wants those of one day, and the day moves on before its
 * slots are booked up: few enough to collide over, and never used up.
 */
export interface Calendar {
  id: string
  /** All days together, as a read asks for them. */
  from: string
  to: string
  days: string[][]
  /** How long one day is everybody's wish. */
  dayMs: number
}

const resources = ['room-a', 'room-b', 'room-c']
/** A read covers 62 days at most; some are left alone for the last probes. */
const daysMax = 50
const dayMsMin = 15_000
const dayMs = 86_400_000

export function calendarFor(forMs: number, now: number): Calendar {
  const count = Math.min(daysMax, Math.ceil(forMs / dayMsMin))
  const first = Math.floor(now / dayMs) + 2
  const dates = Array.from({ length: count }, (_, day) =>
    new Date((first + day) * dayMs).toISOString().slice(0, 10)
  )
  const starts = ['08:00', '08:30', '09:00', '09:30', '10:00', '10:30', '11:00', '11:30']
  return {
    id: 'chaos',
    from: dates[0]!,
    to: dates.at(-1)!,
    days: dates.map(date => resources.flatMap(name => starts.map(start => `${name}/${date}T${start}Z`))),
    dayMs: Math.ceil(forMs / count)
  }
}

export function definitionOf(calendar: Calendar): Omit<CalendarDefinition, 'id'> {
  const hours = Object.fromEntries(
    (['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const).map(day => [day, [['08:00', '12:00']]])
  )
  return {
    name: calendar.id,
    timeZone: 'UTC',
    slotMinutes: 30,
    grid: 'hours',
    resources: resources.map(id => ({ id: id as ResourceId, name: id, hours })),
    exceptions: []
  }
}

/** What everybody wants so long after the start. */
export const wantedAt = ({ days, dayMs }: Calendar, sinceStartMs: number): string[] =>
  days[Math.min(days.length - 1, Math.floor(sinceStartMs / dayMs))]!
