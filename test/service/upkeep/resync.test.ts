import t from 'tap'
import type { CalendarId, LockId } from '../../../src/domain/ids.js'
import type { SlotRow } from '../../../src/domain/slot.js'
import { FastPath } from '../../../src/service/lane/fast-path.js'
import { LiveFeed } from '../../../src/service/live/feed.js'
import { realTimers } from '../../../src/service/tools/timers.js'
import { Resync } from '../../../src/service/upkeep/resync.js'
import { openSqliteStore } from '../../../src/stores/sql/open-sqlite.js'
import { until } from '../../helpers/process.js'
import { RedisServer } from '../../helpers/redis.js'
import { openLane, working } from '../../stores/redis/lane.js'
import {
  connected,
  definition,
  demo,
  failing,
  grant,
  instance,
  lockId,
  type MemoryLane,
  replacing,
  sharedDatabase,
  slot,
  startMs
} from '../live-fixture.js'

type Test = Parameters<typeof instance>[0]
/** Runs on from the morning of the fixture's slots: what has begun is not filled. */
const shiftMs = startMs - Date.now()
const dayClock = { now: () => Date.now() + shiftMs, monotonic: () => performance.now() }

function logged() {
  const lines: { level: string; fields: object; message: string }[] = []
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields, message })
  return { lines, log: { info: at('info'), warn: at('warn') } }
}

/** An instance over real Redis, and SQLite. */
async function real(t: Test, url: string, path: string, onGapRead = true, laterMs = 0) {
  const clock = { now: () => dayClock.now() + laterMs, monotonic: dayClock.monotonic }
  const store = await openSqliteStore(path, { clock })
  t.teardown(() => store.close())
  await store.migrate()
  await store.putCalendar(definition)
  let resync: Resync | undefined
  const lane = openLane(t, url, {
    clock,
    listener: event => feed.receive(event),
    onGap: (calendars, again) => {
      if (again && onGapRead) resync?.heardAgain(calendars)
    }
  })
  const failures: string[] = []
  const fastPath = new FastPath(lane, {
    allows: () => lane.connected,
    begins: () => {},
    ends: () => {},
    record: outcome => void (outcome.ok || failures.push(outcome.error.message))
  })
  const feed: LiveFeed = new LiveFeed({ store, fastPath, lane, timers: realTimers })
  const screen = new Map<string, SlotRow>()
  feed.listen(event => {
    if (event.kind !== 'slots') return
    for (const row of event.rows) if (row.ver > (screen.get(row.slot)?.ver ?? -1)) screen.set(row.slot, row)
  })
  const { lines, log } = logged()
  resync = new Resync({ store, feed, fastPath, clock, log })
  t.teardown(() => resync.stop())
  await working(lane)
  return { store, lane, fastPath, feed, resync, screen, lines, failures }
}

const reserve = async (lane: Awaited<ReturnType<typeof real>>['lane'], n: number) =>
  (await lane.reserve({ calendar: demo, slots: [slot(n)], lock: lockId('asks') as LockId })).status

t.test('what one instance commits the other shows, through a real Redis', async t => {
  const server = await RedisServer.start(t)
  const path = sharedDatabase(t)
  const here = await real(t, server.url, path)
  const there = await real(t, server.url, path)
  there.feed.watch(demo)
  await working(there.lane)
  await grant(here, 'a', [0])
  await until('it is heard', () => there.screen.get(slot(0))?.state === 'locked')
  t.same(here.failures, [])
})

t.test('a Redis that came back empty is filled from the database', async t => {
  const server = await RedisServer.start(t)
  const here = await real(t, server.url, sharedDatabase(t))
  await grant(here, 'a', [0, 1])
  await grant(here, 'b', [2])
  await server.restart()
  await until('it is connected again', () => here.lane.connected)
  await working(here.lane)
  t.equal(await reserve(here.lane, 0), 'STALE', 'it knows that it knows nothing')

  here.resync.request(demo)
  here.resync.request(demo)
  await here.resync.idle()
  t.equal(here.resync.filled, 1)
  t.equal(await reserve(here.lane, 0), 'TAKEN')
  t.equal(await reserve(here.lane, 5), 'RESERVED')
  t.match(here.lines, [
    {
      level: 'info',
      fields: { calendar: demo, locks: 2 },
      message: /^synced 2 locks of calendar demo in \d+ ms$/
    }
  ])
})

t.test('a calendar that is filled again goes to no screen a second time', async t => {
  const server = await RedisServer.start(t)
  const path = sharedDatabase(t)
  const here = await real(t, server.url, path)
  const there = await real(t, server.url, path)
  await grant(here, 'a', [0])
  const long = await real(t, server.url, path, true, 60_000)
  for (const one of [long, there]) {
    one.feed.watch(demo)
    one.resync.request(demo)
    await one.resync.idle()
    if (one === long) t.equal(one.screen.size, 0, 'what changed a minute ago the tail has told')
  }
  t.equal(there.screen.size, 1, 'what changed just now may have been missed')
})

t.test(
  'a calendar that another instance is filling is left to it, and the screens here are told all the same',
  async t => {
    const server = await RedisServer.start(t)
    const path = sharedDatabase(t)
    const here = await real(t, server.url, path)
    const there = await real(t, server.url, path)
    await grant(here, 'a', [0])
    there.feed.watch(demo)
    let end = (): void => {}
    const others = new Promise<void>(resolve => {
      end = resolve
    })
    let begun = false
    const fill = here.lane.hydrate(demo, async () => {
      begun = true
      await others
      return { rows: await here.store.readRange(demo, 0, 1e15), nowMs: here.store.nowMs() }
    })
    await until('it has begun', () => begun)
    there.resync.heardAgain()
    await there.resync.idle()
    t.match(there.resync, { filled: 0, leftToOthers: 1, failed: 0 })
    t.equal(there.screen.get(slot(0))?.state, 'locked')
    end()
    await fill
    t.match(here.lane.counters, { fills: 1, fillsOvertaken: 0 })
    t.equal(await reserve(there.lane, 0), 'TAKEN')
  }
)

t.test('a fill that another instance began and never ends is done here', async t => {
  const server = await RedisServer.start(t)
  const path = sharedDatabase(t)
  const here = await real(t, server.url, path)
  const there = await real(t, server.url, path)
  await grant(here, 'a', [0])
  let begun = false
  void here.lane.hydrate(demo, () => {
    begun = true
    return new Promise(() => {})
  })
  await until('it has begun', () => begun)
  there.resync.request(demo)
  await there.resync.idle()
  t.match(there.resync, { filled: 0, leftToOthers: 1 })
  await until('it was taken over', () => there.resync.filled === 1)
  t.equal(await reserve(there.lane, 0), 'TAKEN')
})

t.test('a long calendar is filled reading by reading, and none of its rows is left out', async t => {
  const server = await RedisServer.start(t)
  const here = await real(t, server.url, sharedDatabase(t))
  for (let from = 0; from < 1_300; from += 100) {
    const slots = Array.from({ length: 100 }, (_, n) => slot(from + n))
    await here.store.setBlocked({ calendar: demo, slots, blocked: true })
  }
  here.resync.request(demo)
  await here.resync.idle()
  const marks = await server.client().keys('*:lock:*')
  t.equal(marks.length, 1_300)
  t.match(here.lines, [{ fields: { rows: 1_300, locks: 0 } }])
})

for (const repaired of [true, false]) {
  t.test(
    repaired
      ? 'what was published while the subscriber was away is told when it is back'
      : 'and without reading again it never would be',
    async t => {
      const server = await RedisServer.start(t)
      const path = sharedDatabase(t)
      const here = await real(t, server.url, path)
      const there = await real(t, server.url, path, repaired)
      there.feed.watch(demo)
      await working(there.lane)
      await grant(here, 'a', [0])
      await until('it is heard', () => there.screen.get(slot(0))?.state === 'locked')

      await server.client().call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await grant(here, 'b', [1], { silent: true })
      await working(there.lane)
      await grant(here, 'c', [2])
      await until('the next is heard', () => there.screen.get(slot(2))?.state === 'locked')
      if (repaired) {
        await until('the missed one is told', () => there.screen.get(slot(1))?.state === 'locked')
      } else {
        t.equal(there.screen.get(slot(1)), undefined)
      }
      t.equal(there.screen.get(slot(0))?.state, 'locked')
    }
  )
}

t.test('calendars are filled two at a time, each once however often it is asked for', async t => {
  const [lane] = connected(1) as [MemoryLane]
  let underway = 0
  let most = 0
  const one = await instance(t, {
    lane,
    wrap: replacing(store => ({
      readRange: async (...args) => {
        underway += 1
        most = Math.max(most, underway)
        await new Promise(resolve => setImmediate(resolve))
        underway -= 1
        return await store.readRange(...args)
      }
    }))
  })
  const { log } = logged()
  const resync = new Resync({ ...one, clock: one.time, log })
  for (let n = 0; n < 20; n++) for (let times = 0; times < 5; times++) resync.request(`c${n}` as CalendarId)
  await resync.idle()
  t.equal(most, 2)
  t.equal(lane.hydrated.length, 20)
  resync.request('c1' as CalendarId)
  await resync.idle()
  t.equal(lane.hydrated.length, 20, 'filled just now')
  await one.time.step(1_000)
  resync.request('c1' as CalendarId)
  await resync.idle()
  t.equal(lane.hydrated.length, 21)
})

t.test('the queue has an end', async t => {
  const [lane] = connected(1) as [MemoryLane]
  let open = (): void => {}
  lane.hold = new Promise(resolve => {
    open = resolve
  })
  const one = await instance(t, { lane })
  const resync = new Resync({ ...one, clock: one.time, log: logged().log })
  for (let n = 0; n < 10_010; n++) resync.request(`c${n}` as CalendarId)
  t.equal(resync.waiting, 10_000)
  t.equal(resync.dropped, 8)
  const stopped = resync.stop()
  open()
  await stopped
  t.equal(lane.hydrated.length, 2, 'and what waits at the end is let go')
})

t.test('a database that is out is no reason to think ill of Redis', async t => {
  const [lane] = connected(1) as [MemoryLane]
  const one = await instance(t, { lane, wrap: failing({ out: true }, 'readRange') })
  const failures: unknown[] = []
  const fastPath = new FastPath(lane, {
    allows: () => true,
    begins: () => {},
    ends: () => {},
    record: outcome => void (outcome.ok || failures.push(outcome.error))
  })
  const { lines, log } = logged()
  const resync = new Resync({ ...one, fastPath, clock: one.time, log })
  resync.request(demo)
  await resync.idle()
  t.same(failures, [])
  t.equal(resync.failed, 1)
  t.match(lines, [{ level: 'warn' }])
})

t.test('screens are told although Redis is gone again', async t => {
  const [lane] = connected(1) as [MemoryLane]
  const one = await instance(t, { lane })
  one.feed.watch(demo)
  await grant(one, 'a', [0], { silent: true })
  lane.out = true
  const resync = new Resync({ ...one, clock: one.time, log: logged().log })
  resync.heardAgain()
  await resync.idle()
  t.equal(one.screen.get(slot(0))?.state, 'locked')
})

t.test('while Redis is not used, hearing it again costs no reading and no warning', async t => {
  const [lane] = connected(1) as [MemoryLane]
  let readings = 0
  const one = await instance(t, {
    lane,
    wrap: replacing(store => ({
      readRange: async (...args) => {
        readings += 1
        return await store.readRange(...args)
      }
    }))
  })
  one.feed.watch(demo)
  const { lines, log } = logged()
  const resync = new Resync({ ...one, clock: one.time, log })
  one.health.green = false
  resync.heardAgain()
  await resync.idle()
  t.equal(readings, 0)
  t.same(lines, [])
  t.equal(resync.failed, 0)
  one.health.green = true
  resync.heardAgain()
  await resync.idle()
  t.same(lane.hydrated, [demo], 'and when it is used again everything watched is filled')
})

t.test('stopping waits two seconds at most, and what ends later tells nobody', async t => {
  const [lane] = connected(1) as [MemoryLane]
  let open = (): void => {}
  lane.hold = new Promise(resolve => {
    open = resolve
  })
  const one = await instance(t, { lane })
  one.feed.watch(demo)
  await grant(one, 'a', [0], { silent: true })
  const { lines, log } = logged()
  const resync = new Resync({ ...one, clock: one.time, timers: one.time, log })
  resync.request(demo)
  let stopped = false
  const stopping = resync.stop().then(() => {
    stopped = true
  })
  await one.time.step(1_999)
  t.notOk(stopped)
  await one.time.step(1)
  t.ok(stopped)
  await stopping
  open()
  await resync.idle()
  t.same(lines, [])
  t.equal(one.screen.get(slot(0)), undefined)
})
