import t, { type Test } from 'tap'
import { until } from '../helpers/process.js'
import { storeWith } from '../service/service-world.js'
import { fill, times, untilColor, whyRed } from './redis-side.js'
import { codeOf, startWorld, type WorldOptions } from './world.js'

/**
 * Geometry: the way from instance 1 to Redis is cut, that of instance 2 is not. Redis itself is well. So one locks
 * through the database alone and hears nothing, the other goes by a Redis that is not told of half the locks.
 *
 * What should follow: each slot has one holder, whichever instance is asked. Both screens equal the database: instance 1
 * reads the tail ten times a second, and the tail of instance 2 repairs what nobody published. When the way is back,
 * so is Redis.
 *
 * Twin: instance 2 without its tail trusts Redis to tell it everything.
 */

async function cutOff(t: Test, options: WorldOptions = {}) {
  const world = await startWorld(t, { ...options, instances: 1 })
  const { one } = world
  const two = await world.add(options)
  await fill(world)
  const ann = await (await one.visitor()).watch()
  const bob = await (await two.visitor()).watch()
  one.redisProxy!.refuse(true)
  one.redisProxy!.cut()
  await untilColor('red', one)
  return { world, one, two, ann, bob }
}

t.test('an instance with Redis and one without agree about who has what', async t => {
  const { world, one, two, ann, bob } = await cutOff(t)
  t.match(whyRed(one), /connect|writeable/i)
  const redBefore = times('red', two)
  for (let n = 0; n < 8; n++) {
    const answers = await Promise.all(
      n % 2 === 0 ? [ann.lock([n]), bob.lock([n])] : [bob.lock([n]), ann.lock([n])]
    )
    t.same(answers.map(codeOf).sort(), ['SLOT_UNAVAILABLE', 'ok'])
  }
  await ann.untilScreenEquals(world.rows)
  await bob.untilScreenEquals(world.rows)
  const first = (await ann.locks())[0]!
  await ann.client.request('release', { lock: first })
  await until('the tail repaired what Redis was not told', () => two.service.counts().tailRepaired! > 0)
  await bob.untilScreenEquals(world.rows)
  t.equal(times('red', two), redBefore, 'and Redis was well all the time, for instance 2')

  one.redisProxy!.refuse(false)
  await untilColor('green', one)
  const { eventsReceived } = two.lane!.counters
  for (const lock of await ann.locks()) await ann.client.request('release', { lock })
  await until('it is heard through Redis again', () => two.lane!.counters.eventsReceived > eventsReceived)
  await bob.untilScreenEquals(world.rows)
})

t.test('twin: without the tail the screen at instance 2 stays wrong, and nobody notices', async t => {
  let readings = 0
  const { world, two, ann, bob } = await cutOff(t, {
    wrapStore: store =>
      storeWith(store, {
        readChanges: async () => {
          readings += 1
          return { rows: [], locks: [], nowMs: store.nowMs() }
        }
      })
  })
  await ann.locked([1])
  await bob.locked([2])
  await until('it shows what was locked here', () => bob.sees(2) === 'locked')
  const before = readings
  await until('the tail would have been read', () => readings > before + 12)
  t.equal((await world.row(1))?.state, 'locked')
  t.equal(bob.sees(1), 'free')
  t.equal(times('red', two), 0)
})
