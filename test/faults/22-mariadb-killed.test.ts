import t from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import type { Answer } from '../helpers/ws-client.js'
import { countOf, insist, lookInto, untilRowWaits } from './database.js'
import { codeOf, lockIn, patience, slot, startWorld, type Visitor } from './world.js'

/**
 * Geometry: visitors of two instances lock and book as fast as they can when the database is killed, in the middle
 * of whatever it was doing, and started again.
 *
 * What should follow: every lock and every booking that somebody was told of is there. What was on its way is
 * OUTCOME_UNKNOWN, and sent again it has one result. In between, nothing is granted.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())
const limits = { locksPerSessionMax: 10_000, lockedSlotsPerSessionMax: 10_000 }

t.test('what was acknowledged survives the death of the database', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, mysql: patience, limits })
  const look = await lookInto(t, server, world)
  const { one, two } = world
  const locked: string[] = []
  const booked: string[] = []
  const lost: (() => Promise<Answer>)[] = []
  let next = 0
  let dead = false
  const busy = async (visitor: Visitor): Promise<void> => {
    const send = async (ask: () => Promise<Answer>): Promise<Answer | undefined> => {
      const answer = await ask()
      if (codeOf(answer) === 'OUTCOME_UNKNOWN') lost.push(ask)
      return answer.ok ? answer : undefined
    }
    while (!dead) {
      const n = next++
      const answer = await send(() => visitor.lock([n], { requestId: `lock-${n}` }))
      if (answer === undefined) continue
      const lock = lockIn(answer)
      locked.push(lock.id)
      if (n % 3 === 0 && (await send(() => visitor.book(lock))) !== undefined) booked.push(lock.id)
    }
  }
  const visitors = await Promise.all([one.visitor(), one.visitor(), two.visitor(), two.visitor()])
  const work = visitors.map(busy)
  const patient = await two.visitor()
  await until('some are acknowledged', () => locked.length > 60 && booked.length > 20)

  // One request is certainly on its way: it waits for a row that somebody else has written and not committed.
  await look.query(`START TRANSACTION; INSERT INTO slots SELECT calendar, '${slot(400)}', start_ms, state, owner, token,
    ver, expires_ms, updated_ms FROM slots LIMIT 1`)
  const stuck = () => patient.lock([400], { requestId: 'stuck' })
  const answered = stuck()
  await untilRowWaits(look)
  await server.kill()
  t.equal(codeOf(await answered), 'OUTCOME_UNKNOWN', 'what was on its way is neither a yes nor a no')
  t.match(await patient.lock([401]), { error: { code: 'STORE_UNAVAILABLE', retryable: true } })
  dead = true
  await Promise.all(work)
  t.ok(one.store.stats.unknown + two.store.stats.unknown > 0)

  await server.restart()
  const after = await lookInto(t, server, world)
  const kept = async (state: string): Promise<Set<string>> => {
    const [rows] = await after.query(`SELECT id FROM locks WHERE state IN (${state})`)
    return new Set((rows as { id: string }[]).map(row => row.id))
  }
  const live = await kept("'held', 'booked'")
  t.same(
    locked.filter(id => !live.has(id)),
    [],
    `all ${locked.length} locks are there`
  )
  const bookedNow = await kept("'booked'")
  t.same(
    booked.filter(id => !bookedNow.has(id)),
    [],
    `all ${booked.length} bookings are there`
  )
  for (const ask of [stuck, ...lost]) t.equal(codeOf(await insist(ask)), 'ok', 'sent again, it is done')
  t.equal(await countOf(after, 'slots'), await countOf(after, 'locks'), 'each slot has its one lock')
})

t.test(
  'with a database that commits before it writes, a visitor loses what she was told (the twin)',
  async t => {
    const world = await startWorld(t, {
      redis: false,
      mariadb: server,
      instances: 1,
      mysql: patience,
      limits
    })
    for (let tries = 0; ; tries++) {
      const look = await lookInto(t, server, world)
      await look.query('SET GLOBAL innodb_flush_log_at_trx_commit = 0')
      const ann = await world.one.visitor()
      const locks = []
      for (let n = 0; n < 15; n++)
        locks.push(lockIn(await insist(() => ann.lock([n + 20 * tries], { requestId: `${n}` }))))
      await server.restart()
      const again = await lookInto(t, server, world)
      const there = await countOf(
        again,
        `locks WHERE id IN (${locks.map(lock => `'${lock.id}'`).join(', ')})`
      )
      // what was written once a second just before the death is there after all
      if (there === locks.length && tries < 5) continue
      t.ok(there < locks.length, `of ${locks.length} acknowledged locks ${there} are there`)
      return
    }
  }
)
