import t from 'tap'
import type { UtcDay } from '../../src/domain/row-cache.js'
import { until } from '../helpers/process.js'
import { laneWith } from './redis-side.js'
import { calendar, day, type Instance, keys, slot, startWorld, type World } from './world.js'

/**
 * Geometry: readings come from copies of rows in Redis. Redis never hears of a change (its settlement was lost, the
 * instance that made it died), or is set back to an older state of itself (a replica that lacked the last writes was
 * promoted).
 *
 * What should follow: who changed something sees it at once where he is, and everywhere after a second or two, because each
 * instance compares a copy with what its own tail has read. The screens that had got the old copy are told.
 *
 * Twin: who believes the copy as it is shows a slot as free that has been taken, and goes on to do so for an hour.
 */

const today = day as UtcDay

const stateAt = async ({ url }: Instance, n: number): Promise<string | undefined> => {
  const answer = await fetch(`${url}/v1/calendars/${calendar}/slots?from=${day}&to=${day}`)
  const { slots } = (await answer.json()) as { slots: { slot: string; state: string }[] }
  return slots.find(state => state.slot === slot(n))?.state
}

/** Both instances answer from Redis: a reading costs neither a query. */
async function untilCached({ one, two }: World): Promise<void> {
  for (const instance of [one, two]) {
    await until('readings come from Redis', async () => {
      const before = instance.service.cacheCounts().hits
      await stateAt(instance, 0)
      return instance.service.cacheCounts().hits > before
    })
  }
}

/** What a reader shows that believes Redis. */
const copyOf = async (n: number): Promise<string | undefined> =>
  (await two.lane!.rows.read(calendar, [today])).get(today)?.rows.get(slot(n))?.state

const lost = { settles: false }
const clinic = await startWorld(t, {
  wrapLane: lane =>
    laneWith(lane, {
      settle: async (...args) => {
        if (!lost.settles) await lane.settle(...args)
      }
    })
})
const { one, two } = clinic
await untilCached(clinic)
t.beforeEach(() => {
  lost.settles = false
})

t.test(
  'a change that Redis never hears of is in every reading after a moment, and on every screen',
  async t => {
    const [ann, bob] = [await one.visitor(), await two.visitor()]
    lost.settles = true
    await ann.locked([0])
    t.equal(await stateAt(one, 0), 'locked', 'at once where it was made')
    await bob.watch()
    await bob.untilScreenEquals(clinic.rows)
    t.equal(await stateAt(two, 0), 'locked')
    lost.settles = false
    await until('the copy is mended by a reading', async () => {
      await stateAt(two, 0)
      return (await copyOf(0)) === 'locked'
    })
  }
)

t.test('twin: who believes the copy shows the slot as free for as long as the copy lives', async t => {
  lost.settles = true
  const ann = await one.visitor()
  await ann.locked([2])
  const bob = await two.visitor()
  await bob.watch()
  await bob.untilScreenEquals(clinic.rows)
  t.equal(bob.sees(2), 'locked')
  t.not(await copyOf(2), 'locked', 'every screen has been told, and the copy says nothing')
  const leftMs = await clinic.redis.client().pttl(keys.day(calendar, today))
  t.ok(leftMs > 2_000_000, `and would say so for ${leftMs} ms more`)
})

t.test('Redis that is set back to before a booking does not bring the slot back', async t => {
  const behind = clinic.redis.client()
  const before = await behind.dumpBuffer(keys.day(calendar, today))
  const ann = await one.visitor()
  const bob = await two.visitor()
  await bob.watch()
  const lock = await ann.locked([1])
  await ann.book(lock)
  await bob.untilScreenEquals(clinic.rows)
  await behind.restore(keys.day(calendar, today), 3_000_000, before!, 'REPLACE')
  t.not(await copyOf(1), 'booked', 'so it says')
  for (const instance of [one, two]) t.equal(await stateAt(instance, 1), 'booked')
  t.equal(await copyOf(1), 'booked', 'and the first reading has mended it')
})
