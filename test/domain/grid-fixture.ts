import { Temporal } from 'temporal-polyfill'
import type { CalendarDefinition, OpenInterval } from '../../src/domain/calendar.js'
import { weekdays } from '../../src/domain/calendar-definition.js'
import { Grid } from '../../src/domain/grid.js'
import type { CalendarId, LocalDate, ResourceId } from '../../src/domain/ids.js'

export const room = 'room' as ResourceId
export const date = (text: string): LocalDate => text as LocalDate
export const minuteMs = 60_000

export function calendar(
  timeZone: string,
  hours: OpenInterval[],
  slotMinutes = 30,
  more: Partial<CalendarDefinition> = {}
): CalendarDefinition {
  return {
    id: 'c' as CalendarId,
    name: 'C',
    timeZone,
    slotMinutes,
    grid: 'hours',
    resources: [{ id: room, name: 'Room', hours: Object.fromEntries(weekdays.map(day => [day, hours])) }],
    exceptions: [],
    ...more
  }
}

/** The starts of one day as wall-clock times with their offset, as a person there would write them down. */
export function wallClock(timeZone: string, hours: OpenInterval[], day: string, slotMinutes = 30): string[] {
  return new Grid(calendar(timeZone, hours, slotMinutes)).slotsOn(room, date(day)).map(ms => {
    const local = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone)
    return `${local.toPlainTime().toString({ smallestUnit: 'minute' })}${local.offset}`
  })
}
