import t from 'tap'
import type { CalendarId, ViewerTag } from '../../../src/domain/ids.js'
import type { LockStore } from '../../../src/domain/lock-store.js'
import { Tail, type TailTimes } from '../../../src/service/upkeep/tail.js'
import { openSqliteStore } from '../../../src/stores/sql/open-sqlite.js'
import { SteppedTime } from '../../helpers/stepped-time.js'
import {
  connected,
  definition,
  demo,
  failing,
  grant,
  type Instance,
  instance,
  type MemoryLane,
  over,
  release,
  replacing,
  sessionId,
  sharedDatabase,
  slot
} from '../live-fixture.js'

type Test = Parameters<typeof instance>[0]

function tailOf(t: Test, one: Instance, time: SteppedTime, times: Partial<TailTimes> = {}): Tail {
  const tail = new Tail({ ...one, clock: time, timers: time, times })
  t.teardown(() => tail.stop())
  return tail
}

/** Two instances over one database and one Redis; `there` watches. */
async function two(t: Test, wrapThere?: (store: LockStore) => LockStore) {
  const time = new SteppedTime()
  const path = sharedDatabase(t)
  const [laneHere, laneThere] = connected(2) as [MemoryLane, MemoryLane]
  const here = await instance(t, { time, path, lane: laneHere })
  const there = await instance(t, {
    time,
    path,
    lane: laneThere,
    ...(wrapThere === undefined ? {} : { wrap: wrapThere })
  })
  there.feed.watch(demo)
  const lossy = (lossy: boolean): void => {
    for (const lane of [laneHere, laneThere]) lane.lossy = lossy
  }
  return { time, here, there, lossy }
}

/** A store that hides a slot's row, as one that does not see a transaction before it commits. */
const hiding = (hidden: { slot: string | undefined; stallMs: number }, time: SteppedTime) =>
  replacing(store => ({
    readChanges: async (...args) => {
      const read = await store.readChanges(...args)
      time.freeze(hidden.stallMs)
      hidden.stallMs = 0
      return { ...read, rows: read.rows.filter(row => row.slot !== hidden.slot) }
    }
  }))

/** The same for the readings of whole calendars. */
const hidingRows = (hidden: { slot: string | undefined }) =>
  replacing(store => ({
    readRange: async (...args) => (await store.readRange(...args)).filter(row => row.slot !== hidden.slot)
  }))

t.test('what Redis lost the tail brings, and without it the screen stays wrong', async t => {
  const { time, here, there, lossy } = await two(t)
  const lock = await grant(here, 'a', [0])
  await time.rest()
  t.equal(there.screen.get(slot(0))?.state, 'locked', 'nothing is lost yet')

  lossy(true)
  await grant(here, 'b', [1])
  await release(here, lock)
  await time.step(10_000)
  t.equal(there.screen.get(slot(0))?.state, 'locked', 'wrong, and it stays so without a tail')
  t.equal(there.screen.get(slot(1)), undefined)

  lossy(false)
  const tail = tailOf(t, there, time)
  tail.start()
  await grant(here, 'c', [2], { silent: true })
  await time.step(1_000)
  t.equal(there.screen.get(slot(2))?.state, 'locked', 'a second later it is there')
  t.equal(tail.repaired, 1)
})

t.test('what it repairs is brought to Redis too, and what was not lost is no repair', async t => {
  const { time, here, there } = await two(t)
  const tail = tailOf(t, there, time)
  tail.start()
  await grant(here, 'a', [0])
  await time.step(5_000)
  t.equal(tail.repaired, 0)
  t.same(there.lane?.settled, [])
  await grant(here, 'b', [1], { silent: true })
  await time.step(5_000)
  t.equal(tail.repaired, 1, 'each row once')
  t.same(
    there.lane?.settled.flatMap(({ rows }) => rows.map(row => row.slot)),
    [slot(1)]
  )
})

t.test('a holder hears of the end of a lock whose message was lost', async t => {
  const { time, here, there, lossy } = await two(t)
  tailOf(t, there, time).start()
  there.feed.unwatch(demo)
  there.feed.attach(sessionId('a'), false)
  const lock = await grant(here, 'a', [0])
  await time.rest()
  lossy(true)
  await release(here, lock)
  await grant(here, 'b', [1])
  await time.step(2_000)
  const told = there.events.flatMap(({ event }) => (event.kind === 'lock' ? [event.lock] : []))
  t.same(
    told.map(lock => [lock.owner, lock.state]),
    [
      [sessionId('a'), 'held'],
      [sessionId('a'), 'released']
    ],
    'and of nobody else’s'
  )
})

t.test('while Redis is out it reads ten times as often, from the moment it hears of it', async t => {
  const { time, here, there } = await two(t)
  const tail = tailOf(t, there, time)
  tail.start()
  await time.step(1_050)
  here.health.green = there.health.green = false
  tail.redisChanged()
  await time.step(100)
  await grant(here, 'a', [0])
  await time.step(100)
  t.equal(there.screen.get(slot(0))?.state, 'locked')
})

t.test('while Redis is out hovers come through the database', async t => {
  const { time, here, there } = await two(t)
  tailOf(t, there, time).start()
  here.health.green = there.health.green = false
  await here.store.putSelection({
    calendar: demo,
    viewer: 'v' as ViewerTag,
    slot: slot(3),
    seq: here.store.nextVersion(),
    expiresAt: time.now() + 10_000
  })
  await time.step(1_000)
  t.equal(there.feed.selectionOf(demo, 'v' as ViewerTag)?.slot, slot(3))
})

for (const late of [true, false]) {
  t.test(
    late
      ? 'a row that comes to light late is found by the late pass'
      : 'without the late pass a row that comes to light late is never found',
    async t => {
      const time = new SteppedTime()
      const hidden: { slot: string | undefined; stallMs: number } = { slot: slot(0), stallMs: 0 }
      const path = sharedDatabase(t)
      const here = await instance(t, { time, path })
      const there = await instance(t, { time, path, wrap: hiding(hidden, time) })
      there.feed.watch(demo)
      const tail = tailOf(t, there, time, late ? {} : { lateIntervalMs: 1e12 })
      tail.start()
      await time.step(5_000)
      await grant(here, 'a', [0], { silent: true })
      await time.step(2_500)
      t.equal(there.screen.get(slot(0)), undefined, 'its statement has not committed')
      hidden.slot = undefined
      await time.step(10_000)
      t.equal(there.screen.get(slot(0))?.state, late ? 'locked' : undefined)
      t.equal(tail.snapshots, 0)
    }
  )
}

t.test('after the database stood still everything watched is read, at once and once more later', async t => {
  const time = new SteppedTime()
  const hidden: { slot: string | undefined; stallMs: number } = { slot: undefined, stallMs: 0 }
  const path = sharedDatabase(t)
  const here = await instance(t, { time, path })
  const there = await instance(t, { time, path, wrap: hiding(hidden, time) })
  there.feed.watch(demo)
  const tail = tailOf(t, there, time)
  tail.start()
  await time.step(5_000)
  // committed in the middle of a stall longer than any window: no reading of changes will show it
  hidden.slot = slot(0)
  await grant(here, 'a', [0], { silent: true })
  hidden.stallMs = 6_000
  await time.step(1_000)
  t.equal(tail.snapshots, 1)
  t.equal(there.screen.get(slot(0))?.state, 'locked')
  await time.step(4_000)
  t.equal(tail.snapshots, 2)
  await time.step(10_000)
  t.equal(tail.snapshots, 2)
})

t.test('after this process stood still everything watched is read', async t => {
  const { time, there } = await two(t)
  const tail = tailOf(t, there, time)
  tail.start()
  await time.step(3_000)
  time.freeze(20_000)
  await time.step(1)
  t.equal(tail.snapshots, 1)
})

t.test('when the clock of the database steps back, what it stamps with times gone by is found', async t => {
  const time = new SteppedTime()
  const step = { ms: 0 }
  const clock = { now: () => time.now() + step.ms, monotonic: time.monotonic }
  const path = sharedDatabase(t)
  const open = async () => {
    const store = await openSqliteStore(path, { clock })
    t.teardown(() => store.close())
    await store.migrate()
    return over(store, time)
  }
  const here = await open()
  await here.store.putCalendar(definition)
  const there = await open()
  there.feed.watch(demo)
  const tail = tailOf(t, there, time)
  tail.start()
  await time.step(5_050)
  step.ms = -60_000
  await grant(here, 'a', [0], { silent: true })
  await time.step(1_000)
  t.equal(there.screen.get(slot(0))?.state, 'locked', 'written before the step was noticed')
  t.equal(tail.steppedBack, 1)
  await grant(here, 'b', [1], { silent: true })
  await time.step(1_000)
  t.equal(there.screen.get(slot(1))?.state, 'locked', 'and after it')
  await time.step(10_000)
  t.equal(tail.snapshots, 2)
  t.equal(tail.steppedBack, 1)
})

t.test(
  'it is noticed too when this process stood still before the first reading for who just came',
  async t => {
    const { time, here, there } = await two(t)
    there.feed.unwatch(demo)
    const tail = tailOf(t, there, time)
    tail.start()
    await time.step(3_000)
    there.feed.watch(demo)
    await grant(here, 'a', [0], { silent: true })
    time.freeze(20_000)
    await time.step(1)
    t.equal(there.screen.get(slot(0))?.state, 'locked')
    t.equal(tail.snapshots, 1)
  }
)

t.test('more changes than a reading holds are read on at once', async t => {
  const { time, here, there } = await two(t)
  const tail = tailOf(t, there, time, { rowsPerReadingMax: 3 })
  tail.start()
  await time.step(1_000)
  for (let n = 0; n < 10; n++) {
    await grant(here, `l${n}`, [n], { silent: true })
    time.freeze(10)
  }
  await time.step(1_000)
  t.equal(there.screen.size, 10)
  t.equal(tail.lagMs, 0, 'and it has caught up')
})

t.test('more changes in one millisecond than a reading holds come as a whole calendar', async t => {
  const { time, here, there } = await two(t)
  const tail = tailOf(t, there, time, { rowsPerReadingMax: 3 })
  tail.start()
  await time.step(1_000)
  await grant(here, 'a', [0, 1, 2, 3, 4, 5, 6, 7], { silent: true })
  await time.step(1_000)
  t.equal(there.screen.size, 8)
  t.ok(tail.snapshots > 0)
})

t.test('it reads nothing while nobody is there, and meets the snapshot of the first who comes', async t => {
  const { time, here, there } = await two(t)
  there.feed.unwatch(demo)
  const tail = tailOf(t, there, time)
  tail.start()
  await time.step(60_000)
  t.equal(tail.readings, 0)
  there.feed.watch(demo)
  await grant(here, 'a', [0], { silent: true })
  await time.step(1_000)
  t.equal(there.screen.get(slot(0))?.state, 'locked')
  t.equal(tail.snapshots, 0, 'having slept is no stall')
})

t.test('an outage of the database is waited out, and made good', async t => {
  const database = { out: false }
  const { time, here, there } = await two(t, failing(database, 'readChanges'))
  const tail = tailOf(t, there, time)
  tail.start()
  await time.step(2_000)
  database.out = true
  await grant(here, 'a', [0], { silent: true })
  await time.step(30_000)
  t.ok(tail.failed > 5)
  t.ok(tail.failed < 60, 'it does not hammer')
  database.out = false
  await time.step(1_100)
  t.equal(there.screen.get(slot(0))?.state, 'locked')
})

t.test(
  'what a long stall held up is found too when it commits after the first reading that succeeds',
  async t => {
    const time = new SteppedTime()
    const database = { out: false }
    const hidden: { slot: string | undefined; stallMs: number } = { slot: undefined, stallMs: 0 }
    const path = sharedDatabase(t)
    const here = await instance(t, { time, path })
    const there = await instance(t, {
      time,
      path,
      wrap: store => failing(database, 'readChanges')(hidingRows(hidden)(hiding(hidden, time)(store)))
    })
    there.feed.watch(demo)
    const tail = tailOf(t, there, time)
    tail.start()
    await time.step(5_000)
    // its statement began before the stall, and has the rest of its work to do after it
    hidden.slot = slot(0)
    await grant(here, 'a', [0], { silent: true })
    database.out = true
    // no connection is to be had: each reading fails soon
    await time.step(20_000)
    t.ok(tail.failed > 10)
    database.out = false
    await time.step(1_500)
    t.equal(there.screen.get(slot(0)), undefined, 'it has not committed')
    hidden.slot = undefined
    await time.step(4_000)
    t.equal(there.screen.get(slot(0))?.state, 'locked')
    const { snapshots } = tail
    await time.step(20_000)
    t.equal(tail.snapshots, snapshots, 'and then it rests')
  }
)

t.test(
  'reading many calendars as a whole takes long and is no stall; one reading that takes long is',
  async t => {
    const [lane] = connected(1) as [MemoryLane]
    const slowly = { everyMs: 0, onceMs: 0 }
    const time = new SteppedTime()
    const there = await instance(t, {
      time,
      lane,
      wrap: replacing(store => ({
        readRange: async (...args) => {
          time.freeze(slowly.everyMs + slowly.onceMs)
          slowly.onceMs = 0
          return await store.readRange(...args)
        }
      }))
    })
    for (const calendar of ['c1', 'c2', 'c3'] as CalendarId[]) there.feed.watch(calendar)
    const tail = tailOf(t, there, time)
    tail.start()
    await time.step(3_000)
    slowly.everyMs = 900
    time.freeze(20_000)
    await time.step(60_000)
    t.equal(tail.snapshots, 6, 'at once and once more later, and that is all')
    slowly.onceMs = 5_000
    time.freeze(20_000)
    await time.step(60_000)
    t.equal(tail.snapshots, 6 + 9, 'a stall in the middle of it: from the beginning, and once more later')
  }
)

t.test('after stop nothing is read and no timer is left', async t => {
  const { time, there } = await two(t)
  const tail = tailOf(t, there, time)
  tail.start()
  await time.step(1_000)
  const { readings } = tail
  await tail.stop()
  await time.step(10_000)
  t.equal(tail.readings, readings)
  t.equal(time.timers, 0)
})
