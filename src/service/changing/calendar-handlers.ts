import type { CalendarDefinition, WeekHours } from '../../domain/calendar.js'
import { checkDefinition } from '../../domain/calendar-definition.js'
import { parseCalendarId } from '../../domain/ids.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { ParamsOf } from '../../protocol/operations.js'
import { covers, notCovered } from '../answers/access.js'
import { done, type Handlers, invalid, type Outcome, refuse } from '../answers/refusal.js'
import type { Announcer } from '../live/announcer.js'
import type { CalendarDirectory } from '../reading/calendars.js'

export interface CalendarDeps {
  store: LockStore
  calendars: CalendarDirectory
  announcer: Announcer
}

export function calendarHandlers(deps: CalendarDeps): Pick<Handlers, 'listCalendars' | 'putCalendar'> {
  const { store, calendars, announcer } = deps
  return {
    async listCalendars() {
      const all = await calendars.list()
      return done({
        calendars: all.map(({ id, name, timeZone, resources, slotMinutes }) => ({
          id,
          name,
          timeZone,
          resources: resources.map(resource => ({ id: resource.id, name: resource.name })),
          slotMinutes
        }))
      })
    },

    async putCalendar(caller, params) {
      const asked = definitionOf(params)
      if (!asked.ok) return asked
      const definition = asked.value
      if (!covers(caller, definition.id)) return notCovered(definition.id)
      const problems = checkDefinition(definition)
      if (problems.length > 0) {
        const [first] = problems
        return refuse('INVALID_REQUEST', `${first?.field}: ${first?.problem}`, {
          details: { fields: problems }
        })
      }
      try {
        await store.putCalendar(definition)
      } finally {
        // also when the answer was lost: it may have been carried out
        calendars.forget(definition.id)
      }
      announcer.announceCalendar(definition.id)
      const { name, timeZone, slotMinutes, resources, exceptions = [] } = params
      return done({
        id: definition.id,
        name,
        timeZone,
        slotMinutes,
        grid: definition.grid,
        resources,
        exceptions,
        ...(definition.origins === undefined ? {} : { origins: definition.origins })
      })
    }
  }
}

/** What the schema let pass, as a definition with its defaults written out. */
function definitionOf(params: ParamsOf<'putCalendar'>): Outcome<CalendarDefinition> {
  const id = parseCalendarId(params.calendar)
  if (id === undefined) return invalid('calendar', 'is no name of a calendar')
  if (params.id !== undefined && params.id !== id) {
    return invalid('id', `must be ${id}, the calendar that is being defined`)
  }
  const { name, timeZone, slotMinutes, grid = 'hours', resources, exceptions = [], origins } = params
  return done({
    id,
    name,
    timeZone,
    slotMinutes,
    grid,
    ...(origins === undefined ? {} : { origins }),
    resources: resources.map(resource => ({
      id: resource.id as CalendarDefinition['resources'][number]['id'],
      name: resource.name,
      ...(resource.hours === undefined ? {} : { hours: resource.hours as WeekHours })
    })),
    exceptions: exceptions.map(exception => ({
      date: exception.date as CalendarDefinition['exceptions'][number]['date'],
      ...(exception.resource === undefined
        ? {}
        : { resource: exception.resource as CalendarDefinition['resources'][number]['id'] }),
      hours: exception.hours as CalendarDefinition['exceptions'][number]['hours']
    }))
  })
}
