import type { Redis } from 'ioredis'
import t from 'tap'
import { until } from '../helpers/process.js'
import { fill, lockInRedisAlone, untilColor, untilMarked } from './redis-side.js'
import { clock, codeOf, lockIn, startWorld } from './world.js'

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
const firstMs = 1_500
/** A machine that has become busier since may need longer for what is to happen meanwhile. */
const triesMax = 5

/** How many turns take a millisecond on this machine. */
async function turnsPerMs(redis: Redis): Promise<number> {
  const sample = 1_000_000
  const began = clock.monotonic()
  await redis.eval(slowScript, 0, sample)
  return sample / (clock.monotonic() - began)
}

/** Of the error that comes instead of an answer; empty: it was answered. */
const messageOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => '',
    (error: Error) => error.message
  )

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

  const perMs = await turnsPerMs(behind)
  let inTime = false
  for (let tries = 1; !inTime && tries <= triesMax; tries++) {
    await behind.del('begun', 'ended')
    await untilColor('green', one)
    let done = false
    const slow = behind.eval(slowScript, 0, Math.ceil(perMs * firstMs * 2 ** (tries - 1))).finally(() => {
      done = true
    })
    let slowness = ''
    await until('it is too slow', async () => {
      slowness = await messageOf(other.get('begun'))
      return done || slowness !== ''
    })
    const alone = await messageOf(lockInRedisAlone(other, 'ann'))
    const killing = await messageOf(other.script('KILL'))
    const answers = [await bob.lock([0]), await bob.lock([1]), await ann.lock([2])]
    await until('the breaker is open, or it is over', () => done || one.color() === 'red')
    const { lastError } = one.service.monitor.services().redis!
    inTime = !done
    t.equal(await slow, 'DONE')
    t.equal(await other.get('ended'), '1', 'it has done all it meant to')
    if (inTime) {
      t.match(slowness, /BUSY/)
      t.match(alone, /BUSY/, 'twin: in Redis alone nobody can lock anything')
      t.match(killing, /UNKILLABLE/, 'and killing it is not to be had')
      t.same(answers.map(codeOf), ['SLOT_UNAVAILABLE', 'ok', 'ok'])
      t.match(lastError, /BUSY|timed out|did not come back/)
      const kills = /cmdstat_script\|kill:calls=(\d+),/.exec(await other.info('commandstats'))
      t.equal(Number(kills?.[1]), tries, 'only the twin tried to kill it')
    }
    for (const answer of answers)
      if (answer.ok) await (answer === answers[1] ? bob : ann).release(lockIn(answer))
  }
  t.ok(inTime, 'all of this while it ran')
  await untilColor('green', one)
  t.equal(codeOf(await ann.book(kept)), 'ok')
  await untilMarked(other, 0, 'booked')
})
