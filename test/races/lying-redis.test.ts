import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { FastLane } from '../../src/domain/fast-lane.js'
import type { LockId, SlotId } from '../../src/domain/ids.js'
import { RedisFastLane } from '../../src/stores/redis/fast-lane.js'
import { RedisKeys } from '../../src/stores/redis/keys.js'
import { until } from '../helpers/process.js'
import { RedisServer } from '../helpers/redis.js'
import {
  callerNamed,
  codeOf,
  demo,
  locked,
  resultOf,
  type ServiceWorld,
  serviceWorld,
  slotAt
} from '../service/service-world.js'

/** Redis is asked first and believed never: whatever it contains, the row decides. */

const prefix = 'test:'
const keys = new RedisKeys(prefix)
const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const newLockId = (): LockId => randomBytes(16).toString('base64url') as LockId

async function laneTo(t: Test, url: string): Promise<RedisFastLane> {
  const lane = new RedisFastLane({
    url,
    prefix,
    clock,
    random: Math.random,
    listener: () => {},
    // a busy test machine is no reason to go without Redis, which is what these tests are about
    commandTimeoutMs: 2_000
  })
  t.teardown(() => lane.close())
  await until('the fast lane is connected', () => lane.connected)
  return lane
}

async function setUp(t: Test) {
  const server = await RedisServer.start(t)
  const lane = await laneTo(t, server.url)
  const world = await serviceWorld(t, { lane })
  await fill(lane)
  return { server, redis: server.client(), lane, world }
}

const fill = (lane: FastLane): Promise<unknown> =>
  lane.hydrate(demo, async () => ({ rows: [], nowMs: Date.now() }))

/** Marks of locks that do not exist. */
const mark = (redis: Redis, slot: SlotId): Promise<unknown> =>
  redis.set(keys.slot(demo, slot), `9999999999999999:locked:${newLockId()}`, 'PX', 600_000)

const ask = (world: ServiceWorld, name: string, ...slots: SlotId[]) =>
  world.handlers.lock(callerNamed(name), { calendar: demo, slots })

t.test('a free slot that Redis says is taken is given all the same', async t => {
  const { redis, lane, world } = await setUp(t)
  await mark(redis, slotAt(0))
  t.equal(codeOf(await ask(world, 'ann', slotAt(0))), 'ok')
  t.equal(lane.counters.taken, 1, 'Redis did say so')
  t.equal(codeOf(await ask(world, 'bob', slotAt(0))), 'SLOT_UNAVAILABLE')
})

t.test('a taken slot that Redis says is free is refused all the same', async t => {
  const { redis, lane, world } = await setUp(t)
  await locked(world, callerNamed('ann'), [slotAt(0)])
  await world.feed?.stop()
  await redis.del(keys.slot(demo, slotAt(0)))
  // another instance, which was told nothing
  const other = await serviceWorld(t, { lane, store: world.store, clock: world.clock })
  t.equal(codeOf(await ask(other, 'bob', slotAt(0))), 'SLOT_UNAVAILABLE')
  t.equal(other.seen.grants.length, 1, 'Redis let it through, the database did not')
})

t.test('when Redis says taken, and is right, the database is only read', async t => {
  const { redis, lane, world } = await setUp(t)
  await locked(world, callerNamed('ann'), [slotAt(0)])
  await until('the lock is settled in Redis', async () =>
    ((await redis.get(keys.slot(demo, slotAt(0)))) ?? '').includes(':locked:')
  )
  const other = await serviceWorld(t, { lane, store: world.store, clock: world.clock })
  t.match(await ask(other, 'bob', slotAt(0)), {
    refusal: { code: 'SLOT_UNAVAILABLE', details: { conflicts: [{ expiresInMs: 600_000 }] } }
  })
  t.equal(other.seen.grants.length, 0)
})

t.test('a crowd spread over two instances costs the database a handful of grants', async t => {
  const { server, world } = await setUp(t)
  const lane = await laneTo(t, server.url)
  const other = await serviceWorld(t, { lane, store: world.store, clock: world.clock })
  const outcomes = await Promise.all(
    Array.from({ length: 400 }, (_, i) => ask(i % 2 === 0 ? world : other, `visitor-${i}`, slotAt(0)))
  )
  t.equal(outcomes.filter(outcome => outcome.ok).length, 1)
  t.ok(outcomes.every(outcome => ['ok', 'SLOT_UNAVAILABLE'].includes(codeOf(outcome))))
  const grants = world.seen.grants.length + other.seen.grants.length
  t.ok(grants <= 10, `${grants} grants reached the database`)
})

t.test('Redis that came back empty is noticed, filled anew, and refuses nobody meanwhile', async t => {
  const { redis, world } = await setUp(t)
  await locked(world, callerNamed('ann'), [slotAt(0)])
  await redis.flushall()
  t.equal(codeOf(await ask(world, 'bob', slotAt(0))), 'SLOT_UNAVAILABLE')
  t.equal(codeOf(await ask(world, 'bob', slotAt(1))), 'ok')
  t.same([...new Set(world.seen.resyncs)], [demo])
})

t.test('what was reserved for a request that came to nothing is open again', async t => {
  const { redis, lane, world } = await setUp(t)
  const limited = await serviceWorld(t, {
    lane,
    store: world.store,
    clock: world.clock,
    limits: { locksPerSessionMax: 1 }
  })
  await ask(limited, 'ann', slotAt(0))
  t.equal(codeOf(await ask(limited, 'ann', slotAt(1))), 'LIMIT_EXCEEDED')
  await until('the mark is gone', async () => (await redis.get(keys.slot(demo, slotAt(1)))) === null)
  t.equal(codeOf(await ask(limited, 'bob', slotAt(1))), 'ok')
  t.equal(lane.counters.taken, 0)
})

t.test('Redis that is gone costs nothing but its help', async t => {
  const { server, world } = await setUp(t)
  await locked(world, callerNamed('ann'), [slotAt(0)])
  await server.kill()
  t.equal(codeOf(await ask(world, 'bob', slotAt(0))), 'SLOT_UNAVAILABLE')
  t.equal(codeOf(await ask(world, 'bob', slotAt(1))), 'ok')
  t.ok(world.laneErrors.length > 0)
})

t.test('a mark on every slot, a flush, a lost mark: at no time do two hold one slot', async t => {
  const { server, redis, lane, world } = await setUp(t)
  const other = await serviceWorld(t, {
    lane: await laneTo(t, server.url),
    store: world.store,
    clock: world.clock
  })
  const holders = new Map<SlotId, number>()
  let grants = 0
  await sabotaged(redis, lane, async over => {
    await Promise.all(
      Array.from({ length: 12 }, async (_, worker) => {
        const instance = worker % 2 === 0 ? world : other
        const caller = callerNamed(`worker-${worker}`)
        for (let round = 0; !over(round); round++) {
          const slot = slotAt((worker + round) % 3)
          // a refusal from an embedded database takes no I/O; without this the workers would let nobody else run
          await new Promise(resolve => setImmediate(resolve))
          const outcome = await ask(instance, `worker-${worker}`, slot)
          if (!outcome.ok) continue
          grants += 1
          const now = (holders.get(slot) ?? 0) + 1
          holders.set(slot, now)
          if (now > 1) t.fail(`${now} hold ${slot}`)
          await new Promise(resolve => setImmediate(resolve))
          holders.set(slot, holders.get(slot)! - 1)
          resultOf(await instance.handlers.release(caller, { lock: outcome.value.lock.id }))
        }
      })
    )
  })
  t.ok(grants > 20, `${grants} grants`)
  for (const index of [0, 1, 2]) {
    await mark(redis, slotAt(index))
    t.equal(codeOf(await ask(other, 'last', slotAt(index))), 'ok', 'and what is free can be had')
  }
})

t.test('if Redis were the judge, two would hold one slot under the same sabotage', async t => {
  const { redis, lane } = await setUp(t)
  const holders = new Map<SlotId, number>()
  let overlaps = 0
  await sabotaged(redis, lane, async over => {
    await Promise.all(
      Array.from({ length: 12 }, async (_, worker) => {
        for (let round = 0; !over(round); round++) {
          const slot = slotAt((worker + round) % 3)
          const request = { calendar: demo, slots: [slot], lock: newLockId() }
          if ((await lane.reserve(request)).status !== 'RESERVED') continue
          const now = (holders.get(slot) ?? 0) + 1
          holders.set(slot, now)
          if (now > 1) overlaps += 1
          await new Promise(resolve => setTimeout(resolve, 10))
          holders.set(slot, holders.get(slot)! - 1)
          await lane.unreserve(request)
        }
      })
    )
  })
  t.ok(overlaps > 0, `${overlaps} times`)
})

/** Runs the work while Redis is being lied to; `over` says when there was enough of it. */
async function sabotaged(
  redis: Redis,
  lane: FastLane,
  work: (over: (round: number) => boolean) => Promise<void>
): Promise<void> {
  const acts = 60
  let done = 0
  const saboteur = async (): Promise<void> => {
    for (; done < acts; done++) {
      const slot = slotAt(done % 3)
      switch (done % 4) {
        case 0:
          await redis.del(keys.slot(demo, slot))
          break
        case 1:
          await mark(redis, slot)
          break
        case 2:
          await redis.flushall()
          break
        default:
          await fill(lane)
      }
      await new Promise(resolve => setTimeout(resolve, 3))
    }
  }
  const roundsMax = 2_000
  await Promise.all([saboteur(), work(round => done >= acts || round >= roundsMax)])
}
