import t, { type Test } from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { callerNamed } from '../service/service-world.js'
import { fill, newLock } from './redis-side.js'
import { calendar, codeOf, patience, slot, startWorld } from './world.js'

/**
 * Geometry: a thousand people at two instances want the same slot in the same moment. The database has four
 * connections from each.
 *
 * What should follow: one gets it, 999 are told when it ends, and the database sees a handful of statements. Whoever is
 * first at an instance asks it; the others wait for that answer, and share a read of the row. (Who sends a requestId
 * costs one read more, of the lock that this request may have become before.)
 *
 * Twin: everybody asks the database. One gets it all the same, by a statement for each. (At one instance, with and
 * without the gate: test/races/crowd.test.ts.)
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())

async function twoInstances(t: Test) {
  const world = await startWorld(t, { mariadb: server, mysql: patience })
  await fill(world)
  const stats = [world.one.store.stats, world.two.store.stats]
  const sum = (what: 'writes' | 'reads') => stats.reduce((so, one) => so + one[what], 0)
  return { world, sum }
}

t.test('a thousand who want one slot: one gets it, and few ask the database', async t => {
  const { world, sum } = await twoInstances(t)
  const ann = await (await world.one.visitor()).watch()
  const before = { writes: sum('writes'), reads: sum('reads') }
  const outcomes = await Promise.all(
    Array.from({ length: 1_000 }, (_, i) => {
      const { handlers } = world.instances[i % 2]!.service
      return handlers.lock(callerNamed(`visitor-${i}`), { calendar, slots: [slot(1)] })
    })
  )
  const writes = sum('writes') - before.writes
  const reads = sum('reads') - before.reads
  t.equal(outcomes.filter(outcome => outcome.ok).length, 1)
  const told = outcomes.filter(
    outcome => !outcome.ok && outcome.refusal.details?.conflicts?.[0]?.expiresInMs !== undefined
  )
  t.equal(told.length, 999, 'everybody else is told when it ends')
  t.ok(writes <= 20, `${writes} changes were asked for`)
  t.ok(reads <= 100, `${reads} reads`)
  await ann.untilScreenEquals(world.rows)
  t.equal(codeOf(await ann.lock([1])), 'SLOT_UNAVAILABLE')
})

t.test('twin: without gate and Redis each of them is a statement', async t => {
  const { world, sum } = await twoInstances(t)
  const before = sum('writes')
  const crowd = 100
  const statuses: string[] = []
  for (let from = 0; from < crowd; from += 8) {
    const some = Array.from({ length: Math.min(8, crowd - from) }, (_, i) =>
      world.instances[i % 2]!.store.grant({
        lock: newLock(),
        calendar,
        owner: callerNamed(`visitor-${from + i}`).session!,
        slots: [slot(1)],
        ttlMs: 600_000,
        fingerprint: 'f',
        lockLifeMaxMs: 7_200_000,
        locksMax: 8,
        lockedSlotsMax: 64
      })
    )
    statuses.push(...(await Promise.all(some)).map(({ status }) => status))
  }
  t.equal(statuses.filter(status => status === 'GRANTED').length, 1, 'the row is the judge')
  t.ok(sum('writes') - before >= crowd)
})
