import t from 'tap'
import { until } from '../helpers/process.js'
import { RedisServer } from '../helpers/redis.js'
import { fill, lockInRedisAlone, markOf, untilMarked } from './redis-side.js'
import { codeOf, startWorld, type World } from './world.js'

/**
 * Geometry: Ann at instance one, Bob at instance two, one redis-server with 3 MB and a policy that throws out what it
 * likes: the locks share it with somebody's cache. Under pressure the marks of live locks go.
 *
 * What should follow: the row refuses Bob, and somebody has been warned of the policy.
 */

/** A cache that needs more than there is, until this key is gone. */
async function pressUntil(world: World, gone: () => Promise<boolean>): Promise<void> {
  const behind = world.redis.client()
  let n = 0
  await until('it was thrown out', async () => {
    const pipeline = behind.pipeline()
    for (let i = 0; i < 500; i++) pipeline.set(`cache:${n++}`, 'x'.repeat(500), 'EX', 3_600)
    await pipeline.exec()
    return await gone()
  })
}

for (const policy of ['allkeys-lru', 'volatile-ttl']) {
  t.test(`${policy} throws out the mark of a live lock, and the lock stands`, async t => {
    const redis = await RedisServer.start(t, ['--maxmemory', '3mb', '--maxmemory-policy', policy])
    const world = await startWorld(t, { redis })
    const { one, two } = world
    await fill(world)
    const behind = redis.client()
    t.match(
      (await one.lane!.inspect()).findings.map(finding => finding.what),
      [new RegExp(`maxmemory-policy is ${policy}`)],
      'whoever looks is warned'
    )
    const ann = await one.visitor()
    const bob = await two.visitor()
    const held = await ann.locked([0])
    await untilMarked(behind, 0, 'locked')

    await pressUntil(world, async () => (await markOf(behind, 0)) === null)
    const { writes } = two.store.stats
    t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')
    t.equal(two.lane!.counters.taken, 0, 'Redis did not refuse him')
    t.ok(two.store.stats.writes > writes, 'the statement that would have given it to him did')
    t.equal(codeOf(await ann.book(held)), 'ok')
  })
}

t.test('twin: a lock that lives in Redis alone is thrown out and given twice', async t => {
  const redis = await RedisServer.start(t, ['--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-lru'])
  const world = await startWorld(t, { redis, instances: 0 })
  const behind = redis.client()
  t.ok(await lockInRedisAlone(behind, 'ann'))
  await pressUntil(world, async () => (await behind.exists('alone:slot')) === 0)
  t.ok(await lockInRedisAlone(behind, 'bob'))
})
