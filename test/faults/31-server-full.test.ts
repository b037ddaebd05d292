import t from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { errnoOf, insist, lookInto } from './database.js'
import { codeOf, patience, startWorld } from './world.js'

/**
 * Geometry: the database runs, and has no room: no connection left, no prepared statement left, no space for a row.
 *
 * What should follow: what cannot be done is refused as STORE_UNAVAILABLE and shown by /health; what needs no room
 * goes on; when there is room again, it works without a restart of anything.
 *
 * The full disk is played by a trigger that answers as a full disk does: a real one would take the machine with it.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())
const admin = await server.connect('')
t.teardown(() => admin.end())
await admin.query("CREATE USER app@'127.0.0.1'; GRANT ALL ON `world%`.* TO app@'127.0.0.1'")
const shared = { redis: false, mariadb: server, instances: 1, mysql: patience, mysqlUser: 'app' } as const

t.test('a server without a free connection is out, says why, and is back by itself', async t => {
  const { one, row } = await startWorld(t, shared)
  const ann = await one.visitor()
  await ann.locked([1])
  const ready = async () => (await fetch(`${one.url}/readyz`)).status
  t.equal(await ready(), 200)

  await admin.query('SET GLOBAL max_connections = 10')
  one.sqlProxy!.refuse(true)
  one.sqlProxy!.cut()
  const others: { destroy(): void }[] = []
  const take = async () => void others.push(await server.connect(''))
  await until('the server is full', async () => (await errnoOf(take())) === 1040)
  one.sqlProxy!.refuse(false)

  t.match(await ann.lock([2]), { error: { code: 'STORE_UNAVAILABLE', retryable: true } })
  t.equal(await row(2).catch(() => undefined), undefined)
  await until('no more visitors are sent here', async () => (await ready()) === 503)
  t.match(one.service.monitor.services().database.lastError, /Too many connections/)

  for (const other of others) other.destroy()
  await until('visitors are sent here again', async () => (await ready()) === 200)
  t.equal(codeOf(await insist(() => ann.lock([2], { requestId: 'now' }))), 'ok')
  await admin.query('SET GLOBAL max_connections = DEFAULT')
})

t.test('no prepared statement is needed, so none can be missing', async t => {
  const world = await startWorld(t, shared)
  const look = await lookInto(t, server, world)
  await admin.query('SET GLOBAL max_prepared_stmt_count = 0')
  t.teardown(() => admin.query('SET GLOBAL max_prepared_stmt_count = DEFAULT'))
  const ann = await (await world.one.visitor()).watch()
  t.equal(codeOf(await ann.book(await ann.locked([1, 2]))), 'ok')
  await ann.untilScreenEquals(world.rows)
  t.equal(await errnoOf(look.execute('SELECT 1')), 1461, 'who prepares is refused (the twin)')
})

const full = [
  { errno: 1021, told: 'STORE_UNAVAILABLE', title: 'a full disk refuses locks, and nothing but locks' },
  { errno: 1114, told: 'STORE_UNAVAILABLE', title: 'and so does a full table' },
  { errno: 1999, told: 'INTERNAL', title: 'an error that nobody knows is taken for a bug of ours (the twin)' }
]
for (const { errno, told, title } of full) {
  t.test(title, async t => {
    const world = await startWorld(t, shared)
    const look = await lookInto(t, server, world)
    const ann = await (await world.one.visitor()).watch()
    const mine = await ann.locked([1])
    await look.query(`CREATE TRIGGER full BEFORE INSERT ON slots FOR EACH ROW
      SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ${errno}, MESSAGE_TEXT = 'no space left'`)
    t.equal(codeOf(await ann.lock([2])), told)
    t.same(await ann.locks(), [mine.id], 'reading goes on')
    t.equal(codeOf(await insist(() => ann.book(mine))), 'ok', 'and so does what has its rows already')
    t.equal(world.one.logged(/failed in a way it never should/).length, told === 'INTERNAL' ? 1 : 0)
    await look.query('DROP TRIGGER full')
    t.equal(codeOf(await insist(() => ann.lock([2]))), 'ok')
    await ann.untilScreenEquals(world.rows)
  })
}
