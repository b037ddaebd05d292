import t from 'tap'
import { StoreError } from '../../src/domain/errors.js'
import type { LockView } from '../../src/protocol/schemas.js'
import { until } from '../helpers/process.js'
import { fill, laneWith, times, untilColor } from './redis-side.js'
import { codeOf, type Instance, startWorld } from './world.js'

/**
 * Geometry: instance one and instance two, each with its own slow way to Redis: slow but in time, then too slow, then
 * changing between the two several times a second. Visitors at both lock and release the same slots all the while.
 * The breaker of instance two never hears of a failure (that is the twin).
 *
 * What should follow: a slow Redis is used; one that is too slow, or comes and goes, is left alone until it has proved
 * itself three times in a row, and then later each time. Whatever the two believe, nobody gets a slot twice.
 */

const commandTimeoutMs = 200
const inTime = 20
const tooSlow = 200

t.test('latency around the timeout: the breaker keeps still, and no slot is given twice', async t => {
  let asked = 0
  const world = await startWorld(t, { instances: 0, lane: { commandTimeoutMs } })
  const one = await world.add({
    wrapLane: lane =>
      laneWith(lane, {
        reserve: request => {
          asked += 1
          return lane.reserve(request)
        }
      })
  })
  const two = await world.add({
    wrapLane: lane =>
      laneWith(lane, {
        probe: async () => ({ latencyMs: 0 }),
        reserve: request => hidden(lane.reserve(request), { status: 'LATE' }),
        unreserve: request => hidden(lane.unreserve(request), undefined),
        settle: (...request) => hidden(lane.settle(...request), undefined),
        publishLock: lock => hidden(lane.publishLock(lock), undefined)
      })
  })
  await fill({ ...world, one })
  const delay = (delayMs: number): void => {
    for (const { redisProxy } of [one, two]) redisProxy!.fault({ delayMs })
  }
  const ann = await one.visitor()

  delay(inTime)
  const { reserved } = one.lane!.counters
  await until('a slow Redis is used all the same', async () => {
    await ann.release(await ann.locked([9]))
    return one.lane!.counters.reserved > reserved
  })

  delay(tooSlow)
  t.equal(codeOf(await ann.lock([10])), 'ok')
  await untilColor('red', one)
  asked = 0
  t.equal(codeOf(await ann.lock([11])), 'ok')
  t.equal(asked, 0, 'one that is too slow is left alone')
  delay(0)
  await untilColor('green', one)

  const before = {
    reds: times('red', one),
    one: one.lane!.counters.timeouts,
    two: two.lane!.counters.timeouts
  }
  let flips = 0
  let over = false
  const flapping = (async () => {
    for (; flips < 24; flips++) {
      delay(flips % 2 === 0 ? tooSlow : 0)
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    over = true
  })()
  const { grants, overlaps } = await contend([one, two], () => over)
  await flapping
  delay(0)
  t.equal(overlaps, 0, `${grants} grants, never two holders`)
  t.ok(grants > 0)
  const reds = times('red', one) - before.reds
  t.ok(reds <= flips / 4, `the breaker opened ${reds} times while Redis came and went ${flips / 2} times`)
  const waited = [one.lane!.counters.timeouts - before.one, two.lane!.counters.timeouts - before.two]
  t.ok(
    waited[0]! < waited[1]!,
    `twin: ${waited[1]} commands ran into the timeout without it, ${waited[0]} with it`
  )
  await untilColor('green', one)
  t.equal(codeOf(await ann.lock([12])), 'ok')
})

async function hidden<T>(answer: Promise<T>, instead: T): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return instead
  }
}

/** Three visitors at each instance want the same two slots, until it is over. */
async function contend(
  instances: Instance[],
  over: () => boolean
): Promise<{ grants: number; overlaps: number }> {
  const holders = [0, 0]
  let [grants, overlaps] = [0, 0]
  await Promise.all(
    instances.flatMap(instance =>
      [0, 1, 2].map(async worker => {
        const visitor = await instance.visitor()
        for (let round = worker; !over(); round++) {
          const n = round % 2
          const answer = await visitor.lock([n])
          await new Promise(resolve => setTimeout(resolve, 5))
          if (!answer.ok) continue
          grants += 1
          holders[n]! += 1
          if (holders[n]! > 1) overlaps += 1
          await new Promise(resolve => setTimeout(resolve, 5))
          holders[n]! -= 1
          await visitor.release((answer.result as { lock: LockView }).lock)
        }
      })
    )
  )
  return { grants, overlaps }
}
