import t from 'tap'
import { until } from '../helpers/process.js'
import { fill, lockByMarkAlone, markOf, untilColor, untilMarked } from './redis-side.js'
import { calendar, codeOf, keys, slot, startWorld } from './world.js'

/**
 * Geometry: Ann at instance one, Bob at instance two, who has not heard of Ann's lock (nobody watches there). Somebody
 * deletes the mark of her lock by hand; the rest of Redis stays as it is, so nothing looks wrong.
 *
 * What should follow: Redis lets Bob through, the row does not.
 */

t.test('the mark of a live lock is deleted: Redis says free, the row says no', async t => {
  const world = await startWorld(t)
  const { one, two } = world
  await fill(world)
  const behind = world.redis.client()
  const ann = await one.visitor()
  const bob = await two.visitor()
  const held = await ann.locked([0])
  await untilMarked(behind, 0, 'locked')

  await untilColor('green', two)
  await behind.del(keys.slot(calendar, slot(0)))
  const answer = await bob.lock([0])
  t.match(answer, { ok: false, error: { code: 'SLOT_UNAVAILABLE' } })
  t.equal(two.lane!.counters.reserved, 1, 'Redis had given it to him')
  await until('what he had reserved was taken back', async () => (await markOf(behind, 0)) === null)
  t.equal((await world.row(0))?.token, held.id, 'and the row is as it was')

  const carl = await two.visitor()
  t.equal(codeOf(await carl.lock([0])), 'SLOT_UNAVAILABLE')
  t.equal(two.lane!.counters.reserved, 1, 'the next one is refused by a read, without asking Redis')
  t.equal(codeOf(await ann.book(held)), 'ok')
  await untilMarked(behind, 0, 'booked')
})

t.test('twin: if the mark were the lock, two would have it', async t => {
  const world = await startWorld(t)
  await fill(world)
  const { one, two } = world
  t.ok(await lockByMarkAlone(one.lane!, 0))
  t.notOk(await lockByMarkAlone(two.lane!, 0))
  await world.redis.client().del(keys.slot(calendar, slot(0)))
  t.ok(await lockByMarkAlone(two.lane!, 0))
})
