import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import mysql, { type Connection } from 'mysql2/promise'
import t from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { insist, lookInto, rowOf } from './database.js'
import { codeOf, patience, slot, startWorld } from './world.js'

/**
 * Geometry: none can be built in which we read from a replica that lags, because there is no way to name one: a
 * deployment has one database URL, and every statement goes there, reads too. This story holds us to that: in the
 * source, and by cutting the one way there is.
 *
 * The twin is a reader as a replica would be: a snapshot of a moment ago, in which the slot is still free.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())

t.test('connections to a database are made in one file, and one setting says to where', async t => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))
  const source = new Map(files.map(name => [name, readFileSync(join('src', name), 'utf8')]))
  const having = (pattern: RegExp) => files.filter(name => pattern.test(source.get(name)!))
  t.same(having(/\bcreate(Connection|Pool|PoolCluster)\(/), [join('stores', 'sql', 'mysql-connection.ts')])
  const settings = new Set(
    [...source.values()].flatMap(text => text.match(/\bMYSQL_[A-Z_]*URL[A-Z_]*/g) ?? [])
  )
  t.same(settings, new Set(['MYSQL_URL']))
})

t.test('who cannot reach the primary reads nothing and decides nothing', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, mysql: patience })
  const { one, two } = world
  const ann = await (await one.visitor()).watch()
  const bob = await (await two.visitor()).watch()
  await ann.locked([1])
  one.sqlProxy!.refuse(true)
  one.sqlProxy!.cut()
  const bobs = await bob.locked([2])
  for (const ask of [ann.lock([2]), ann.lock([3]), ann.client.request('locks')]) {
    t.equal(codeOf(await ask), 'STORE_UNAVAILABLE')
  }
  await until('its tail reads nothing either', () => one.service.counts().tailFailed! > 0)
  t.equal(ann.sees(2), 'free', 'what it does not know it does not show')
  one.sqlProxy!.refuse(false)
  t.equal(codeOf(await insist(() => ann.lock([2], { requestId: 'two' }))), 'SLOT_UNAVAILABLE')
  await ann.untilScreenEquals(world.rows)
  t.equal(codeOf(await bob.book(bobs)), 'ok', 'the other instance was not concerned')
})

t.test('a reader that lags calls a slot free that is taken (the twin)', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, instances: 1, mysql: patience })
  const look = await lookInto(t, server, world)
  const lagging = await mysql.createConnection(server.url(world.database))
  t.teardown(() => lagging.destroy())
  const ann = await world.one.visitor()
  await ann.release(await ann.locked([1]))
  await lagging.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ')
  await lagging.query('START TRANSACTION WITH CONSISTENT SNAPSHOT')
  await ann.locked([1])
  const stateIn = async (connection: Connection): Promise<string> =>
    ((await connection.query(`SELECT state FROM slots WHERE ${rowOf(1)}`))[0] as { state: string }[])[0]!
      .state
  t.equal(await stateIn(look), 'locked')
  t.equal(await stateIn(lagging), 'free')
  // a decision by what it read, and by nothing else
  await look.query(`UPDATE slots SET state = 'booked', owner = 'bob' WHERE ${rowOf(1)}`)
  t.match(await world.row(1), { slot: slot(1), owner: 'bob' }, 'and ann has lost a lock that had not ended')
})
