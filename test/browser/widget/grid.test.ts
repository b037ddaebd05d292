import t from 'tap'
import { datesFrom, Zone } from '../../../src/browser/shared/zone.js'
import {
  type Layout,
  type Light,
  layOut,
  moved,
  nearest,
  paint,
  type SlotView,
  startOf
} from '../../../src/browser/widget/grid.js'

const minuteMs = 60_000
const ids = (from: string, count: number, stepMinutes = 30): string[] =>
  Array.from(
    { length: count },
    (_, index) =>
      `room/${new Date(Date.parse(from) + index * stepMinutes * minuteMs).toISOString().slice(0, 16)}Z`
  )

const wide = { kind: 'wide' } as const
const utc = new Zone('UTC')
const shapeOf = (layout: Layout): string[] =>
  layout.rows.map(row => row.map(place => (place === undefined ? '-' : place.slot.slice(-6, -1))).join(' '))

t.test('a column is a day and a row a time of day, with a gap where a day has none', async t => {
  const slots = [...ids('2026-12-01T10:00Z', 2), ...ids('2026-12-02T09:30Z', 3)]
  const layout = layOut(slots.reverse(), datesFrom('2026-12-01', 3), utc, wide)
  t.strictSame(shapeOf(layout), ['- 09:30 -', '10:00 10:00 -', '10:30 10:30 -'])
})

t.test('slots of other days are left out: the reader’s days are not the calendar’s', async t => {
  const slots = ids('2026-12-01T20:00Z', 10, 60)
  const tokyo = layOut(slots, ['2026-12-02'], new Zone('Asia/Tokyo'), wide)
  t.equal(tokyo.rows.length, 10, 'all of them are on Wednesday there')
  t.equal(layOut(slots, ['2026-12-02'], utc, wide).rows.length, 6)
})

t.test('a narrow layout runs from left to right like text', async t => {
  const layout = layOut(ids('2026-12-01T09:00Z', 5), ['2026-12-01'], utc, { kind: 'narrow', columns: 3 })
  t.strictSame(shapeOf(layout), ['09:00 09:30 10:00', '10:30 11:00 -'])
})

t.test('a day of 25 hours shows the hour that comes twice in the order in which it passes', async t => {
  const berlin = new Zone('Europe/Berlin')
  // Saturday, and Sunday with its two hours from two to three
  const slots = [...ids('2026-10-23T23:00Z', 5, 60), ...ids('2026-10-24T23:00Z', 6, 30)]
  const layout = layOut(slots, ['2026-10-24', '2026-10-25'], berlin, wide)
  t.strictSame(
    layout.rows.map(([, sunday]) => sunday && [sunday.slot.slice(-6, -1), sunday.again, sunday.twice]),
    [
      ['23:00', false, false],
      ['23:30', false, false],
      ['00:00', false, true],
      ['00:30', false, true],
      ['01:00', true, true],
      ['01:30', true, true],
      undefined,
      undefined,
      undefined
    ].filter((_, index) => index < layout.rows.length)
  )
  t.equal(layout.rows.flat().filter(place => place !== undefined).length, 11, 'none is lost')
})

t.test('a day of 23 hours has a gap where the clocks jump', async t => {
  const berlin = new Zone('Europe/Berlin')
  const layout = layOut(
    [...ids('2026-03-27T23:00Z', 5, 60), ...ids('2026-03-28T23:00Z', 4, 60)],
    ['2026-03-28', '2026-03-29'],
    berlin,
    wide
  )
  t.strictSame(
    layout.rows.map(row => row.map(place => place && berlin.at(place.startMs).minutes / 60)),
    [
      [0, 0],
      [1, 1],
      [2, undefined],
      [3, 3],
      [4, 4]
    ]
  )
})

const nowMs = Date.parse('2026-12-01T09:15Z')
function lit(states: Record<string, SlotView>, more: Partial<Light> = {}): Light {
  return {
    stateOf: slot => states[slot],
    you: 'me',
    mine: new Set(),
    asked: new Set(),
    watched: new Set(),
    leftMs: ({ endsAt = 0 }) => Math.max(0, endsAt - nowMs),
    nowMs,
    ...more
  }
}

const day = ids('2026-12-01T09:00Z', 6)
const layout = layOut(day, ['2026-12-01'], utc, wide)
const [nine, half, ten, halfTen, eleven, halfEleven] = day as [string, string, string, string, string, string]
const free: SlotView = { state: 'free' }
const all = Object.fromEntries(day.map(slot => [slot, free]))
const statesOf = (light: Light): string[] => paint(layout, light).map(({ cells }) => cells[0]!.state)

t.test('a slot looks as it is for this visitor', async t => {
  const locked = (by: string, inMs: number): SlotView => ({ state: 'locked', by, endsAt: nowMs + inMs })
  t.strictSame(
    statesOf(
      lit({
        ...all,
        [half]: locked('other', 60_000),
        [ten]: locked('me', 60_000),
        [halfTen]: locked('other', -1),
        [eleven]: { state: 'booked' },
        [halfEleven]: { state: 'blocked' }
      })
    ),
    ['past', 'locked', 'mine', 'free', 'booked', 'blocked']
  )
  t.strictSame(statesOf(lit(all, { mine: new Set([half]), asked: new Set([ten]) })).slice(1, 3), [
    'mine',
    'asked'
  ])
})

t.test('only a free slot is shown as looked at, and never one’s own', async t => {
  const light = lit({ ...all, [ten]: { state: 'booked' } }, { watched: new Set([nine, half, ten]) })
  t.strictSame(
    paint(layout, light).map(({ cells }) => cells[0]!.watched),
    [false, true, false, false, false, false]
  )
})

t.test('what looks as before is the same object, down to the whole', async t => {
  const before = paint(layout, lit(all))
  t.equal(paint(layout, lit(all), before), before)
  const after = paint(layout, lit({ ...all, [ten]: { state: 'booked' } }), before)
  t.not(after, before)
  t.strictSame(
    after.map((row, index) => row === before[index]),
    [true, true, false, true, true, true]
  )
})

t.test('a lock’s time is told in minutes, so that a second changes nothing', async t => {
  const states = { ...all, [ten]: { state: 'locked', by: 'other', endsAt: nowMs + 299_500 } as SlotView }
  const before = paint(layout, lit(states))
  t.equal(before[2]!.cells[0]!.freeInMinutes, 5)
  const later = lit(states, { leftMs: ({ endsAt = 0 }) => endsAt - nowMs - 1_000, nowMs: nowMs + 1_000 })
  t.equal(paint(layout, later, before), before)
})

t.test('keys lead to the next time that way, over gaps, and not out of the grid', async t => {
  const slots = [...ids('2026-12-01T09:00Z', 3), ...ids('2026-12-03T10:00Z', 1)]
  const layout = layOut(slots, datesFrom('2026-12-01', 3), utc, wide)
  const to = (row: number, column: number, key: string, rtl = false, ctrl = false) =>
    moved(layout, { row, column }, key, { rtl, ctrl })
  t.strictSame(to(0, 0, 'ArrowDown'), { row: 1, column: 0 })
  t.strictSame(to(2, 0, 'ArrowRight'), { row: 2, column: 2 })
  t.strictSame(to(2, 0, 'ArrowLeft', true), { row: 2, column: 2 }, 'right to left')
  t.strictSame(to(2, 0, 'End'), { row: 2, column: 2 })
  t.strictSame(to(2, 2, 'Home'), { row: 2, column: 0 })
  t.strictSame(to(2, 2, 'Home', false, true), { row: 0, column: 0 })
  t.strictSame(to(0, 0, 'End', false, true), { row: 2, column: 2 })
  t.equal(to(0, 0, 'ArrowUp'), undefined)
  t.equal(to(0, 0, 'x'), undefined)
})

t.test('the nearest time takes over from one that is gone', async t => {
  t.strictSame(nearest(layout, { row: 9, column: 3 }), { row: 5, column: 0 })
  t.equal(nearest({ dates: [], rows: [], columns: 1 }, { row: 0, column: 0 }), undefined)
  t.equal(startOf(nine), Date.parse('2026-12-01T09:00Z'))
})
