import t from 'tap'
import type { SqlLockStore } from '../../src/stores/sql/lock-store.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { countOf, insist, lookInto, untilWorkedOff } from './database.js'
import { codeOf, patience, startWorld } from './world.js'

/**
 * Geometry: the database stands still with all connections open, as when its machine is suspended. What is sent to it
 * waits in its sockets, and is read when it goes on.
 *
 * What should follow: who still listens then is told BUSY, because the server itself finds that the statement came too
 * late; who gave up before was told OUTCOME_UNKNOWN, and what he had sent does nothing. Afterwards the pool works.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())

/** Longer than any deadline here, however quick the machine. */
const longerThan = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms * 1.3))

const pong = () => true
const notYet = () => false

/** Sends a request to a server that stands still. */
async function whileFrozen<T>(store: SqlLockStore, ask: () => Promise<T>, thenWaitMs: number): Promise<T> {
  await until('it answers', () => store.ping().then(pong, notYet))
  server.freeze()
  t.teardown(() => server.thaw())
  const answer = ask()
  await longerThan(thenWaitMs)
  server.thaw()
  return answer
}

t.test('a lock that the database comes to after its deadline is not made', async t => {
  // so that a clock which a busy machine read badly is no reason to try again
  const mysql = { ...patience, deadlineMs: 500, clockErrorMaxMs: 5_000 }
  const world = await startWorld(t, { redis: false, mariadb: server, instances: 1, mysql })
  const { one } = world
  const ann = await (await one.visitor()).watch()
  const lock = () => ann.lock([1, 2], { requestId: 'both' })
  t.match(await whileFrozen(one.store, lock, mysql.deadlineMs), { error: { code: 'BUSY', retryable: true } })
  t.ok(one.store.stats.late >= 1, 'by the look at the clock in the statement')
  t.equal(await world.row(1), undefined)
  t.equal(codeOf(await insist(lock)), 'ok', 'sent again it is made')
  await ann.untilScreenEquals(world.rows)
})

const outcomes = [
  {
    deadlineMs: 500,
    bob: 'ok',
    title: 'a lock that nobody waits for any more is not made when the server thaws'
  },
  {
    deadlineMs: 3_600_000,
    bob: 'SLOT_UNAVAILABLE',
    title: 'without a deadline it is, and nobody knows (the twin)'
  }
]
for (const { deadlineMs, bob: expected, title } of outcomes) {
  t.test(title, async t => {
    const world = await startWorld(t, { redis: false, mariadb: server, instances: 1, mysql: patience })
    const look = await lookInto(t, server, world)
    const hasty = await world.add({ mysql: { ...patience, queryTimeoutMs: 400, deadlineMs } })
    const ann = await hasty.visitor()
    t.equal(codeOf(await insist(() => ann.lock([9], { requestId: 'before' }))), 'ok')
    t.equal(codeOf(await whileFrozen(hasty.store, () => ann.lock([1, 2]), 2_500)), 'OUTCOME_UNKNOWN')
    t.ok(hasty.store.stats.unknown >= 1, 'it is counted, and not taken for a no')
    await untilWorkedOff(look)
    const held = "locks WHERE slot_count = 2 AND state = 'held'"
    if (expected !== 'ok') await until('it is made', async () => (await countOf(look, held)) === 1)
    const bob = await world.one.visitor()
    t.equal(codeOf(await insist(() => bob.lock([1, 2], { requestId: 'now' }))), expected)
    t.equal(await countOf(look, held), 1, 'one holder')

    t.equal(codeOf(await insist(() => ann.lock([3], { requestId: 'after' }))), 'ok', 'the pool works again')
  })
}
