import type { CalendarDefinition } from '../../src/domain/calendar.js'
import { type CalendarId, type ResourceId, type SlotId, slotIdOf } from '../../src/domain/ids.js'
import { RedisKeys } from '../../src/stores/redis/keys.js'

/** What all stories are about: one room, open all day, on a day that is still to come whenever the tests run. */

export const calendar = 'clinic' as CalendarId
export const prefix = 'fault:'
export const keys = new RedisKeys(prefix)

export const dayMs = 86_400_000
export const firstDayMs = (Math.floor(Date.now() / dayMs) + 2) * dayMs
/** A day that is still to come, whenever the tests run. */
export const day = new Date(firstDayMs).toISOString().slice(0, 10)
const room = 'room' as ResourceId
/** The nth half hour of that day, 0 to 47. */
export const slot = (n: number, inRoom: ResourceId = room): SlotId =>
  slotIdOf(inRoom, firstDayMs + n * 1_800_000)

const allDay = [['00:00', '24:00']] as [string, string][]
/** Open all day, every day, in UTC, in half hours. */
export const definitionOf = (id: CalendarId): CalendarDefinition => ({
  id,
  name: id,
  timeZone: 'UTC',
  slotMinutes: 30,
  grid: 'hours',
  resources: [
    {
      id: room,
      name: 'Room',
      hours: { mon: allDay, tue: allDay, wed: allDay, thu: allDay, fri: allDay, sat: allDay, sun: allDay }
    }
  ],
  exceptions: []
})
