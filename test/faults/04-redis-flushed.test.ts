import { createHash } from 'node:crypto'
import t from 'tap'
import * as scripts from '../../src/stores/redis/scripts.js'
import { until } from '../helpers/process.js'
import { fill, lockInRedisAlone, untilColor, untilMarked } from './redis-side.js'
import { codeOf, startWorld } from './world.js'

/**
 * Geometry: Ann at instance one, Bob at instance two, one Redis. Somebody flushes it: the data, or the scripts. No
 * connection breaks, every health check goes well, and the server is the same process as before.
 *
 * What should follow: a missing generation marker tells of the data, and has the calendar filled anew; a script that
 * is not known is sent whole. Nobody notices either, and the breaker stays closed.
 */

for (const command of ['flushall', 'flushdb'] as const) {
  t.test(`${command}: the old lock stands, and the calendar is filled anew`, async t => {
    const world = await startWorld(t)
    const { one, two } = world
    await fill(world)
    const behind = world.redis.client()
    const ann = await one.visitor()
    const bob = await two.visitor()
    const held = await ann.locked([0])
    await untilMarked(behind, 0, 'locked')

    const { connects } = two.lane!.counters

    await behind[command]()
    t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')
    await until('its silence was not believed', async () => {
      await bob.release(await bob.locked([1]))
      return two.lane!.counters.stale > 0
    })
    await untilMarked(behind, 0, 'locked')
    await until('the calendar was filled from the database', () => two.service.counts().resyncs! > 0)
    t.equal(two.lane!.counters.connects, connects, 'no connection was lost that would have told')
    t.equal(two.lane!.counters.serverChanges, 0, 'and the server is the same')
    t.equal(codeOf(await ann.book(held)), 'ok')

    t.ok(await lockInRedisAlone(behind, 'ann'))
    await behind[command]()
    t.ok(await lockInRedisAlone(behind, 'bob'), 'twin: a lock that lives in Redis alone is given twice')
  })
}

t.test('script flush: a script that is gone is sent whole, and nobody notices', async t => {
  // patient, because every error counts here, and a busy machine makes some of its own
  const world = await startWorld(t, { instances: 1, lane: { commandTimeoutMs: 10_000 } })
  const { one } = world
  await fill(world)
  const behind = world.redis.client()
  const ann = await one.visitor()
  await ann.locked([0])
  await untilMarked(behind, 0, 'locked')
  await untilColor('green', one)
  const evals = async (): Promise<number> =>
    Number(/cmdstat_eval:calls=(\d+)/.exec(await behind.info('commandstats'))?.[1] ?? 0)
  const before = { evals: await evals(), errors: one.lane!.counters.errors }

  await behind.script('FLUSH')
  const sha = createHash('sha1').update(scripts.slotsReserve.source).digest('hex')
  await t.rejects(behind.evalsha(sha, 0), /NOSCRIPT/, 'twin: by its name alone it cannot be had')
  const reserved = one.lane!.counters.reserved
  t.equal(codeOf(await ann.lock([1])), 'ok')
  t.equal(one.lane!.counters.reserved, reserved + 1, 'Redis was asked, and answered')
  await until('it was sent whole', async () => (await evals()) > before.evals)
  t.equal(one.lane!.counters.errors, before.errors)
})
