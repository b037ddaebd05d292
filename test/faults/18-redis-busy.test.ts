import type { Redis } from 'ioredis'
import t from 'tap'
import { until } from '../helpers/process.js'
import { fill, lockInRedisAlone, untilColor, untilMarked } from './redis-side.js'
import { clock, codeOf, startWorld } from './world.js'

/**
 * Geometry: Ann and Bob at one instance. Somebody's script keeps redis-server busy; past its limit Redis answers BUSY to
 * all others. The script has written already, so it cannot be killed without killing the server.
 *
 * What should follow: requests go to the database. Nobody kills anything: the script ends by itself, whole.
 */

/** Counts, because a script has no clock that moves while it runs. */
const slowScript = `
  redis.call('SET', 'begun', '1')
  local sum = 0
  for i = 1, tonumber(ARGV[1]) do sum = sum + i % 7 end
  redis.call('SET', 'ended', '1')
  return 'DONE'`
const wantedMs = 1_500

/** So many turns take about `wantedMs` on this machine. */
async function turns(redis: Redis): Promise<number> {
  const sample = 1_000_000
  const began = clock.monotonic()
  await redis.eval(slowScript, 0, sample)
  const turns = Math.ceil((sample * wantedMs) / (clock.monotonic() - began))
  await redis.del('begun', 'ended')
  return turns
}

t.test('Redis is busy with a slow script: locks go on, and the script is left alone', async t => {
  const world = await startWorld(t, { instances: 1, redis: ['--lua-time-limit', '50'] })
  const { one } = world
  await fill(world)
  const behind = world.redis.client()
  const other = world.redis.client()
  const ann = await one.visitor()
  const bob = await one.visitor()
  const kept = await ann.locked([0])
  await untilMarked(other, 0, 'locked')

  const slowTurns = await turns(behind)
  let done = false
  const slow = behind.eval(slowScript, 0, slowTurns).finally(() => {
    done = true
  })
  await t.rejects(
    until('it is too slow', async () => (await other.get('begun')) === undefined),
    /BUSY/
  )
  await t.rejects(lockInRedisAlone(other, 'ann'), /BUSY/, 'twin: in Redis alone nobody can lock anything')
  await t.rejects(other.script('KILL'), /UNKILLABLE/, 'and killing it is not to be had')
  t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')
  t.equal(codeOf(await bob.lock([1])), 'ok')
  t.equal(codeOf(await ann.lock([2])), 'ok')
  await untilColor('red', one)
  t.match(one.service.monitor.services().redis?.lastError, /BUSY|timed out|did not come back/)
  t.equal(done, false, 'all of this while it ran')

  t.equal(await slow, 'DONE')
  t.equal(await other.get('ended'), '1', 'it has done all it meant to')
  t.match(await other.info('commandstats'), /cmdstat_script\|kill:calls=1,/, 'only the twin tried to kill it')
  await untilColor('green', one)
  t.equal(codeOf(await ann.book(kept)), 'ok')
  await untilMarked(other, 0, 'booked')
})
