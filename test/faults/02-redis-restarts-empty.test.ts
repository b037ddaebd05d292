import t from 'tap'
import { until } from '../helpers/process.js'
import { fill, lockByMarkAlone, lockInRedisAlone, untilMarked } from './redis-side.js'
import { calendar, codeOf, keys, slot, startWorld } from './world.js'

/**
 * Geometry: Ann at instance one holds two slots, Bob at instance two watches. redis-server is killed and is back within
 * milliseconds, empty. A check once a second sees two successes and nothing between them.
 *
 * What should follow: Redis' silence is not taken for a free slot. Whoever asks is refused by the row, the marks come
 * back from the database, and no screen shows the slots as free for a moment.
 */

t.test('Redis comes back empty: every old lock stands, and its marks come back', async t => {
  const world = await startWorld(t)
  const { one, two } = world
  await fill(world)
  const behind = world.redis.client()
  const ann = await one.visitor()
  const bob = await (await two.visitor()).watch()
  const carl = await one.visitor()
  const held = await ann.locked([0, 1])
  await untilMarked(behind, 0, 'locked')
  const filledBefore = [one, two].map(({ service }) => service.counts().resyncs!)

  await world.redis.restart()
  t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')
  t.equal(codeOf(await carl.lock([1])), 'SLOT_UNAVAILABLE')
  await untilMarked(behind, 0, 'locked')
  await untilMarked(behind, 1, 'locked')
  await until('each instance noticed that it is another server', () =>
    [one, two].every(({ lane }) => lane!.counters.serverChanges === 1)
  )
  await until('the calendar was filled anew', () =>
    [one, two].some(({ service }, i) => service.counts().resyncs! > filledBefore[i]!)
  )
  t.ok([...one.logged(/synced 1 locks/), ...two.logged(/synced 1 locks/)].length > 0, 'and the log says so')

  const dora = await (await two.visitor()).watch()
  t.equal(dora.sees(0), 'locked', 'a snapshot read now is right')
  const told = bob.client.pushes('slots').flatMap(push => push.slots as { slot: string; state: string }[])
  t.notOk(
    told.some(state => state.slot === slot(0) && state.state === 'free'),
    'nobody was told that it is free'
  )
  t.equal(codeOf(await ann.extend(held)), 'ok')
  t.equal(codeOf(await ann.book(held)), 'ok')
  await bob.untilScreenEquals(world.rows)
})

t.test('twin: a lock that lives in Redis alone is given twice', async t => {
  const world = await startWorld(t, { instances: 1 })
  const behind = world.redis.client()
  t.ok(await lockInRedisAlone(behind, 'ann'))
  t.notOk(await lockInRedisAlone(behind, 'bob'))
  await world.redis.restart()
  t.ok(await lockInRedisAlone(behind, 'bob'), 'and Ann has not been told')
})

t.test(
  'twin: without the generation marker the silence of an empty Redis says that the slot is free',
  async t => {
    const world = await startWorld(t, { instances: 1 })
    await fill(world)
    const behind = world.redis.client()
    const ann = await world.one.visitor()
    await ann.locked([0])
    await untilMarked(behind, 0, 'locked')
    await behind.flushall()
    t.notOk(await lockByMarkAlone(world.one.lane!, 0), 'STALE')
    await behind.set(keys.generation(calendar), 'R:never filled')
    t.ok(await lockByMarkAlone(world.one.lane!, 0), "Ann's slot")
  }
)
