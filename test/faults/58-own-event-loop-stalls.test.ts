import t, { type Test } from 'tap'
import { until } from '../helpers/process.js'
import { callerNamed } from '../service/service-world.js'
import { fill, times, whyRed } from './redis-side.js'
import { calendar, clock, codeOf, slot, startWorld } from './world.js'

/**
 * Geometry: one instance and a Redis that is well. The process stands still for two seconds (a long loop) while commands
 * are on their way: their time is over before the answers that lie in the socket are read, and so is that of the
 * connection itself, on which nothing was heard for so long.
 *
 * What should follow: the commands count as timed out, the requests are answered by the database, and Redis is not blamed:
 * a timeout that comes with a stall of our own is no evidence, and the connection is kept. The metrics show the stall.
 *
 * Twin: an instance whose clock does not see the stalls. It blames Redis and goes without.
 */

const stallMs = 2_000

async function healthy(t: Test, seesStalls: boolean) {
  let standsAt: number | undefined
  const world = await startWorld(t, {
    instances: 1,
    // shorter than any stall here, and longer than a busy machine lets Redis wait
    lane: { commandTimeoutMs: 800 },
    clock: { now: clock.now, monotonic: () => standsAt ?? clock.monotonic() }
  })
  const { one } = world
  await fill(world)
  let asked = 0

  /** Four requests are on their way while nothing moves for so long. */
  async function stall(ms: number) {
    const { timeouts } = one.lane!.counters
    // so that no answer can be there before the stall begins
    one.redisProxy!.fault({ delayMs: 5 })
    const requests = Array.from({ length: 4 }, () => {
      asked += 1
      const caller = callerNamed(`visitor-${asked}`)
      return one.service.handlers.lock(caller, { calendar, slots: [slot(asked % 48)] })
    })
    await new Promise(resolve => setImmediate(resolve))
    const from = performance.now()
    if (!seesStalls) standsAt = clock.monotonic()
    while (performance.now() - from < ms);
    const outcomes = (await Promise.all(requests)).map(outcome => (outcome.ok ? 'ok' : outcome.refusal.code))
    standsAt = undefined
    one.redisProxy!.fault({ delayMs: 0 })
    return { outcomes, timedOut: one.lane!.counters.timeouts - timeouts }
  }
  return { one, stall }
}

t.test('a stall of our own is not taken for a Redis that is slow', async t => {
  const { one, stall } = await healthy(t, true)
  const redBefore = times('red', one)
  const { connects } = one.lane!.counters
  const { outcomes, timedOut } = await stall(stallMs)
  t.same(outcomes, ['ok', 'ok', 'ok', 'ok'], 'answered all the same')
  t.ok(timedOut >= 2, `${timedOut} commands timed out, enough to blame Redis`)
  const lagMs = one.metrics.eventLoopLagMs()
  const visitor = await one.visitor()
  const { reserved } = one.lane!.counters
  t.equal(codeOf(await visitor.lock([40])), 'ok')
  t.equal(one.lane!.counters.reserved, reserved + 1, 'Redis is asked as ever')
  t.equal(one.color(), 'green')
  t.equal(times('red', one), redBefore)
  t.equal(one.lane!.counters.connects, connects, 'the connection is the same')
  t.ok(lagMs > stallMs / 4, `the metrics show the stall: ${Math.round(lagMs)} ms`)
})

t.test('twin: who does not see the stall blames Redis', async t => {
  const { one, stall } = await healthy(t, false)
  const redBefore = times('red', one)
  // a busy machine may stall for real a moment before, and be seen to
  await until('Redis is blamed', async () => {
    await stall(stallMs / 2)
    return times('red', one) > redBefore
  })
  t.match(whyRed(one), /timed out/)
})
