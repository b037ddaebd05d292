import t from 'tap'
import { caughtUp, emptyFeed, type Feed, withNews, withOlder } from '../../../src/browser/board/feed-model.js'
import { GridModel, slotOf } from '../../../src/browser/board/grid-model.js'
import type {
  CalendarChange,
  CalendarInfo,
  CalendarSnapshot,
  Selection,
  Slot
} from '../../../src/browser/client/index.js'
import { Zone } from '../../../src/browser/shared/zone.js'
import type { AuditEntryView, StaffLockView } from '../../../src/protocol/schemas.js'

const zone = new Zone('Europe/Paris')
const day = '2031-01-15'
const at = (hour: number): number => Date.parse(`${day}T${String(hour).padStart(2, '0')}:00Z`)
const info: CalendarInfo = {
  id: 'clinic',
  name: 'Clinic',
  timeZone: 'Europe/Paris',
  slotMinutes: 60,
  resources: [
    { id: 'lee', name: 'Dr Lee' },
    { id: 'kim', name: 'Dr Kim' }
  ]
}
const slot = (resource: string, hour: number, more: Partial<Slot> = {}): Slot => ({
  slot: slotOf(resource, at(hour)),
  state: 'free',
  ver: 1,
  resource,
  start: at(hour),
  ...more
})
const snapshotOf = (slots: readonly Slot[], selections: readonly Selection[] = []): CalendarSnapshot => ({
  calendar: 'clinic',
  from: day,
  to: day,
  timeZone: 'Europe/Paris',
  you: undefined,
  slots: new Map(slots.map(one => [one.slot, one])),
  selections: new Map(selections.map(one => [one.viewer, one])),
  state: 'live'
})
const changed = (slots: readonly string[], selections: readonly string[] = []): CalendarChange => ({
  all: false,
  slots: new Set(slots),
  selections: new Set(selections)
})
const lock = (id: string, ...slots: string[]): StaffLockView =>
  ({ id, slots, state: 'held', by: 'tag', session: 's', since: 1 }) as unknown as StaffLockView

const all = [slot('lee', 9), slot('lee', 10), slot('kim', 9), slot('kim', 10)]
const shown = (): GridModel => {
  const model = new GridModel()
  model.show(day, info, snapshotOf(all), zone)
  return model
}

t.test('a day is people downwards and times across, in the order of the calendar', async t => {
  const model = shown()
  t.strictSame(
    model.rows.map(({ name }) => name),
    ['Dr Lee', 'Dr Kim']
  )
  t.strictSame(model.columns, [at(9), at(10)])
  t.strictSame(model.tally(model.rows), { free: 4, locked: 0, booked: 0, blocked: 0, looking: 0 })
})

t.test('a day is that of the calendar, wherever the reader is', async t => {
  const model = new GridModel()
  const late = { ...slot('lee', 9), slot: 'lee/2031-01-14T23:00Z', start: Date.parse('2031-01-14T23:00Z') }
  model.show(day, info, snapshotOf([...all, late]), zone)
  t.equal(model.columns[0], late.start, 'midnight in Paris')
})

t.test('a person without a slot at a time is not open then', async t => {
  const model = new GridModel()
  model.show(day, info, snapshotOf(all.slice(0, 3)), zone)
  t.equal(model.cellOf('kim', 1)?.state, 'none')
})

t.test('a change makes a new cell in its row and leaves the other rows as they are', async t => {
  const model = shown()
  const [lee, kim] = model.rows.map(({ version }) => version)
  const before = model.cellOf('lee', 1)
  const held = slot('lee', 10, { state: 'locked', by: 'ann', endsAt: 5, ver: 2 })
  t.ok(model.change(snapshotOf([all[0]!, held, all[2]!, all[3]!]), changed([held.slot])))
  t.match(model.cellOf('lee', 1), { state: 'locked', by: 'ann', endsAt: 5 })
  t.equal(before?.state, 'free', 'cells are never changed, they are replaced')
  t.ok(model.rows[0]!.version > lee!)
  t.equal(model.rows[1]!.version, kim)
})

t.test('a slot that has no place yet asks for the day to be laid out anew', async t => {
  const model = shown()
  const late = slot('lee', 17)
  t.notOk(model.change(snapshotOf([...all, late]), changed([late.slot])))
})

t.test('who looks is counted, and no longer where they looked before', async t => {
  const model = shown()
  const looks = (viewer: string, where: Slot): Selection => ({
    viewer,
    slot: where.slot,
    seq: 1,
    expiresInMs: 1,
    endsAt: 1
  })
  model.change(snapshotOf(all, [looks('a', all[0]!), looks('b', all[0]!)]), changed([], ['a', 'b']))
  t.equal(model.cellOf('lee', 0)?.looking, 2)
  model.change(snapshotOf(all, [looks('a', all[3]!)]), changed([], ['a', 'b']))
  t.equal(model.cellOf('lee', 0)?.looking, 0)
  t.equal(model.cellOf('kim', 1)?.looking, 1)
})

t.test('a hold is known by its slots, until it ends or somebody else has them', async t => {
  const model = shown()
  const held = all.map(one => ({ ...one, state: 'locked' as const, ver: 2 }))
  model.show(day, info, snapshotOf(held), zone)
  model.setLocks([lock('one', held[0]!.slot, held[1]!.slot)])
  t.equal(model.cellOf('lee', 1)?.lock?.id, 'one')
  model.changeLocks([lock('two', held[1]!.slot)], [])
  t.equal(model.cellOf('lee', 1)?.lock?.id, 'two')
  model.changeLocks([], ['one'])
  t.equal(model.cellOf('lee', 0)?.lock, undefined)
  t.equal(model.cellOf('lee', 1)?.lock?.id, 'two', 'the end of the first takes nothing from the second')
  model.setLocks([])
  t.equal(model.cellOf('lee', 1)?.lock, undefined)
})

t.test('after a silence the newest page goes on from what was there, or stands alone', async t => {
  const entry = (id: number): AuditEntryView => ({ id, at: id }) as AuditEntryView
  const ids = ({ entries }: Feed): number[] => entries.map(({ id }) => id)
  const before = withOlder(emptyFeed, { entries: [entry(3), entry(2)], cursor: 'behind 2' })
  const now = withNews(before, [entry(9)])
  const reaching = caughtUp(before, now, { entries: [entry(5), entry(4), entry(3)], cursor: 'behind 3' })
  t.strictSame(ids(reaching), [9, 5, 4, 3, 2])
  t.equal(reaching.cursor, 'behind 2')
  const apart = caughtUp(before, now, { entries: [entry(8), entry(7)], cursor: 'behind 7' })
  t.strictSame(ids(apart), [9, 8, 7], 'with 2 and 3 below them, 4 to 6 could never be paged to')
  t.equal(apart.cursor, 'behind 7')
  t.strictSame(
    ids(caughtUp(before, before, { entries: [entry(4)] })),
    [4, 3, 2],
    'the whole trail is one page'
  )
  t.equal(caughtUp(emptyFeed, emptyFeed, { entries: [entry(4)], cursor: 'behind 4' }).cursor, 'behind 4')
})

t.test('what happened is told once, newest first, however it came', async t => {
  const entry = (id: number, when: number): AuditEntryView => ({ id, at: when }) as AuditEntryView
  const first = withOlder(emptyFeed, { entries: [entry(4, 40), entry(3, 30)], cursor: 'next' })
  const pushed = withNews(first, [entry(4, 40), entry(6, 60), entry(5, 60)])
  t.strictSame(
    pushed.entries.map(({ id }) => id),
    [6, 5, 4, 3]
  )
  t.equal(pushed.cursor, 'next')
  const older = withOlder(pushed, { entries: [entry(2, 20)] })
  t.strictSame(
    older.entries.map(({ id }) => id),
    [6, 5, 4, 3, 2]
  )
  t.equal(older.cursor, undefined)
  const many = withNews(
    pushed,
    Array.from({ length: 600 }, (_, index) => entry(100 + index, 100 + index))
  )
  t.equal(many.entries.length, 500)
  t.equal(many.entries[0]?.id, 699)
  t.equal(many.cursor, undefined, 'what fell off cannot be paged to')
})
