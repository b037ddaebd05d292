import mysqlDriver from 'mysql2/promise'
import t from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { countOf, errnoOf, insist, lookInto } from './database.js'
import { codeOf, patience, startWorld } from './world.js'

/**
 * Geometry: the database fails over. First the old primary is made read-only (1290). Then the address leads to the
 * new primary, but the connections that exist go on to the old one, which answers every read and refuses every
 * change (1792), for as long as they live.
 *
 * What should follow: nothing is granted meanwhile, and reading goes on. A connection that was refused a change is
 * given up, so after one refusal for each of them, everything goes to the new primary. Nobody restarts anything.
 *
 * One server plays both parts: what a session may do is settled when it begins (`init_connect`), so sessions of the
 * old primary are those that begin while it says read-only.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())
const admin = await server.connect('')
t.teardown(() => admin.end())
await admin.query("CREATE USER app@'127.0.0.1'; GRANT ALL ON `world%`.* TO app@'127.0.0.1'")

const connectionsMax = 3
const mysql = { ...patience, connectionsMax }

t.test('a primary that was made read-only grants nothing and is read on', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, instances: 1, mysql, mysqlUser: 'app' })
  const { one } = world
  const ann = await (await one.visitor()).watch()
  const mine = await ann.locked([1])
  const { connectionsOpened } = one.store.stats
  await admin.query('SET GLOBAL read_only = 1')
  // so many that each connection that was open has met it
  for (let n = 0; n < connectionsMax; n++)
    t.match(await ann.lock([2]), { error: { code: 'STORE_UNAVAILABLE', retryable: true } })
  t.equal(codeOf(await ann.book(mine)), 'STORE_UNAVAILABLE')
  t.same(await ann.locks(), [mine.id], 'reading goes on')
  t.equal(await world.row(2), undefined)
  await admin.query('SET GLOBAL read_only = 0')
  t.equal(codeOf(await insist(() => ann.book(mine))), 'ok')
  t.ok(one.store.stats.connectionsOpened > connectionsOpened, 'over connections made since')
  await ann.untilScreenEquals(world.rows)
})

t.test('connections to the old primary are given up, one refusal each', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, instances: 1, mysql, mysqlUser: 'app' })
  const { one } = world
  const look = await lookInto(t, server, world)
  const visitors = await Promise.all(Array.from({ length: 6 }, () => one.visitor()))
  await visitors[0]!.watch()
  await look.query("SET GLOBAL init_connect = 'SET SESSION TRANSACTION READ ONLY'")
  t.teardown(() => admin.query("SET GLOBAL init_connect = ''"))
  one.sqlProxy!.cut()
  const stubborn = await mysqlDriver.createConnection(server.url(world.database).replace('root@', 'app@'))
  t.teardown(() => stubborn.destroy())
  await until('the instance is connected to the old primary', () =>
    one.store.ping().then(
      () => true,
      () => false
    )
  )
  t.equal(codeOf(await visitors[0]!.lock([20])), 'STORE_UNAVAILABLE')

  // the address leads to the new one
  await look.query("SET GLOBAL init_connect = ''")
  let refusals = 0
  const answers = await Promise.all(
    visitors.map((visitor, n) =>
      insist(async () => {
        const answer = await visitor.lock([n], { requestId: 'over-there' })
        if (codeOf(answer) === 'STORE_UNAVAILABLE') refusals++
        return answer
      })
    )
  )
  t.same(new Set(answers.map(codeOf)), new Set(['ok']))
  t.ok(refusals <= connectionsMax, `${refusals} refusals`)
  t.equal(await countOf(look, "locks WHERE state = 'held'"), visitors.length)

  const change = () => stubborn.query("UPDATE slots SET updated_ms = updated_ms + 1 WHERE state = 'locked'")
  for (let tries = 0; tries < 3; tries++) {
    t.equal(await errnoOf(change()), 1792, 'a connection that is kept is refused for good (the twin)')
  }
  await visitors[0]!.untilScreenEquals(world.rows)
})
