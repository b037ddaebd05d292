import type { CalendarId, LocalDate, ResourceId } from './ids.js'

export type Weekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun'
/** `['09:00', '17:00']`, local wall-clock time; the closing one may be `24:00`. */
export type OpenInterval = [open: string, close: string]
export type WeekHours = { [day in Weekday]?: OpenInterval[] | undefined }

export interface Resource {
  id: ResourceId
  name: string
  /** Days that are not named are closed. Ignored by an open grid. */
  hours?: WeekHours | undefined
}

export interface CalendarException {
  date: LocalDate
  /** Absent: all resources. */
  resource?: ResourceId | undefined
  /** Instead of that weekday's hours; empty: closed. */
  hours: OpenInterval[]
}

export interface CalendarDefinition {
  id: CalendarId
  name: string
  /** IANA name. */
  timeZone: string
  slotMinutes: number
  /** `hours`: the opening hours make the slots. `open`: any well-formed slot is one; the host knows its own availability. */
  grid: 'hours' | 'open'
  resources: Resource[]
  exceptions: CalendarException[]
  /** The only pages of others that may use it; absent: those that may use any calendar. */
  origins?: string[] | undefined
}
