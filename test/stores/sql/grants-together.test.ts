import t, { type Test } from 'tap'
import { OutcomeUnknown, StoreBusy, StoreContractError } from '../../../src/domain/errors.js'
import type { GrantRequest } from '../../../src/domain/lock-store.js'
import { defaultStoreSettings, StoreContext } from '../../../src/stores/sql/context.js'
import { newSqlStats, type Statement } from '../../../src/stores/sql/dialect.js'
import { GrantBatch } from '../../../src/stores/sql/grant-batch.js'
import { MysqlDatabase, textOfStatement } from '../../../src/stores/sql/mysql.js'
import { defaultMysqlTimeouts } from '../../../src/stores/sql/mysql-connection.js'
import { MariadbServer } from '../../helpers/mariadb.js'
import { until } from '../../helpers/process.js'
import { calendar, granted, grantOf, slot } from '../lock-store-fixture.js'
import { type Bench, benchOn, countOf, waitsForRow } from './mariadb.js'
import { SetClock } from './set-clock.js'

const server = await MariadbServer.start()
t.teardown(() => server.stop())

const patience = { acquireTimeoutMs: 10_000, queryTimeoutMs: 10_000, deadlineMs: 10_000 }
const of = (...indexes: number[]): GrantRequest[] => indexes.map(index => grantOf({ slots: [slot(index)] }))

/** By its whole key: a search for it would lock its neighbours as well. */
const row = (index: number): string => `calendar = '${calendar}' AND slot = '${slot(index)}'`

/** The database itself, and the packet that these grants would be. */
function packetOn(
  t: Test,
  bench: Bench
): { database: MysqlDatabase; packet: (of: GrantRequest[]) => Statement[] } {
  const stats = newSqlStats()
  const options = { connectionsMax: 2, waitersMax: 10, clock: new SetClock(), random: Math.random, stats }
  const database = new MysqlDatabase(bench.url, { ...defaultMysqlTimeouts, ...patience, ...options })
  t.teardown(() => database.close())
  const context = new StoreContext(database, stats, { ...defaultStoreSettings, deadlineMs: 10_000 })
  const batch = new GrantBatch(database.dialect)
  return { database, packet: members => batch.packet(members, context.stamp()) }
}

t.test('a hundred grants at once are a handful of transactions', async t => {
  const bench = await benchOn(t, server)
  const store = await bench.open(patience)
  const before = store.stats.writes
  const outcomes = await Promise.all(of(...Array(100).keys()).map(request => store.grant(request)))
  t.ok(outcomes.every(({ status }) => status === 'GRANTED'))
  t.ok(store.stats.writes - before < 50, `${store.stats.writes - before} transactions`)
})

t.test('a slot that is taken between the two looks costs its neighbours nothing', async t => {
  const bench = await benchOn(t, server)
  const store = await bench.open(patience)
  const free = await granted(store, { slots: [slot(2)] })
  await store.release({ lock: free.request.lock, owner: free.request.owner })
  await bench.look.query(
    `START TRANSACTION; UPDATE slots SET state = 'booked', ver = ver + 1 WHERE ${row(2)}`
  )
  const grants = of(0, 1, 2, 3).map(request => store.grant(request))
  await until('the batch waits for the row', () => waitsForRow(bench.look))
  await bench.look.query('COMMIT')
  const outcomes = await Promise.all(grants)
  t.strictSame(
    outcomes.map(({ status }) => status),
    ['GRANTED', 'GRANTED', 'CONFLICT', 'GRANTED']
  )
  t.match(outcomes[2], { rows: [{ state: 'booked' }] })
  t.equal(
    await countOf(bench.look, 'audit'),
    5,
    'three grants, one before with its release, and no entry twice'
  )
})

t.test('without its second look a batch would take what was booked in between', async t => {
  const bench = await benchOn(t, server)
  const store = await bench.open(patience)
  const free = await granted(store, { slots: [slot(2)] })
  await store.release({ lock: free.request.lock, owner: free.request.owner })
  const { packet } = packetOn(t, bench)
  const blind = packet(of(1, 2, 3)).map(statement =>
    textOfStatement(statement).replace('ELSE NULL END', 'ELSE VALUES(token) END')
  )
  await bench.look.query(
    `START TRANSACTION; UPDATE slots SET state = 'booked', ver = ver + 1 WHERE ${row(2)}`
  )
  const other = await server.connect(bench.name)
  t.teardown(() => other.destroy())
  await other.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED')
  const taken = other.query(`START TRANSACTION; ${blind.join('; ')}; COMMIT`)
  await until('it waits for the row', () => waitsForRow(bench.look))
  await bench.look.query('COMMIT')
  await taken
  t.equal(
    await countOf(bench.look, `slots WHERE slot = '${slot(2)}' AND state = 'booked'`),
    0,
    'the booking is gone'
  )
})

t.test(
  "two grants of one slot in one packet would stand in each other's way, so they are kept apart",
  async t => {
    const bench = await benchOn(t, server)
    const { database, packet } = packetOn(t, bench)
    t.strictSame(await database.transact(packet([...of(1, 1), ...of(2)])), { status: 'REFUSED' })
    t.equal(await countOf(bench.look, 'locks'), 0)
  }
)

t.test('a grant that cannot be written fails alone', async t => {
  const bench = await benchOn(t, server)
  const store = await bench.open(patience)
  const bad = grantOf({ slots: [slot(1)], fingerprint: 'x'.repeat(200) })
  const outcomes = await Promise.allSettled([...of(0), bad, ...of(2, 3)].map(request => store.grant(request)))
  t.match(outcomes[1], {
    status: 'rejected',
    reason: new StoreContractError('the database refused a statement')
  })
  for (const index of [0, 2, 3])
    t.match(outcomes[index], { status: 'fulfilled', value: { status: 'GRANTED' } })
})

t.test('a row that somebody holds on to holds up one batch, not the next', async t => {
  const bench = await benchOn(t, server)
  const store = await bench.open(patience)
  const free = await granted(store, { slots: [slot(1)] })
  await store.release({ lock: free.request.lock, owner: free.request.owner })
  await bench.look.query(`START TRANSACTION; UPDATE slots SET ver = ver + 1 WHERE ${row(1)}`)
  const first = await Promise.allSettled(of(0, 1, 2).map(request => store.grant(request)))
  t.match(first[1], { status: 'rejected', reason: new StoreBusy('the database had no room') })
  t.match(first[2], first[1], 'what was sent with it')
  const held = Promise.allSettled(of(1).map(request => store.grant(request)))
  const answers = await Promise.all(of(3, 4, 5).map(request => store.grant(request)))
  t.ok(
    answers.every(({ status }) => status === 'GRANTED'),
    'while the row is still held'
  )
  await bench.look.query('ROLLBACK')
  await held
})

t.test('of a batch whose answer is lost nobody is told more than that', async t => {
  const bench = await benchOn(t, server)
  const store = await bench.open({ ...patience, queryTimeoutMs: 500 })
  // a connection each for who goes alone and for the batch behind it
  await Promise.all([store.ping(), store.ping()])
  server.freeze()
  const outcomes = await Promise.allSettled(of(0, 1, 2, 3).map(request => store.grant(request)))
  server.thaw()
  for (const outcome of outcomes) t.match(outcome, { status: 'rejected', reason: new OutcomeUnknown('lost') })
})
