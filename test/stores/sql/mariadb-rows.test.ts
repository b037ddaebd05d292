import t from 'tap'
import type { SlotId } from '../../../src/domain/ids.js'
import { type Database, newSqlStats, type Statement } from '../../../src/stores/sql/dialect.js'
import { SqlLockStore } from '../../../src/stores/sql/lock-store.js'
import { migrations } from '../../../src/stores/sql/migrations.js'
import { MysqlDatabase, mysqlDialect, textOfStatement } from '../../../src/stores/sql/mysql.js'
import { defaultMysqlTimeouts } from '../../../src/stores/sql/mysql-connection.js'
import { MariadbServer } from '../../helpers/mariadb.js'
import { until } from '../../helpers/process.js'
import { calendar, grantOf, slot, slots } from '../lock-store-fixture.js'
import { benchOn, countOf, waitsForRow } from './mariadb.js'
import { SetClock } from './set-clock.js'
import { contract } from './store-errors.js'

const server = await MariadbServer.start()
t.teardown(() => server.stop())

/** What the store would send for a grant, to be sent by hand. */
async function packetOf(request: ReturnType<typeof grantOf>): Promise<string[]> {
  let packet: readonly Statement[] = []
  const recorder: Database = {
    dialect: mysqlDialect,
    transact: async statements => {
      packet = statements
      return { status: 'DONE', results: statements.map(() => ({ rows: [], changed: 1 })) }
    },
    read: async () => [],
    migrate: async () => undefined,
    inspect: async () => ({ server: undefined, findings: [] }),
    nowMs: () => Date.now(),
    monotonicMs: () => 0,
    ping: async () => ({ nowMs: Date.now(), latencyMs: 0 }),
    close: async () => undefined
  }
  await new SqlLockStore(recorder).grant(request)
  return packet.map(textOfStatement)
}

t.test(
  'the statement that takes slots is all or nothing by itself, in strict mode and out of it',
  async t => {
    for (const mode of ['STRICT_ALL_TABLES', '']) {
      const bench = await benchOn(t, server)
      const store = await bench.open()
      await store.grant(grantOf({ slots: slots(2) }))
      const before = await store.readRange(calendar, 0, 1e15)

      const request = grantOf({ slots: slots(1, 2, 3) })
      const [insertLock, takeSlots] = await packetOf(request)
      // past the first look, as when somebody commits between the two
      const blind = insertLock!.replace(/AND NOT EXISTS \(SELECT 1 FROM slots[\s\S]*$/, '')
      await bench.look.query(`SET SESSION sql_mode = '${mode}'`)
      await bench.look.query('START TRANSACTION')
      await bench.look.query(blind)
      const refused = await bench.look.query(takeSlots!).catch((error: { errno: number }) => error.errno)
      t.equal(refused, 1048, `refused with sql_mode '${mode}'`)
      await bench.look.query('COMMIT')
      t.strictSame(
        await store.readRange(calendar, 0, 1e15),
        before,
        'nothing was taken, even without the rollback'
      )
    }
  }
)

t.test('a slot that is taken between the two looks is a conflict, and the lock is not there', async t => {
  const bench = await benchOn(t, server)
  const store = await bench.open()
  const free = await store.grant(grantOf({ slots: slots(2) }))
  if (free.status !== 'GRANTED') return void t.fail(free.status)
  await store.release({ lock: free.lock.id, owner: free.lock.owner })
  const request = grantOf({ slots: slots(1, 2) })
  await bench.look.query(
    `START TRANSACTION; UPDATE slots SET state = 'booked', ver = ver + 1 WHERE slot = '${slot(2)}'`
  )
  const grant = store.grant(request)
  // when it waits for the row, it has looked and seen a free slot
  await until('the grant waits for the row', () => waitsForRow(bench.look))
  await bench.look.query('COMMIT')
  t.match(await grant, { status: 'CONFLICT', rows: [{ slot: slot(2), state: 'booked' }] })
  t.equal(await countOf(bench.look, `locks WHERE id = '${request.lock}'`), 0)
  t.equal(await countOf(bench.look, `slots WHERE slot = '${slot(1)}'`), 0)
})

t.test(
  'sixteen writers over the same few slots: no partial lock, no deadlock that anybody notices, nothing acknowledged is missing',
  async t => {
    const bench = await benchOn(t, server)
    const patience = { acquireTimeoutMs: 10_000, queryTimeoutMs: 10_000, deadlineMs: 10_000 }
    const stores = [await bench.open(patience), await bench.open(patience)]
    const acknowledged = new Map<string, SlotId[]>()
    const released = new Set<string>()
    const end = performance.now() + 2500
    // a machine with other work may need longer to have had enough of them
    const acquired = (): number => acknowledged.size
    await Promise.all(
      Array.from({ length: 16 }, async (_, writer) => {
        const store = stores[writer % 2]!
        while (performance.now() < end || (acquired() < 40 && performance.now() < end + 20_000)) {
          const wanted = slots(0, 1, 2, 3, 4, 5, 6, 7).filter(() => Math.random() < 0.4)
          if (wanted.length === 0) continue
          const request = grantOf({ slots: wanted })
          const outcome = await store.grant(request)
          if (outcome.status !== 'GRANTED') continue
          acknowledged.set(request.lock, wanted)
          if (Math.random() < 0.9) {
            await store.release({ lock: request.lock, owner: request.owner })
            released.add(request.lock)
          }
          if (Math.random() < 0.3) {
            await store.setBlocked({ calendar, slots: wanted, blocked: true })
            await store.setBlocked({ calendar, slots: wanted, blocked: false })
          }
          if (!released.has(request.lock)) await store.release({ lock: request.lock, owner: request.owner })
          released.add(request.lock)
        }
      })
    )
    t.ok(acknowledged.size > 20, `${acknowledged.size} grants`)
    t.equal(
      await countOf(bench.look, 'locks'),
      acknowledged.size,
      'every acknowledged lock has its row, and no other has'
    )
    t.equal(
      await countOf(bench.look, "slots WHERE state = 'locked'"),
      0,
      'every slot of every lock was given back'
    )
    t.equal(stores[0]!.stats.unknown + stores[1]!.stats.unknown, 0)
    t.comment(`deadlocks retried: ${stores[0]!.stats.deadlocksRetried + stores[1]!.stats.deadlocksRetried}`)
  }
)

t.test('rows taken in no order deadlock, rows taken in one order do not (the twin)', async t => {
  const bench = await benchOn(t, server)
  const deadlocks = async (sorted: boolean): Promise<number> => {
    let count = 0
    await Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        const connection = await server.connect(bench.name)
        await connection.query(
          'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; SET SESSION innodb_lock_wait_timeout = 5'
        )
        for (let round = 0; round < 60; round += 1) {
          const wanted = [0, 1, 2, 3, 4, 5].sort(() => Math.random() - 0.5).slice(0, 3)
          if (sorted) wanted.sort()
          const union = wanted.map(index => `SELECT '${slot(index)}' AS s`).join(' UNION ALL ')
          await connection
            .query(
              `INSERT INTO slots (calendar, slot, start_ms, state, owner, token, ver, expires_ms, updated_ms)
               SELECT 'c${sorted}', x.s, 0, 'free', '', 'w${writer}', 1, 0, 0 FROM (${union}) x
               ON DUPLICATE KEY UPDATE token = VALUES(token)`
            )
            .catch((error: { errno: number }) => {
              if (error.errno !== 1213) throw error
              count += 1
            })
        }
        connection.destroy()
      })
    )
    return count
  }
  // chance has a say in when they meet; so as long as it takes, and then as long in sorted order
  let rounds = 0
  let unsorted = 0
  for (; unsorted === 0 && rounds < 20; rounds += 1) unsorted += await deadlocks(false)
  t.ok(unsorted > 0, `${unsorted} deadlocks of ${rounds * 480}`)
  let sorted = 0
  for (let round = 0; round < rounds; round += 1) sorted += await deadlocks(true)
  t.equal(sorted, 0)
})

t.test('several instances that start together migrate once', async t => {
  const url = await server.createDatabase('together')
  const stores = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const options = { ...defaultMysqlTimeouts, connectTimeoutMs: 10_000, connectionsMax: 2, waitersMax: 10 }
      const stats = newSqlStats()
      return new SqlLockStore(
        new MysqlDatabase(url, { ...options, clock: new SetClock(), random: Math.random, stats }),
        stats
      )
    })
  )
  await Promise.all(stores.map(store => store.migrate()))
  const look = await server.connect('together')
  t.equal(await countOf(look, 'slotlock_schema'), migrations.length)
  t.match(await stores[3]!.grant(grantOf()), { status: 'GRANTED' })

  await look.query('INSERT INTO slotlock_schema VALUES (1000, 0)')
  await t.rejects(stores[0]!.migrate(), contract, 'tables of a newer slotlock are left alone')
  await Promise.all(stores.map(store => store.close()))
  await look.end()
})

t.test(
  'a clock that was estimated wrongly is read again, and the grant is made by the right one',
  async t => {
    const bench = await benchOn(t, server)
    for (const wrongByMs of [3_600_000, -3_600_000]) {
      const clock = new SetClock()
      clock.pass(wrongByMs)
      // neither migrated nor asked before: all it has is this machine's wrong clock
      const store = await bench.open({ clock })
      const outcome = await store.grant(grantOf({ slots: [slot(wrongByMs > 0 ? 1 : 2)] }))
      if (outcome.status !== 'GRANTED') return void t.fail(outcome.status)
      t.ok(Math.abs(outcome.lock.createdAt - Date.now()) < 5000)
      t.equal(store.stats.late, 0)
    }
  }
)

t.test('every connection has its session set up', async t => {
  const { url } = await benchOn(t, server)
  const database = new MysqlDatabase(url, {
    ...defaultMysqlTimeouts,
    connectTimeoutMs: 10_000,
    connectionsMax: 1,
    waitersMax: 1,
    clock: new SetClock(),
    random: Math.random,
    stats: newSqlStats()
  })
  const [rows] = await database.read([
    {
      text: `SELECT @@sql_mode AS mode, @@tx_isolation AS isolation, @@innodb_lock_wait_timeout AS wait, @@time_zone AS zone,
        @@idle_transaction_timeout AS idle, @@max_statement_time AS statement`,
      values: {}
    }
  ])
  t.match(rows![0], {
    mode: /STRICT_ALL_TABLES/,
    isolation: 'READ-COMMITTED',
    wait: 1,
    zone: '+00:00',
    idle: 2,
    statement: 2
  })
  await database.close()
})
