import t from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { countOf, lookInto, rowOf, untilRowWaits } from './database.js'
import { codeOf, patience, slot, startWorld } from './world.js'

/**
 * Geometry: ann has a slot at one instance. Bob asks another one, which was told nothing of it (no Redis, and nobody
 * there looks at this calendar), for that slot and its neighbours.
 *
 * What should follow: bob gets none of them, is told which one was in the way, and no row of the others was touched;
 * also if the slot is taken at the very moment between his statement's two looks at it.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())

t.test('of several slots one of which is taken, none is given, and the answer names it', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, mysql: patience })
  const { one, two } = world
  const look = await lookInto(t, server, world)
  const ann = await one.visitor()
  const bob = await two.visitor()
  await ann.locked([5])
  const sentBefore = two.store.stats.writes
  const refused = await bob.lock([6, 5, 4])
  t.match(refused, { error: { code: 'SLOT_UNAVAILABLE', retryable: false } })
  t.match(refused.error!.details!.conflicts, [{ slot: slot(5), state: 'locked' }])
  t.same([...(await world.rows()).keys()], [slot(5)], 'nothing else was touched')
  t.ok(two.store.stats.writes > sentBefore, 'it was the statement that refused')
  t.equal(await countOf(look, 'locks'), 1)

  await look.query(`START TRANSACTION; INSERT INTO slots SELECT calendar, '${slot(11)}', start_ms, 'booked', owner,
    token, ver, 0, updated_ms FROM slots WHERE ${rowOf(5)}`)
  const late = bob.lock([12, 11, 10])
  await untilRowWaits(look)
  await look.query('COMMIT')
  t.match((await late).error, {
    code: 'SLOT_UNAVAILABLE',
    details: { conflicts: [{ slot: slot(11), state: 'booked' }] }
  })
  t.equal(
    await countOf(look, 'locks'),
    1,
    'his lock was there for a moment, and was rolled back with the rest'
  )
  t.same([...(await world.rows()).keys()], [slot(11), slot(5)].sort())
  t.equal(codeOf(await bob.lock([10, 12])), 'ok', 'the others are free')
  await (await bob.watch()).untilScreenEquals(world.rows)
})

t.test('INSERT IGNORE, which looks like the same, gives him the rest (the twin)', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, instances: 1, mysql: patience })
  const look = await lookInto(t, server, world)
  await (await world.one.visitor()).locked([5])
  const wanted = [4, 5, 6].map(n => `SELECT '${slot(n)}' AS s`).join(' UNION ALL ')
  await look.query(`INSERT IGNORE INTO slots SELECT calendar, x.s, start_ms, state, 'bob', 'bobs', ver, expires_ms,
    updated_ms FROM slots, (${wanted}) x WHERE ${rowOf(5)}`)
  t.equal(await countOf(look, "slots WHERE owner = 'bob'"), 2)
})
