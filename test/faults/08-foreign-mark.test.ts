import t from 'tap'
import { fill, lockByMarkAlone, newLock, untilColor, untilMarked } from './redis-side.js'
import { calendar, codeOf, keys, slot, startWorld } from './world.js'

/**
 * Geometry: Ann at one instance. Redis has marks of locks that no row stands for: left behind by a restored dump, another
 * version, a hand. They claim ten minutes and a version from the far future, so nothing newer overwrites them.
 *
 * What should follow: a refusal by Redis is checked with one read, and the free slot is given.
 */

t.test('a mark that no row stands for keeps nobody out', async t => {
  const world = await startWorld(t, { instances: 1 })
  const { one } = world
  await fill(world)
  const behind = world.redis.client()
  for (const n of [0, 1]) {
    await behind.set(
      keys.slot(calendar, slot(n)),
      `9999999999999999:${n === 0 ? 'locked' : 'booked'}:${newLock()}`,
      'PX',
      600_000
    )
  }
  await behind.set(keys.slot(calendar, slot(2)), 'what is this', 'PX', 600_000)
  const ann = await one.visitor()

  await untilColor('green', one)
  t.equal(codeOf(await ann.lock([0])), 'ok')
  t.equal(codeOf(await ann.lock([1])), 'ok')
  t.equal(one.lane!.counters.taken, 2, 'Redis had refused both')
  t.equal(codeOf(await ann.lock([2])), 'ok', 'and nonsense is no refusal either')
  const bob = await one.visitor()
  t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')

  t.ok((await behind.pttl(keys.slot(calendar, slot(0)))) > 500_000, 'twin: the mark is still there')
  t.notOk(await lockByMarkAlone(one.lane!, 0), '…and as the judge it would keep everybody out')
  await ann.locked([3])
  await untilMarked(behind, 3, 'locked')
})
