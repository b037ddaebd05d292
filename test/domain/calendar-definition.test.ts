import t from 'tap'
import type { CalendarDefinition, OpenInterval } from '../../src/domain/calendar.js'
import {
  checkDefinition,
  demoCalendar,
  exceptionsMax,
  intervalsPerDayMax,
  resourcesMax
} from '../../src/domain/calendar-definition.js'
import type { LocalDate, ResourceId } from '../../src/domain/ids.js'

const demo = demoCalendar('Europe/Berlin')
const date = (text: string): LocalDate => text as LocalDate
const fieldsOf = (change: Partial<CalendarDefinition>): string[] =>
  checkDefinition({ ...demo, ...change }).map(({ field }) => field)
const hoursOf = (...mon: OpenInterval[]): Partial<CalendarDefinition> => ({
  resources: [{ id: 'dr-lee' as ResourceId, name: 'Dr. Lee', hours: { mon } }]
})

t.test('a time zone must have an IANA name', async t => {
  for (const timeZone of ['Mars/Olympus', '', '+05:30', '-03:00', 'local']) {
    t.strictSame(fieldsOf({ timeZone }), ['timeZone'], timeZone)
  }
  for (const timeZone of ['UTC', 'Asia/Kolkata', 'America/Argentina/Buenos_Aires']) {
    t.strictSame(fieldsOf({ timeZone }), [], timeZone)
  }
})

t.test('a slot has 1 to 1,440 whole minutes, and may be too long for every interval', async t => {
  for (const slotMinutes of [0, -30, 1_441, 0.5, Number.NaN]) {
    t.strictSame(fieldsOf({ slotMinutes }), ['slotMinutes'], String(slotMinutes))
  }
  for (const slotMinutes of [1, 481, 1_440]) t.strictSame(fieldsOf({ slotMinutes }), [], String(slotMinutes))
})

t.test('intervals ascend, touch at most, and close after they open', async t => {
  const first = 'resources[0].hours.mon[0]'
  const second = 'resources[0].hours.mon[1]'
  t.strictSame(fieldsOf(hoursOf(['09:00', '12:00'], ['12:00', '24:00'])), [])
  t.strictSame(fieldsOf(hoursOf(['09:00', '12:00'], ['11:59', '13:00'])), [second])
  t.strictSame(fieldsOf(hoursOf(['13:00', '14:00'], ['09:00', '12:00'])), [second])
  t.strictSame(fieldsOf(hoursOf(['09:00', '09:00'])), [first])
  t.strictSame(fieldsOf(hoursOf(['17:00', '09:00'])), [first])
  t.strictSame(
    fieldsOf(hoursOf(['09:00', '17:00'], ['10:00', '11:00'], ['12:00', '13:00'])),
    [second, 'resources[0].hours.mon[2]'],
    'also when a short one lies between'
  )
})

t.test('a time is spelt 09:00, and 24:00 only closes', async t => {
  const field = 'resources[0].hours.mon[0]'
  t.strictSame(fieldsOf(hoursOf(['00:00', '24:00'])), [])
  for (const open of ['24:00', '9:00', '09:60', '25:00', '', '09:00:00']) {
    t.strictSame(fieldsOf(hoursOf([open, '24:00'])), [field], open)
  }
  t.strictSame(fieldsOf(hoursOf(['09:00', '24:01'])), [field])
  t.strictSame(fieldsOf({ exceptions: [{ date: date('2026-01-01'), hours: [['9', '10']] }] }), [
    'exceptions[0].hours[0]',
    'exceptions[0].hours[0]'
  ])
})

t.test('a resource id is there once', async t => {
  t.strictSame(fieldsOf({ resources: [...demo.resources, demo.resources[0]!] }), ['resources[2].id'])
})

t.test('an exception is for a real day, a known resource, and there once', async t => {
  const lee = 'dr-lee' as ResourceId
  t.strictSame(
    fieldsOf({
      exceptions: [
        { date: date('2026-01-01'), hours: [] },
        { date: date('2026-01-01'), resource: lee, hours: [] }
      ]
    }),
    [],
    'one of all and one of a resource may share a day'
  )
  t.strictSame(
    fieldsOf({
      exceptions: [
        { date: date('2026-01-01'), resource: lee, hours: [] },
        { date: date('2026-01-01'), resource: lee, hours: [['09:00', '10:00']] },
        { date: date('2026-01-02'), resource: 'dr-who' as ResourceId, hours: [] },
        { date: date('2026-02-30'), hours: [] }
      ]
    }),
    ['exceptions[1]', 'exceptions[2].resource', 'exceptions[3].date']
  )
})

t.test('every list has a bound', async t => {
  const resources = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ id: `r${index}` as ResourceId, name: 'R' }))
  t.strictSame(fieldsOf({ resources: resources(resourcesMax) }), [])
  t.strictSame(fieldsOf({ resources: resources(resourcesMax + 1) }), ['resources'])

  const exceptions = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      date: date(new Date(index * 86_400_000).toISOString().slice(0, 10)),
      hours: []
    }))
  t.strictSame(fieldsOf({ exceptions: exceptions(exceptionsMax) }), [])
  t.strictSame(fieldsOf({ exceptions: exceptions(exceptionsMax + 1) }), ['exceptions'])

  const intervals = (count: number): OpenInterval[] =>
    Array.from({ length: count }, (_, index) => {
      const hour = String(index >> 1).padStart(2, '0')
      return index % 2 === 0 ? [`${hour}:00`, `${hour}:10`] : [`${hour}:30`, `${hour}:40`]
    })
  t.strictSame(fieldsOf(hoursOf(...intervals(intervalsPerDayMax))), [])
  t.strictSame(fieldsOf(hoursOf(...intervals(intervalsPerDayMax + 1))), ['resources[0].hours.mon'])
})

t.test('an exception can make a day too full as well as a weekday can', async t => {
  const resources = Array.from({ length: 40 }, (_, index) => ({ id: `r${index}` as ResourceId, name: 'R' }))
  const exceptions = [{ date: date('2026-01-01'), hours: [['00:00', '24:00'] as OpenInterval] }]
  t.strictSame(fieldsOf({ slotMinutes: 1, resources, exceptions }), ['resources'])
  t.strictSame(fieldsOf({ slotMinutes: 1, resources, exceptions, grid: 'open' }), [])
  t.strictSame(fieldsOf({ slotMinutes: 5, resources, exceptions }), [])
})

t.test('all mistakes are told together', async t => {
  t.strictSame(fieldsOf({ timeZone: 'x', slotMinutes: 0, ...hoursOf(['10:00', '09:00']) }), [
    'timeZone',
    'slotMinutes',
    'resources[0].hours.mon[0]'
  ])
})
