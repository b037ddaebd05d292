import t, { type Test } from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { insist } from './database.js'
import {
  calendar,
  codeOf,
  type Instance,
  keys,
  patience,
  slot,
  startWorld,
  type Visitor,
  type World
} from './world.js'

/**
 * Geometry: Redis and the database are killed at once, under two instances with visitors at both. They come back in
 * one order and in the other; Redis comes back empty.
 *
 * What should follow: connections stay open, nothing is granted by anybody. As soon as the database is there, locks
 * are made and every screen shows them, with Redis or without. When both are there, Redis has been filled from the
 * database, and the lock of before is still whose it was.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())
const told = (instance: Instance, status: string): Promise<void> =>
  until(`the service is ${status}`, () => instance.service.monitor.status === status, 20_000)

async function bothOut(t: Test) {
  const world = await startWorld(t, { mariadb: server, mysql: patience })
  const { one, two, redis } = world
  const ann = await (await one.visitor()).watch()
  const bob = await (await two.visitor()).watch()
  const mine = await ann.locked([1])
  await until('bob sees it', () => bob.sees(1) === 'locked')
  await Promise.all([redis.kill(), server.kill()])
  for (const instance of world.instances) {
    await told(instance, 'unavailable')
    await until('Redis is not used', () => instance.color() !== 'green')
  }
  return { world, ann, bob, mine }
}

/** Both are there: everything is as ever, for locks of before and for new ones. */
async function recovered(t: Test, parts: Awaited<ReturnType<typeof bothOut>>) {
  const { world, ann, bob, mine } = parts
  for (const instance of world.instances) await told(instance, 'normal')
  t.equal(codeOf(await bob.lock([1])), 'SLOT_UNAVAILABLE', 'the lock of before is hers')
  const client = world.redis.client()
  await until('Redis was filled from the database', async () =>
    ((await client.get(keys.slot(calendar, slot(1)))) ?? '').includes(':locked:')
  )
  await until('an instance that noticed has counted it', () =>
    world.instances.some(({ service }) => (service.counts().resyncs ?? 0) > 0)
  )
  t.equal(codeOf(await insist(() => ann.book(mine))), 'ok')
  await screens(world, ann, bob)
  for (const visitor of [ann, bob]) t.equal(visitor.client.close, undefined, 'nobody was disconnected')
}

async function screens(world: World, ...visitors: Visitor[]): Promise<void> {
  for (const visitor of visitors) await visitor.untilScreenEquals(world.rows)
}

t.test('the database first, then Redis', async t => {
  const parts = await bothOut(t)
  const { world, ann, bob } = parts
  t.match(await bob.lock([2]), { error: { code: 'STORE_UNAVAILABLE', retryable: true } })
  await server.restart()
  for (const instance of world.instances) await told(instance, 'degraded')
  t.equal(codeOf(await insist(() => bob.lock([2], { requestId: 'two' }))), 'ok', 'the database is enough')
  await screens(world, ann, bob)
  await world.redis.restart()
  await recovered(t, parts)
})

t.test('Redis first, then the database', async t => {
  const parts = await bothOut(t)
  const { world, ann, bob } = parts
  await world.redis.restart()
  for (const instance of world.instances) {
    await until('Redis works', () => instance.color() === 'green')
    t.equal(instance.service.monitor.status, 'unavailable')
  }
  t.match(
    await bob.lock([2]),
    { error: { code: 'STORE_UNAVAILABLE', retryable: true } },
    'Redis is not enough'
  )
  const client = world.redis.client()
  t.equal(
    await client.set(keys.slot(calendar, slot(1)), 'bob', 'PX', 200, 'NX'),
    'OK',
    'though by itself it would give away what ann holds (the twin)'
  )
  await server.restart()
  for (const instance of world.instances) await told(instance, 'normal')
  t.equal(codeOf(await insist(() => ann.lock([3], { requestId: 'three' }))), 'ok')
  await recovered(t, parts)
})
