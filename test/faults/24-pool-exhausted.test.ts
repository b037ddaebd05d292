import t, { type Test } from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { insist, lookInto } from './database.js'
import { calendar, codeOf, type OwnOptions, patience, slot, startWorld } from './world.js'

/**
 * Geometry: an instance with two connections to the database. Somebody else's transaction holds all rows, so two
 * requests take both connections and get nowhere, and eight more have come.
 *
 * What should follow: nobody waits for long and nobody is forgotten. Those whom the queue has no room for are told at
 * once, those in it after the time one may wait, all before the two that have a connection; /health does not
 * call a crowd an outage, or a balancer would move the crowd to the next instance. When the rows are free, everything works again, and nothing was half done.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())
const crowd = 10
const numbers = Array.from({ length: crowd }, (_, n) => n)
/** Two slots each: what is about one goes with others' over one connection. */
const own = (n: number): number[] => [2 * n, 2 * n + 1]

async function exhausted(t: Test, mysql: NonNullable<OwnOptions['mysql']>) {
  const world = await startWorld(t, {
    redis: false,
    mariadb: server,
    instances: 1,
    mysql: { ...patience, connectionsMax: 2, ...mysql }
  })
  const { one, judge } = world
  const look = await lookInto(t, server, world)
  const slots = numbers.flatMap(own).map(n => slot(n))
  for (const blocked of [true, false]) await judge.setBlocked({ calendar, slots, blocked })
  const visitors = await Promise.all(numbers.map(() => one.visitor()))
  await visitors[0]!.watch()
  const before = await world.rows()
  await look.query('START TRANSACTION; SELECT * FROM slots FOR UPDATE')
  /** Codes in the order in which they were told. */
  const told: { n: number; code: string }[] = []
  const asked = numbers.map(async n => {
    told.push({ n, code: codeOf(await visitors[n]!.lock(own(n))) })
  })
  return { world, one, look, visitors, before, told, asked }
}

t.test('a request that finds no connection is told so, before those that have one get nowhere', async t => {
  const bounds = { waitersMax: 3, acquireTimeoutMs: 300 }
  const { world, one, look, visitors, before, told, asked } = await exhausted(t, bounds)
  await Promise.all(asked)
  t.same(new Set(told.map(({ code }) => code)), new Set(['BUSY']))
  const stuck = told.slice(-2).map(({ n }) => n)
  t.same(stuck.sort(), [0, 1], 'the two that waited for rows were told last')
  t.ok(one.store.stats.poolTimeouts >= crowd - 2, 'the others were refused by the pool')

  // as long as visitors keep coming
  let flooding = true
  const flood = visitors.map(async (visitor, n) => {
    while (flooding) await visitor.lock(own(n))
  })
  const health = async () =>
    (await (await fetch(`${one.url}/health`)).json()) as { services: { database: object } }
  const timeouts = one.store.stats.poolTimeouts
  await until('it has gone on for a while', () => one.store.stats.poolTimeouts > timeouts + 2 * crowd)
  const { database } = (await health()).services
  t.equal((database as { healthy: boolean }).healthy, true, 'a crowd is no outage')
  flooding = false
  await Promise.all(flood)
  t.same(await world.rows(), before, 'nothing was half done')

  await look.query('ROLLBACK')
  const answers = await Promise.all(
    visitors.map((visitor, n) => insist(() => visitor.lock(own(n), { requestId: 'at-last' })))
  )
  t.same(new Set(answers.map(codeOf)), new Set(['ok']))
  await visitors[0]!.untilScreenEquals(world.rows)
})

t.test('in a queue without bounds they wait behind those that get nowhere (the twin)', async t => {
  const { one, look, told, asked } = await exhausted(t, {
    waitersMax: 1_000_000,
    acquireTimeoutMs: 1_000_000
  })
  await until('somebody is told something', () => told.length > 0)
  t.ok(told[0]!.n < 2, 'which is one of the two that have a connection')
  t.ok(told.length <= 2, 'the others wait, and who comes next waits behind them')
  t.equal(one.store.stats.poolTimeouts, 0)
  await look.query('ROLLBACK')
  await Promise.all(asked)
})
