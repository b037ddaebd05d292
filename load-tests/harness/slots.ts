import type { CalendarDefinition } from '../../src/domain/calendar.js'
import { type ResourceId, type SlotId, slotIdOf } from '../../src/domain/ids.js'

const dayMs = 86_400_000
const minuteMs = 60_000

/** Midnight UTC of the day after tomorrow: far enough ahead that nothing starts while the test runs. */
export const firstDayMs: number = Math.floor(Date.now() / dayMs) * dayMs + 2 * dayMs

export const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** Slot `index` of a resource in an open grid, a minute apart. */
export const slotAt = (resource: string, index: number): SlotId =>
  slotIdOf(resource as ResourceId, firstDayMs + index * minuteMs)

/** A calendar that takes every well-formed slot. */
export const openCalendar = (...resources: string[]): Omit<CalendarDefinition, 'id'> => ({
  name: 'load test',
  timeZone: 'UTC',
  slotMinutes: 1,
  grid: 'open',
  resources: resources.map(id => ({ id: id as ResourceId, name: id })),
  exceptions: []
})

/** The days that hold `count` slots of an open calendar, for reading and watching. */
export const daysOf = (count: number): { from: string; to: string } => ({
  from: dateOf(firstDayMs),
  to: dateOf(firstDayMs + Math.min(61, Math.floor((count * minuteMs) / dayMs)) * dayMs)
})
