import t, { type Test } from 'tap'
import { seededRandom } from '../../../load-tests/harness/random.js'
import type { LockRecord } from '../../../src/domain/lock.js'
import type { UtcDay } from '../../../src/domain/row-cache.js'
import { SeenChanges } from '../../../src/service/live/seen-changes.js'
import {
  connected,
  demo,
  failing,
  grant,
  lockId,
  type MemoryLane,
  release,
  replacing,
  rowOf,
  sharedDatabase,
  slot
} from '../live-fixture.js'
import { type Desk, day, desk, poll, read } from '../reading-desk.js'

/** When a copy of rows in Redis is believed, and what becomes of a reading when it is not. */

/** Two instances over one database and one Redis. Their tails read; `readings` counts what each asked the database. */
async function two(t: Test) {
  const [laneA, laneB] = connected(2) as [MemoryLane, MemoryLane]
  const path = sharedDatabase(t)
  const readings = { a: 0, b: 0 }
  const counting = (who: 'a' | 'b') =>
    replacing(store => ({
      readRange: async (...args) => {
        readings[who] += 1
        return await store.readRange(...args)
      }
    }))
  const a = await desk(t, { lane: laneA, path, wrap: counting('a') })
  const b = await desk(t, { lane: laneB, path, time: a.time, wrap: counting('b') })
  for (const one of [a, b]) one.tail.start()
  const { time } = a
  /** Once for the tails to begin, once for what they then believe. */
  const warm = async (): Promise<void> => {
    for (const one of [a, b, a, b]) {
      await read(one)
      await time.step(1_500)
    }
    readings.a = 0
    readings.b = 0
  }
  return { a, b, time, readings, rows: laneA.rows, warm }
}

const stateOf = async (one: Desk, n: number): Promise<string | undefined> =>
  (await read(one)).slots.find(state => state.slot === slot(n))?.state

t.test('a day that one instance has read costs no instance a query, and changes come with it', async t => {
  const { a, b, time, readings, warm } = await two(t)
  await warm()
  const lock = await grant(a, 'x', [0])
  await time.rest()
  t.equal(await stateOf(a, 0), 'locked')
  t.equal(await stateOf(b, 0), 'locked')
  await release(b, lock)
  await time.rest()
  t.equal(await stateOf(a, 0), 'free')
  t.same(readings, { a: 0, b: 0 })
  t.ok(a.rows.hits >= 2)
})

t.test('who changed something here sees it, whether or not Redis was told', async t => {
  const { a, rows, readings, warm, time } = await two(t)
  await warm()
  rows.deaf = true
  await grant(a, 'x', [0])
  t.equal(await stateOf(a, 0), 'locked', 'before Redis can know')
  await time.rest()
  t.equal(await stateOf(a, 0), 'locked')
  t.equal(readings.a, 1, 'and the reading has mended the copy')
})

t.test('the log says hit, miss and invalidated', async t => {
  const { a, rows, warm } = await two(t)
  await warm()
  a.logged.length = 0
  await read(a)
  t.strictSame(a.logged, ['reading of calendar demo: hit'])
  rows.deaf = true
  await grant(a, 'x', [0])
  await read(a)
  t.strictSame(a.logged.slice(1), [
    `copy of ${day} of calendar demo: invalidated`,
    'reading of calendar demo: miss'
  ])
})

t.test('what no Redis was told of is seen elsewhere as soon as the tail has read it', async t => {
  const { a, b, rows, warm, time } = await two(t)
  await warm()
  rows.deaf = true
  await grant(a, 'x', [0], { silent: true })
  await time.step(1_100)
  t.equal(await stateOf(b, 0), 'locked')
})

t.test('twin: a copy that is believed as it is shows a slot as free that has long been taken', async t => {
  const { a, b, rows, warm, time } = await two(t)
  await warm()
  rows.deaf = true
  await grant(a, 'x', [0], { silent: true })
  await time.step(600_000)
  const found = await rows.read(demo, [day as UtcDay])
  t.equal(
    found.get(day as UtcDay)?.rows.get(slot(0)),
    undefined,
    'ten minutes later Redis has not heard of it'
  )
  t.equal(await stateOf(b, 0), 'locked', 'and the reading does not mind')
})

t.test('a screen that got an older snapshot is told: to the feed the change is news', async t => {
  const { a, b, rows, warm, time } = await two(t)
  await warm()
  rows.deaf = true
  await grant(a, 'x', [0], { silent: true })
  // subscribed first, then read: the copy lacks what the tail has not read yet
  b.feed.watch(demo)
  t.equal(await stateOf(b, 0), 'free')
  t.equal(b.screen.get(slot(0)), undefined)
  await time.step(1_100)
  t.equal(b.screen.get(slot(0))?.state, 'locked')
})

t.test('one that the feed has told before is in the snapshot of whoever comes after', async t => {
  const { a, b, rows, warm, time } = await two(t)
  await warm()
  b.feed.watch(demo)
  rows.deaf = true
  await grant(a, 'x', [0])
  await time.rest()
  t.equal(b.screen.get(slot(0))?.state, 'locked', 'by the message alone')
  t.equal(await stateOf(b, 0), 'locked')
})

t.test('a poller is not left behind by a snapshot that is older than its window', async t => {
  const { a, b, rows, warm, time } = await two(t)
  await warm()
  rows.deaf = true
  await grant(a, 'x', [0], { silent: true })
  await time.step(50)
  const first = await poll(b)
  const seen = new Map(first.slots.map(state => [state.slot, state.state]))
  for (let polls = 0; polls < 3; polls++) {
    const next = await poll(b, { since: first.cursor })
    for (const state of next.slots) seen.set(state.slot, state.state)
    await time.step(1_000)
  }
  t.equal(seen.get(slot(0)), 'locked')
})

t.test('a fill that is overtaken by a change brings the change', async t => {
  const { a, b, rows, time, warm } = await two(t)
  await warm()
  rows.days.clear()
  let open = (): void => {}
  rows.hold = new Promise<void>(resolve => {
    open = resolve
  })
  t.equal(await stateOf(a, 0), 'free', 'read, and on its way to Redis')
  await grant(b, 'x', [0])
  await time.rest()
  open()
  rows.hold = undefined
  await time.rest()
  t.equal(rows.days.get(`demo ${day}`)?.rows.get(slot(0))?.state, 'locked')
})

t.test('no copy is believed from before this instance knew of all changes', async t => {
  const { a, time, warm, readings, rows } = await two(t)
  await warm()
  t.equal(rows.days.size, 1)
  const c = await desk(t, { lane: a.lane!, path: sharedDatabase(t), time })
  c.tail.start()
  const before = c.rows.misses
  await read(c)
  t.equal(c.rows.misses, before + 1, 'it has just started')
  t.equal(c.rows.hits, 0)
  await time.step(1_500)
  await read(c)
  await time.step(1_500)
  await read(c)
  t.ok(c.rows.hits > 0, 'filled anew since, it is')
  t.same(readings, { a: 0, b: 0 })
})

t.test(
  'after a stall copies rest until what it held up has ended, and only younger ones are believed',
  async t => {
    const { b, time, warm, readings } = await two(t)
    await warm()
    time.freeze(20_000)
    await time.step(100)
    await read(b)
    t.equal(readings.b, 1)
    await time.step(2_000)
    await read(b)
    t.equal(readings.b, 2, 'a copy of the time in which it may still come to light')
    await time.step(2_500)
    await read(b)
    await time.step(1_000)
    const asked = readings.b
    await read(b)
    t.equal(readings.b, asked)
  }
)

t.test('while the tail cannot read, no copy is believed', async t => {
  const database = { out: false }
  const [lane] = connected(1) as [MemoryLane]
  const one = await desk(t, { lane, wrap: failing(database, 'readChanges') })
  one.tail.start()
  for (let times = 0; times < 3; times++) {
    await read(one)
    await one.time.step(1_500)
  }
  const { hits } = one.rows
  t.ok(hits > 0)
  database.out = true
  await one.time.step(3_000)
  await read(one)
  t.equal(one.rows.hits, hits)
})

t.test('while Redis is out, or answers nothing, the database is asked', async t => {
  const { a, warm, readings } = await two(t)
  await warm()
  a.health.green = false
  await read(a)
  t.equal(readings.a, 1)
  t.ok(a.rows.bypassed > 0)
  a.health.green = true
  await read(a)
  t.equal(readings.a, 1)
})

t.test('a copy from a time to come, or with a version from there, is not believed', async t => {
  const { a, rows, readings, warm } = await two(t)
  await warm()
  const copy = rows.days.get(`demo ${day}`)!
  copy.rows.set(slot(3), rowOf(3, Number.MAX_SAFE_INTEGER, { state: 'booked', token: lockId('x') }))
  t.equal(await stateOf(a, 3), 'free')
  copy.rows.delete(slot(3))
  copy.asOfMs! += 3_600_000
  await read(a)
  t.equal(readings.a, 2)
})

t.test('what was read is noted, and the hits and misses with it', async t => {
  const { a, rows, time } = await two(t)
  await read(a, { to: '2026-01-16' })
  await time.step(1_500)
  t.same([...rows.noted.keys()], [`demo ${day}`, 'demo 2026-01-16'])
  t.same(rows.counts, { hits: 0, misses: 1 })
})

t.test('changes past the bound are forgotten, and with them the right to believe older copies', async t => {
  let nowMs = 1_000
  const seen = new SeenChanges(() => nowMs, { slotsMax: 2 })
  const here = { calendar: demo, day: day as UtcDay }
  const empty = { rows: new Map() }
  seen.learn([rowOf(0, 1), rowOf(1, 2)])
  t.equal(seen.isBehind(here, empty), true)
  t.equal(seen.isBehind(here, { rows: new Map([0, 1].map(n => [slot(n), rowOf(n, 2)])) }), false)
  nowMs = 2_000
  const other = 'room/2026-01-16T09:00Z' as ReturnType<typeof slot>
  seen.learn([{ ...rowOf(0, 3), slot: other }])
  t.equal(seen.isBehind(here, empty), false)
  t.equal(seen.forgottenAtMs, 1_000)
  nowMs += 3_700_000
  seen.learn([rowOf(0, 4)])
  t.equal(seen.isBehind({ ...here, day: '2026-01-16' as UtcDay }, empty), false, 'no copy is that old')
})

t.test('in five busy minutes more than nine of ten readings need no database', async t => {
  const { a, b, time, rows, readings } = await two(t)
  const random = seededRandom(11)
  const held: { by: Desk; lock: LockRecord }[] = []
  let views = 0
  for (let second = 0; second < 300; second++) {
    for (const one of [a, b]) {
      for (let more = random(); more < 0.7; more += 0.3, views++) await read(one, { to: '2026-01-21' })
      if (random() < 0.3) {
        const free = (await read(one)).slots.filter(state => state.state === 'free')
        views += 1
        const n = Math.floor(random() * free.length)
        const index = Number.parseInt(free[n]?.slot.slice(16, 18) ?? '', 10)
        const half = free[n]?.slot.endsWith('30Z') ? 1 : 0
        if (!Number.isNaN(index)) {
          const name = `v${second}${one === a ? 'a' : 'b'}`
          held.push({ by: one, lock: await grant(one, name, [(index - 9) * 2 + half]) })
        }
      }
      if (held.length > 8) {
        const { by, lock } = held.shift()!
        await release(by, lock)
      }
    }
    await time.step(1_000)
  }
  const { hits, misses } = rows.counts
  const asked = readings.a + readings.b
  t.comment(`${views} readings, ${asked} of the database; hits ${hits}, misses ${misses}`)
  t.ok(hits / (hits + misses) > 0.9, `${hits} hits, ${misses} misses`)
  t.ok(asked < views / 10, `${asked} readings of the database for ${views} readings`)
})
