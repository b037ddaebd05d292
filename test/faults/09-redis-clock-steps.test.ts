import type { Redis } from 'ioredis'
import t from 'tap'
import { until } from '../helpers/process.js'
import { fill, laneWith, lockInRedisAlone, untilMarked } from './redis-side.js'
import { JumpingClock } from './sqlite-side.js'
import { calendar, clock, codeOf, keys, slot, startWorld } from './world.js'

/**
 * Geometry: Ann and Bob at one instance. The clock of Redis' machine is set, an hour ahead or an hour back.
 *
 * A test cannot set that clock. What it does to us is made by other means, and faithfully: every life in Redis is an
 * hour shorter or longer (PEXPIRE), and our idea of Redis' clock is wrong by an hour (only the difference of the two
 * clocks counts, so ours is set, the other way) until a probe learns it anew.
 *
 * What should follow: no lock is given twice and no slot kept back; what was sent by the wrong time does nothing.
 */

const hourMs = 3_600_000

async function livesOfKeys(redis: Redis, byMs: number): Promise<void> {
  for (const key of await redis.keys('*')) {
    const leftMs = await redis.pttl(key)
    if (leftMs <= 0) continue
    if (leftMs + byMs > 0) await redis.pexpire(key, leftMs + byMs)
    else await redis.del(key)
  }
}

t.test("Redis' clock is set an hour ahead: all marks are gone, no lock is", async t => {
  let stepMs = 0
  const world = await startWorld(t, {
    instances: 1,
    lane: { clock: { now: clock.now, monotonic: () => clock.monotonic() + stepMs } }
  })
  const { one } = world
  await fill(world)
  const behind = world.redis.client()
  const ann = await one.visitor()
  const bob = await one.visitor()
  const held = await ann.locked([0])
  await untilMarked(behind, 0, 'locked')
  t.ok(await lockInRedisAlone(behind, 'ann'))

  await livesOfKeys(behind, -hourMs)
  // a probe may come in between and learn the clock
  await until('something was late by the new clock', async () => {
    stepMs -= hourMs
    t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')
    await bob.release(await bob.locked([1]))
    return one.lane!.counters.late > 0
  })
  const { reserved } = one.lane!.counters
  await until('the clock was learned anew, and Redis helps again', async () => {
    await bob.release(await bob.locked([2]))
    return one.lane!.counters.reserved > reserved
  })
  t.equal(codeOf(await ann.book(held)), 'ok')
  t.ok(await lockInRedisAlone(behind, 'bob'), "twin: in Redis alone the slot is Bob's, too")
})

t.test("Redis' clock is set an hour back: a mark outlives its lock and keeps nobody out", async t => {
  let stepMs = 0
  let deaf = false
  const time = new JumpingClock()
  const world = await startWorld(t, {
    instances: 1,
    databaseClock: time,
    lane: { clock: { now: clock.now, monotonic: () => clock.monotonic() + stepMs } },
    // the sweep's own news would replace the mark; here it gets lost
    wrapLane: lane =>
      laneWith(lane, {
        settle: async (...request) => {
          if (!deaf) await lane.settle(...request)
        }
      })
  })
  const { one } = world
  await fill(world)
  const behind = world.redis.client()
  const ann = await one.visitor()
  const bob = await one.visitor()
  // a booking's mark has a day, so it is not about this one
  const hers = await ann.locked([0])
  await untilMarked(behind, 0, 'locked')
  deaf = true
  await livesOfKeys(behind, hourMs)
  stepMs += hourMs

  t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE', 'while it lives it is hers')
  time.pass(600_001)
  await until('the lock is over', async () => (await world.row(0))?.state === 'free')
  t.ok(
    (await behind.pttl(keys.slot(calendar, slot(0)))) > hourMs / 2,
    'twin: as the judge, Redis would keep everybody out for an hour more'
  )
  const { reserved } = one.lane!.counters
  await until('Redis is asked, and its clock is known', async () => {
    await bob.release(await bob.locked([5]))
    return one.lane!.counters.reserved > reserved
  })
  t.equal(codeOf(await bob.lock([0])), 'ok')
  t.equal(codeOf(await ann.book(hers)), 'LOCK_EXPIRED')
  t.ok(one.lane!.counters.taken > 0, 'Redis did refuse, and the rows were read')
})
