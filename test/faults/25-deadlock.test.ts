import type { Connection } from 'mysql2/promise'
import t, { type Test } from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { countOf, errnoOf, insist, lookInto, rowOf, untilRowWaits } from './database.js'
import { calendar, codeOf, patience, slot, startWorld } from './world.js'

/**
 * Geometry: ann wants two slots, and somebody else's transaction holds one of their rows: another program on the same
 * database, a person with a console, a backup.
 *
 * What should follow: a deadlock (1213) is tried again and she never hears of it; so is a
 * conflict of snapshots (1020), which newer servers report; a row that stays locked (1205) is BUSY. Never is a part
 * of what she wanted left behind.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())

/** Two slots that have been used before, so that there are rows to hold. */
async function twoRows(t: Test) {
  const world = await startWorld(t, { redis: false, mariadb: server, instances: 1, mysql: patience })
  const look = await lookInto(t, server, world)
  const slots = [slot(1), slot(2)]
  for (const blocked of [true, false]) await world.judge.setBlocked({ calendar, slots, blocked })
  const ann = await (await world.one.visitor()).watch()
  return { world, look, ann, stats: world.one.store.stats }
}

const touch = (look: Connection, n: number) =>
  look.query(`UPDATE slots SET updated_ms = updated_ms + 1 WHERE ${rowOf(n)}`)

t.test('a deadlock is tried again, and the visitor never hears of it', async t => {
  const { world, look, ann, stats } = await twoRows(t)
  // much to roll back, so that the other one is the victim
  await look.query(
    'CREATE TABLE ballast (n INT PRIMARY KEY); START TRANSACTION; INSERT INTO ballast SELECT seq FROM seq_1_to_5000'
  )
  await touch(look, 2)
  const answer = ann.lock([1, 2])
  await untilRowWaits(look)
  await touch(look, 1)
  await look.query('COMMIT')
  t.equal(codeOf(await answer), 'ok')
  t.equal(stats.deadlocksRetried, 1)
  await ann.untilScreenEquals(world.rows)
})

t.test('a row that stays locked is BUSY, and nothing of the request is left', async t => {
  const { world, look, ann } = await twoRows(t)
  const before = await world.rows()
  await look.query('START TRANSACTION')
  await touch(look, 2)
  const lock = () => ann.lock([1, 2], { requestId: 'both' })
  t.match(await lock(), { error: { code: 'BUSY', retryable: true } })
  await look.query('ROLLBACK')
  t.same(await world.rows(), before)
  t.equal(await countOf(look, 'locks'), 0, 'it was rolled back, not only refused')
  t.equal(codeOf(await insist(lock)), 'ok')
})

t.test('who commits after a 1205 keeps half of what was asked for (the twin)', async t => {
  const { world, look } = await twoRows(t)
  const careless = await lookInto(t, server, world)
  await look.query('START TRANSACTION')
  await touch(look, 2)
  await careless.query('SET SESSION innodb_lock_wait_timeout = 1')
  const take = (n: number) =>
    careless.query(`UPDATE slots SET state = 'locked', owner = 'ann' WHERE ${rowOf(n)}`)
  await careless.query('START TRANSACTION')
  await take(1)
  t.equal(await errnoOf(take(2)), 1205)
  await careless.query('COMMIT')
  await look.query('ROLLBACK')
  t.equal(await countOf(look, "slots WHERE state = 'locked'"), 1)
})

t.test('a conflict of snapshots is tried again like a deadlock', async t => {
  const { world, look, ann, stats } = await twoRows(t)
  await look.query('SET GLOBAL innodb_snapshot_isolation = ON')
  t.teardown(() => look.query('SET GLOBAL innodb_snapshot_isolation = DEFAULT'))
  // sessions that begin from now on
  world.one.sqlProxy!.cut()
  await look.query('START TRANSACTION')
  await touch(look, 1)
  const answer = insist(() => ann.lock([1, 2], { requestId: 'both' }))
  await untilRowWaits(look)
  await look.query('COMMIT')
  t.equal(codeOf(await answer), 'ok')
  t.equal(stats.deadlocksRetried, 1)

  const plain = await lookInto(t, server, world)
  await plain.query('START TRANSACTION WITH CONSISTENT SNAPSHOT')
  await touch(look, 1)
  t.equal(
    await errnoOf(touch(plain, 1)),
    1020,
    'who does not, is refused something that is not taken (the twin)'
  )
})
