import t from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { countOf, errnoOf, insist, lookInto, rowOf, untilRowWaits } from './database.js'
import { codeOf, patience, slot, startWorld } from './world.js'

/**
 * Geometry: the database was set up by somebody who meant well: no strict mode, no autocommit, SERIALIZABLE, local
 * time in a zone whose clocks change, fifty seconds of waiting for a row, and for transactions without end.
 *
 * What should follow: nothing is different, because every session says for itself what it needs. The twin is a
 * session that takes the server's word.
 *
 * Tried on the MariaDB that is installed; that the statement which takes slots is all or nothing in strict mode and
 * out of it is held by test/stores/sql/mariadb-rows.test.ts. MySQL and other versions of MariaDB are for a matrix.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())
const admin = await server.connect('')
t.teardown(() => admin.end())

t.test('whatever the server’s defaults are, a lock is all or nothing, and so is a booking', async t => {
  await admin.query(`SET GLOBAL sql_mode = ''; SET GLOBAL autocommit = 0; SET GLOBAL tx_isolation = 'SERIALIZABLE';
    SET GLOBAL time_zone = '-03:30'; SET GLOBAL innodb_lock_wait_timeout = 50; SET GLOBAL idle_transaction_timeout = 0`)
  const world = await startWorld(t, { redis: false, mariadb: server, mysql: patience })
  const { one, two } = world
  // of the server's defaults too
  const look = await lookInto(t, server, world)
  const begin = async (): Promise<void> => void (await look.query('COMMIT'))
  const ann = await one.visitor()
  const bob = await (await two.visitor()).watch()
  const mine = await ann.locked([5], { requestId: 'mine' })
  t.ok(Math.abs(mine.createdAt - Date.now()) < 60_000, 'time is UTC')
  t.match(await bob.lock([4, 5, 6]), { error: { code: 'SLOT_UNAVAILABLE' } })
  t.same([...(await world.rows()).keys()], [slot(5)])

  await begin()
  await look.query(`INSERT INTO slots SELECT calendar, '${slot(11)}', start_ms, 'booked', owner, token, ver, 0, updated_ms
    FROM slots WHERE ${rowOf(5)}`)
  const late = bob.lock([10, 11, 12])
  await untilRowWaits(look)
  await look.query('COMMIT')
  t.match(await late, { error: { code: 'SLOT_UNAVAILABLE' } }, 'also when it is taken at the last moment')
  t.equal(await countOf(look, 'locks'), 1)

  await begin()
  await look.query(`SELECT * FROM slots WHERE ${rowOf(5)} FOR UPDATE`)
  t.match(await ann.book(mine), { error: { code: 'BUSY' } }, 'nobody waits for fifty seconds')
  await look.query('ROLLBACK')
  t.equal(codeOf(await insist(() => ann.book(mine))), 'ok')
  await bob.untilScreenEquals(world.rows)

  const session = await lookInto(t, server, world)
  const long = 'x'.repeat(30)
  await session.query(`UPDATE slots SET token = '${long}' WHERE ${rowOf(5)}`)
  const [[row]] = (await session.query(`SELECT token FROM slots WHERE ${rowOf(5)}`)) as unknown as [
    [{ token: string }]
  ]
  t.equal(row.token.length, 22, 'a session that takes the server’s word cuts a token off (the twin)')
  session.destroy()
  await begin()
  t.not((await world.row(5))?.token, row.token, 'and what it was told is done, is not')
  await admin.query("SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
  t.equal(
    await errnoOf(admin.query(`UPDATE ${world.database}.slots SET token = '${long}' WHERE ${rowOf(5)}`)),
    1406
  )
  await admin.query('ROLLBACK')
})
