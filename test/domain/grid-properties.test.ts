import fc from 'fast-check'
import t from 'tap'
import { Temporal } from 'temporal-polyfill'
import type { OpenInterval } from '../../src/domain/calendar.js'
import { checkDefinition, slotsPerDayMax, weekdays } from '../../src/domain/calendar-definition.js'
import { Grid } from '../../src/domain/grid.js'
import { type ResourceId, slotIdOf } from '../../src/domain/ids.js'
import { calendar, date, minuteMs, room } from './grid-fixture.js'

const zones = [
  'UTC',
  'America/New_York',
  'America/St_Johns',
  'America/Sao_Paulo',
  'America/Havana',
  'America/Toronto',
  'Africa/Monrovia',
  'Asia/Kathmandu',
  'Asia/Tehran',
  'Australia/Lord_Howe',
  'Europe/Berlin',
  'Europe/Dublin',
  'Pacific/Apia',
  'Pacific/Chatham',
  'Pacific/Kiritimati',
  'Antarctica/Troll'
]
/** Days on which something is odd somewhere, so that chance finds them. */
const oddDates = [
  '1919-03-30',
  '1919-03-31',
  '1972-01-07',
  '2010-11-06',
  '2010-11-07',
  '2011-12-29',
  '2011-12-30',
  '2011-12-31',
  '2018-02-17',
  '2018-11-04',
  '2025-11-02',
  '2026-03-08',
  '2026-03-29',
  '2026-04-05',
  '2026-10-04',
  '2026-10-25',
  '2026-11-01'
]
const anyDate = fc.oneof(
  fc.constantFrom(...oddDates),
  fc
    .integer({ min: -20_000, max: 40_000 })
    .map(days => new Date(days * 86_400_000).toISOString().slice(0, 10))
)
const time = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
const anyHours = fc
  .uniqueArray(fc.integer({ min: 0, max: 1_440 }), { minLength: 2, maxLength: 8 })
  .map(minutes => {
    const ascending = minutes.sort((a, b) => a - b)
    const hours: OpenInterval[] = []
    for (let at = 0; at + 1 < ascending.length; at += 2) {
      hours.push([time(ascending[at]!), time(ascending[at + 1]!)])
    }
    return hours
  })
const anySlotMinutes = fc.constantFrom(1, 5, 7, 15, 30, 45, 60, 90, 1_440)

t.test(
  'whatever the zone, the day and the hours: slots ascend, are disjoint and lie within their day',
  async () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        anyDate,
        anyHours,
        anySlotMinutes,
        (zone, day, hours, slotMinutes) => {
          const definition = calendar(zone, hours, slotMinutes)
          if (checkDefinition(definition).length > 0) return false
          const grid = new Grid(definition)
          const starts = grid.slotsOn(room, date(day))
          const { fromMs, toMs } = grid.rangeMs(date(day), date(day))
          return starts.every((startMs, index) => {
            const previous = starts[index - 1] ?? Number.NEGATIVE_INFINITY
            return (
              startMs % minuteMs === 0 &&
              startMs >= fromMs &&
              startMs + slotMinutes * minuteMs <= toMs &&
              startMs >= previous + slotMinutes * minuteMs &&
              grid.dateOf(startMs) === day
            )
          })
        }
      ),
      { numRuns: 500 }
    )
  }
)

t.test(
  'within one interval slots are exactly slotMinutes apart, and there is no room for one more',
  async () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        anyDate,
        anyHours,
        anySlotMinutes,
        (zone, day, hours, slotMinutes) => {
          const interval = hours[0]!
          const grid = new Grid(calendar(zone, [interval], slotMinutes))
          const starts = grid.slotsOn(room, date(day))
          const stepMs = slotMinutes * minuteMs
          // what Temporal itself says of the two ends, without the grid's shorter way for even days
          const instant = (text: string): number =>
            text === '24:00'
              ? Temporal.PlainDate.from(day).add({ days: 1 }).toZonedDateTime(zone).epochMilliseconds
              : Temporal.PlainDate.from(day).toZonedDateTime({ timeZone: zone, plainTime: text })
                  .epochMilliseconds
          const { fromMs, toMs } = grid.rangeMs(date(day), date(day))
          const openMs = Math.ceil(Math.max(instant(interval[0]), fromMs) / minuteMs) * minuteMs
          const closeMs = Math.min(instant(interval[1]), toMs)
          const count = Math.max(0, Math.floor((closeMs - openMs) / stepMs))
          return (
            starts.length === count && starts.every((startMs, index) => startMs === openMs + index * stepMs)
          )
        }
      ),
      { numRuns: 500 }
    )
  }
)

t.test('`has` says yes to what is listed and to nothing else', async () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      anyDate,
      anyHours,
      anySlotMinutes,
      fc.array(fc.integer({ min: 0, max: 1_439 }), { maxLength: 30 }),
      (zone, day, hours, slotMinutes, minutes) => {
        const definition = calendar(zone, hours, slotMinutes)
        const lister = new Grid(definition)
        const grid = new Grid(definition)
        const around = Temporal.PlainDate.from(day)
        const from = date(around.subtract({ days: 2 }).toString())
        const listed = lister.slotsBetween(from, date(around.add({ days: 2 }).toString()))
        const all = new Set(listed.map(({ startMs }) => startMs))
        const utcDayMs = Date.parse(`${day}T00:00Z`)
        return (
          listed.every(({ startMs, slot }) => {
            return grid.has({ resource: room, startMs }) && slot === slotIdOf(room, startMs)
          }) &&
          minutes.every(minute => {
            const startMs = utcDayMs + minute * minuteMs
            return grid.has({ resource: room, startMs }) === all.has(startMs)
          })
        )
      }
    ),
    { numRuns: 300 }
  )
})

t.test(
  'days follow each other without a gap, and every instant is within the day it belongs to',
  async () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        anyDate,
        fc.integer({ min: 0, max: 86_399_999 }),
        (zone, day, offsetMs) => {
          const grid = new Grid(calendar(zone, []))
          const next = date(Temporal.PlainDate.from(day).add({ days: 1 }).toString())
          const ms = Date.parse(`${day}T00:00Z`) + offsetMs
          const local = grid.dateOf(ms)
          const range = grid.rangeMs(local, local)
          return (
            grid.rangeMs(date(day), date(day)).toMs === grid.rangeMs(next, next).fromMs &&
            range.fromMs <= ms &&
            ms < range.toMs
          )
        }
      ),
      { numRuns: 500 }
    )
  }
)

t.test('a definition that passes its checks never has a day that does not fit into a listing', async t => {
  const hours = Object.fromEntries(weekdays.map(day => [day, [['00:00', '24:00']]]))
  const resources = Array.from({ length: 33 }, (_, index) => ({
    id: `r-${index}` as ResourceId,
    name: 'R',
    hours
  }))
  const definition = { ...calendar('America/New_York', [], 1), resources }
  t.strictSame(checkDefinition(definition), [])
  t.ok(new Grid(definition).fits(date('2026-11-01'), date('2026-11-01')), 'not even one of 25 hours')
  const more = { ...definition, resources: [...resources, { id: room, name: 'Room', hours }] }
  t.match(checkDefinition(more), [{ field: 'resources', problem: `at most ${slotsPerDayMax} fit` }])
})
