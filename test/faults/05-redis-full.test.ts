import t from 'tap'
import { until } from '../helpers/process.js'
import { fill, markOf, probedByPing, times, untilColor, untilMarked, whyRed } from './redis-side.js'
import { codeOf, startWorld } from './world.js'

/**
 * Geometry: Ann and Bob at one instance. redis-server (noeviction, as it should be) has no memory left: it refuses every
 * write with OOM, answers every PING, and keeps all connections open.
 *
 * What should follow: the breaker opens by the refused write of its own probe and says OOM; requests go to the
 * database. With room it closes again.
 */

const full = '1'
const roomy = '0'

t.test('Redis is full: locks go on without it, and the reason is told', async t => {
  const world = await startWorld(t, { instances: 1 })
  const { one } = world
  await fill(world)
  const behind = world.redis.client()
  const ann = await one.visitor()
  const bob = await one.visitor()
  const kept = await ann.locked([0])
  await untilMarked(behind, 0, 'locked')

  await behind.config('SET', 'maxmemory', full)
  t.equal(codeOf(await ann.lock([1])), 'ok')
  t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')
  t.equal(codeOf(await bob.lock([1])), 'SLOT_UNAVAILABLE')
  await untilColor('red', one)
  t.match(whyRed(one), /OOM/)
  t.equal((await ann.client.next('service')).status, 'degraded')
  t.equal(codeOf(await ann.release(kept)), 'ok')
  t.equal(codeOf(await bob.lock([0])), 'ok', 'what was released can be had, whatever Redis still says')
  t.match(await markOf(behind, 0), kept.id, '(it still has the old lock)')

  await behind.config('SET', 'maxmemory', roomy)
  await untilColor('green', one)
  t.equal(codeOf(await ann.lock([2])), 'ok')
  await untilMarked(behind, 2, 'locked')
})

t.test('twin: a check that only pings finds a full Redis well again and again', async t => {
  const pinging = await startWorld(t, { instances: 0 })
  const behind = pinging.redis.client()
  const one = await pinging.add({ wrapLane: probedByPing(behind) })
  await fill({ ...pinging, one })
  const ann = await one.visitor()
  await behind.config('SET', 'maxmemory', full)
  await until('requests were sent back to it, and failed again', async () => {
    await ann.release(await ann.locked([0]))
    return times('red', one) >= 2
  })
  t.match(whyRed(one), /OOM/)
  t.equal(await behind.ping(), 'PONG')
})
