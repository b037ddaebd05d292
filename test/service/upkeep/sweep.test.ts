import t from 'tap'
import { Sweep, type SweepTimes } from '../../../src/service/upkeep/sweep.js'
import { SteppedTime } from '../../helpers/stepped-time.js'
import {
  connected,
  demo,
  failing,
  grant,
  type Instance,
  instance,
  type MemoryLane,
  release,
  sharedDatabase,
  slot
} from '../live-fixture.js'

type Test = Parameters<typeof instance>[0]

function sweepOf(t: Test, one: Instance, time: SteppedTime, times: Partial<SweepTimes> = {}): Sweep {
  const sweep = new Sweep({ ...one, clock: time, timers: time, random: () => 0.5, times })
  t.teardown(() => sweep.stop())
  sweep.start()
  return sweep
}

const minute = 60_000

t.test('a lock that ends is told at its end, and not before', async t => {
  const one = await instance(t)
  const { time } = one
  const sweep = sweepOf(t, one, time)
  const lock = await grant(one, 'a', [0, 1], { ttlMs: 30_500 })
  one.events.length = 0
  await time.step(30_500)
  t.same(one.events, [], 'at the very moment it is still there')
  await time.step(3)
  t.equal(one.screen.get(slot(0))?.state, 'free')
  t.match(one.events, [
    { event: { kind: 'slots', rows: { length: 2 } } },
    { event: { kind: 'lock', lock: { id: lock.id, state: 'expired' } } }
  ])
  t.equal(sweep.swept, 1)
})

t.test('the instance that granted it comes first, and the others find it done', async t => {
  const time = new SteppedTime()
  const path = sharedDatabase(t)
  const [laneA, laneB] = connected(2) as [MemoryLane, MemoryLane]
  const a = await instance(t, { time, path, lane: laneA })
  const b = await instance(t, { time, path, lane: laneB })
  b.feed.watch(demo)
  const [sweepA, sweepB] = [sweepOf(t, a, time), sweepOf(t, b, time)]
  await time.step(500)
  const lock = await grant(a, 'a', [0], { ttlMs: 30_000 })
  await time.step(lock.expiresAt + 3 - time.now())
  t.equal(b.screen.get(slot(0))?.state, 'free', 'the other heard of it')
  await time.step(1_000)
  t.equal(sweepA.swept, 1)
  t.equal(sweepB.swept, 0)
})

t.test('whose instance died is swept by the others, a moment later', async t => {
  const time = new SteppedTime()
  const path = sharedDatabase(t)
  const dead = await instance(t, { time, path })
  const b = await instance(t, { time, path })
  const sweep = sweepOf(t, b, time)
  const lock = await grant(dead, 'a', [0], { ttlMs: 30_500 })
  await time.step(lock.expiresAt + 39 - time.now())
  t.equal(sweep.swept, 0)
  await time.step(42)
  t.equal(sweep.swept, 1)
  t.equal(b.screen.get(slot(0))?.state, 'free')
})

t.test('a lock that was extended, released or taken anew is not told to have ended', async t => {
  const one = await instance(t)
  const { time, store } = one
  sweepOf(t, one, time)
  const extended = await grant(one, 'a', [0], { ttlMs: minute })
  const released = await grant(one, 'b', [1], { ttlMs: minute })
  await time.step(30_000)
  const outcome = await store.extend({
    lock: extended.id,
    owner: extended.owner,
    ttlMs: minute,
    lockLifeMaxMs: 7_200_000
  })
  if (outcome.status === 'EXTENDED') one.feed.announceSlots(demo, outcome.rows)
  await release(one, released)
  await grant(one, 'c', [1], { ttlMs: minute })
  one.events.length = 0
  await time.step(30_010)
  t.same(one.events, [])
  t.equal(one.screen.get(slot(0))?.state, 'locked')
})

t.test('many that end together are all told, in steps', async t => {
  const one = await instance(t)
  const sweep = sweepOf(t, one, one.time, { locksPerSweepMax: 16 })
  for (let n = 0; n < 100; n++) await grant(one, `l${n}`, [n], { ttlMs: minute })
  await one.time.step(minute + 3)
  await one.time.rest()
  t.equal(sweep.swept, 100)
  t.ok(sweep.sweeps > 6)
})

t.test('a thousand ends in one second are no thousand sweeps', async t => {
  const one = await instance(t)
  const sweep = sweepOf(t, one, one.time)
  for (let n = 0; n < 1_000; n++) {
    one.feed.announceSlots(demo, [
      {
        calendar: demo,
        slot: slot(n),
        state: 'locked',
        ver: 1,
        owner: null,
        token: `l${n}` as never,
        expiresAt: one.time.now() + 10_000 + n
      }
    ])
  }
  await one.time.step(9_500)
  const before = sweep.sweeps
  await one.time.step(2_000)
  t.ok(sweep.sweeps - before < 410, String(sweep.sweeps - before))
})

t.test('a database that is out is waited for, with growing pauses, and then all is told', async t => {
  const database = { out: false }
  const one = await instance(t, { wrap: failing(database, 'sweep') })
  const sweep = sweepOf(t, one, one.time)
  await grant(one, 'a', [0], { ttlMs: 10_000 })
  await one.time.step(5_000)
  database.out = true
  await one.time.step(minute)
  t.ok(sweep.failed > 10 && sweep.failed < 80, String(sweep.failed))
  database.out = false
  await one.time.step(2_000)
  t.equal(one.screen.get(slot(0))?.state, 'free')
})

t.test('after stop nothing is swept and no timer is left', async t => {
  const one = await instance(t)
  const sweep = sweepOf(t, one, one.time)
  await grant(one, 'a', [0], { ttlMs: 10_000 })
  await sweep.stop()
  const { sweeps } = sweep
  await one.time.step(minute)
  t.equal(sweep.sweeps, sweeps)
  t.equal(one.time.timers, 0)
})
