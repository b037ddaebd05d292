import t from 'tap'
import type { OpenInterval } from '../../src/domain/calendar.js'
import { checkDefinition, demoCalendar, weekdays } from '../../src/domain/calendar-definition.js'
import { Grid, slotsListedMax } from '../../src/domain/grid.js'
import { parseSlotId, type ResourceId } from '../../src/domain/ids.js'
import { calendar, date, minuteMs, room, wallClock } from './grid-fixture.js'

t.test(
  'an ordinary day has its slots between opening and closing, and none that would end too late',
  async t => {
    t.strictSame(
      wallClock(
        'Europe/Berlin',
        [
          ['09:00', '10:15'],
          ['13:00', '14:00']
        ],
        '2026-01-15'
      ),
      ['09:00+01:00', '09:30+01:00', '13:00+01:00', '13:30+01:00']
    )
  }
)

t.test('a day of 23 hours has 23 hours of slots, one of 25 has 25', async t => {
  const spring = wallClock('America/New_York', [['00:00', '24:00']], '2026-03-08', 60)
  t.equal(spring.length, 23)
  t.strictSame(spring.slice(0, 4), ['00:00-05:00', '01:00-05:00', '03:00-04:00', '04:00-04:00'])
  const autumn = wallClock('America/New_York', [['00:00', '24:00']], '2026-11-01', 60)
  t.equal(autumn.length, 25)
  t.strictSame(autumn.slice(0, 4), ['00:00-04:00', '01:00-04:00', '01:00-05:00', '02:00-05:00'])
})

t.test(
  'an opening time that does not exist moves on by the gap, of one that exists twice the first is meant',
  async t => {
    t.strictSame(wallClock('Europe/Berlin', [['02:30', '05:00']], '2026-03-29', 30), [
      '03:30+02:00',
      '04:00+02:00',
      '04:30+02:00'
    ])
    t.strictSame(wallClock('Europe/Berlin', [['02:30', '03:30']], '2026-10-25', 30), [
      '02:30+02:00',
      '02:00+01:00',
      '02:30+01:00',
      '03:00+01:00'
    ])
  }
)

t.test(
  'an interval whose closing time was moved past the next opening ends there, so that slots stay disjoint',
  async t => {
    // 02:15 does not exist on this day and becomes 03:15; the next interval opens at 03:00
    const hours: OpenInterval[] = [
      ['01:00', '02:15'],
      ['03:00', '04:00']
    ]
    t.strictSame(wallClock('Europe/Berlin', hours, '2026-03-29', 15), [
      '01:00+01:00',
      '01:15+01:00',
      '01:30+01:00',
      '01:45+01:00',
      '03:00+02:00',
      '03:15+02:00',
      '03:30+02:00',
      '03:45+02:00'
    ])
    const swallowed: OpenInterval[] = [
      ['02:15', '02:45'],
      ['03:00', '04:00']
    ]
    t.strictSame(wallClock('Europe/Berlin', swallowed, '2026-03-29', 30), ['03:00+02:00', '03:30+02:00'])
  }
)

t.test('a shift of half an hour is followed', async t => {
  t.strictSame(wallClock('Australia/Lord_Howe', [['01:00', '03:00']], '2026-04-05'), [
    '01:00+11:00',
    '01:30+11:00',
    '01:30+10:30',
    '02:00+10:30',
    '02:30+10:30'
  ])
  t.strictSame(wallClock('Australia/Lord_Howe', [['01:30', '03:30']], '2026-10-04'), [
    '01:30+10:30',
    '02:30+11:00',
    '03:00+11:00'
  ])
})

t.test('a day that a zone skipped has no slots, and the days beside it have theirs', async t => {
  const grid = new Grid(calendar('Pacific/Apia', [['00:00', '24:00']], 60))
  t.equal(grid.slotsOn(room, date('2011-12-29')).length, 24)
  t.equal(grid.slotsOn(room, date('2011-12-30')).length, 0)
  t.equal(grid.slotsOn(room, date('2011-12-31')).length, 24)
  const { fromMs, toMs } = grid.rangeMs(date('2011-12-30'), date('2011-12-30'))
  t.equal(fromMs, toMs)
  const before = grid.slotsOn(room, date('2011-12-29')).at(-1)!
  t.equal(grid.slotsOn(room, date('2011-12-31'))[0], before + 60 * minuteMs)
  t.equal(grid.dateOf(before + 60 * minuteMs), '2011-12-31')
})

t.test('a day whose midnight does not exist begins at its first instant', async t => {
  const grid = new Grid(calendar('America/Sao_Paulo', [['00:00', '24:00']], 60))
  const starts = grid.slotsOn(room, date('2018-11-04'))
  t.equal(starts.length, 23)
  t.equal(starts[0], Date.parse('2018-11-04T03:00Z'))
  t.equal(grid.rangeMs(date('2018-11-04'), date('2018-11-04')).fromMs, Date.parse('2018-11-04T03:00Z'))
  t.equal(grid.slotsOn(room, date('2018-11-03')).at(-1), Date.parse('2018-11-04T02:00Z'))
})

t.test('clocks that go back over midnight give no instant to two days, nor to none', async t => {
  // 2010-11-07 00:01 in St. John's was followed by 23:01 of the day before
  const grid = new Grid(calendar('America/St_Johns', [['00:00', '24:00']], 1))
  const saturday = grid.slotsOn(room, date('2010-11-06'))
  const sunday = grid.slotsOn(room, date('2010-11-07'))
  t.equal(saturday.length, 1_440)
  t.equal(sunday.length, 1_500)
  t.equal(sunday[0], saturday.at(-1)! + minuteMs)
  for (const startMs of [sunday[0]!, sunday[30]!, sunday[61]!]) {
    t.equal(grid.dateOf(startMs), '2010-11-07')
    t.ok(grid.has({ resource: room, startMs }))
  }
})

t.test('a zone whose offset had seconds gives slots on whole minutes all the same', async t => {
  const grid = new Grid(calendar('Africa/Monrovia', [['09:00', '10:00']], 30))
  // 09:00 was 09:44:30 UTC; the next whole minute leaves room for one half hour before 10:44:30
  t.strictSame(grid.slotsOn(room, date('1971-06-01')), [Date.parse('1971-06-01T09:45Z')])
})

t.test('an exception goes before the weekday, and one of the resource before one of all', async t => {
  const other = 'other' as ResourceId
  const hours = Object.fromEntries(weekdays.map(day => [day, [['09:00', '11:00']]]))
  const grid = new Grid({
    ...calendar('UTC', []),
    slotMinutes: 60,
    resources: [
      { id: room, name: 'Room', hours },
      { id: other, name: 'Other', hours }
    ],
    exceptions: [
      { date: date('2026-01-01'), hours: [] },
      { date: date('2026-01-02'), hours: [] },
      { date: date('2026-01-02'), resource: room, hours: [['12:00', '13:00']] }
    ]
  })
  t.strictSame(
    grid.slotsBetween(date('2026-01-01'), date('2026-01-03')).map(({ slot }) => slot),
    [
      'room/2026-01-02T12:00Z',
      'room/2026-01-03T09:00Z',
      'room/2026-01-03T10:00Z',
      'other/2026-01-03T09:00Z',
      'other/2026-01-03T10:00Z'
    ]
  )
  t.notOk(grid.has({ resource: room, startMs: Date.parse('2026-01-01T09:00Z') }))
  t.strictSame(grid.slotsOn('nobody' as ResourceId, date('2026-01-02')), [])
  t.notOk(grid.has({ resource: 'nobody' as ResourceId, startMs: Date.parse('2026-01-03T09:00Z') }))
})

t.test('an open grid has every slot and lists none', async t => {
  const grid = new Grid(calendar('Europe/Berlin', [['09:00', '17:00']], 30, { grid: 'open' }))
  t.ok(grid.has({ resource: 'anybody' as ResourceId, startMs: Date.parse('2026-01-15T03:07Z') }))
  t.strictSame(grid.slotsBetween(date('2026-01-01'), date('2026-01-31')), [])
  t.ok(grid.fits(date('2026-01-01'), date('2026-01-31')))
  t.strictSame(grid.slotsOn(room, date('2026-01-15')), [])
})

t.test('a listing past its bound ends with a whole day and says beforehand that it does not fit', async t => {
  const grid = new Grid(calendar('UTC', [['00:00', '24:00']], 1))
  const last = date('2026-02-28')
  t.notOk(grid.fits(date('2026-01-01'), last))
  const slots = grid.slotsBetween(date('2026-01-01'), last)
  t.equal(slots.length, Math.floor(slotsListedMax / 1_440) * 1_440)
  t.ok(grid.fits(date('2026-01-01'), date('2026-01-31')))

  const closed = new Grid(calendar('UTC', []))
  t.notOk(
    closed.fits(date('0001-01-01'), date('9999-12-31')),
    'and so do too many dates, also without a slot'
  )
  t.ok(closed.fits(date('2026-01-02'), date('2026-01-01')))
  t.strictSame(closed.slotsBetween(date('2026-01-02'), date('2026-01-01')), [])
})

t.test('the last day that can be spelt is listed, and nothing after it', async t => {
  const grid = new Grid(calendar('America/New_York', [['00:00', '24:00']], 60))
  const slots = grid.slotsBetween(date('9999-12-31'), date('9999-12-31'))
  t.equal(slots.length, 19)
  for (const { slot } of slots) t.ok(parseSlotId(slot))
  t.ok(grid.fits(date('9999-12-31'), date('9999-12-31')))
})

t.test('the day of a moment is that of the zone of the calendar, not of the machine', async t => {
  const grid = new Grid(calendar('Pacific/Auckland', []))
  t.equal(grid.dateOf(Date.parse('2026-01-15T10:59Z')), '2026-01-15')
  t.equal(grid.dateOf(Date.parse('2026-01-15T11:00Z')), '2026-01-16')
})

t.test('a time zone that nobody knows makes no grid', async t => {
  t.throws(() => new Grid(calendar('Mars/Olympus', [])), { name: 'RangeError' })
})

t.test('the demo calendar passes its own checks and has 16 slots a day for each doctor', async t => {
  const demo = demoCalendar('Europe/Berlin')
  t.strictSame(checkDefinition(demo), [])
  const slots = new Grid(demo).slotsBetween(date('2026-01-15'), date('2026-01-15'))
  t.equal(slots.length, 32)
  t.match(slots[0], { slot: 'dr-lee/2026-01-15T08:00Z', resource: 'dr-lee' })
})
