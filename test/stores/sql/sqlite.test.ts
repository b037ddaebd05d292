import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import t, { type Test } from 'tap'
import { newSqlStats } from '../../../src/stores/sql/dialect.js'
import { openSqliteStore } from '../../../src/stores/sql/open-sqlite.js'
import { SqliteDatabase } from '../../../src/stores/sql/sqlite.js'
import { grantOf, slots } from '../lock-store-fixture.js'
import { SetClock } from './set-clock.js'
import { busy, contract, unavailable } from './store-errors.js'

/** Whatever was called has come as far as it gets without the event loop turning. */
const sent = async (): Promise<void> => {
  for (let step = 0; step < 20; step += 1) await Promise.resolve()
}

function temporaryFile(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-sqlite-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'slotlock.db')
}

t.test('a file that cannot be opened is an unavailable store', async t => {
  await t.rejects(openSqliteStore('/no/such/folder/slotlock.db', { clock: new SetClock() }), unavailable)
})

t.test('what was granted is there after closing and opening again', async t => {
  const path = temporaryFile(t)
  const clock = new SetClock()
  const store = await openSqliteStore(path, { clock })
  await store.migrate()
  const request = grantOf()
  const granted = await store.grant(request)
  await store.close()
  await t.rejects(store.grant(grantOf()), unavailable, 'a closed one says so')
  const reopened = await openSqliteStore(path, { clock })
  await reopened.migrate()
  t.ok(granted.status === 'GRANTED')
  if (granted.status === 'GRANTED') t.strictSame(await reopened.readLock(request.lock), granted.lock)
  await reopened.close()
})

t.test('tables of a newer slotlock are left alone', async t => {
  const path = temporaryFile(t)
  const store = await openSqliteStore(path, { clock: new SetClock() })
  await store.migrate()
  await store.close()
  const other = new DatabaseSync(path)
  other.exec('INSERT INTO slotlock_schema VALUES (1000, 0)')
  other.close()
  const older = await openSqliteStore(path, { clock: new SetClock() })
  await t.rejects(older.migrate(), contract)
  await older.close()
})

t.test('while another process writes, a change is busy and a read is not', async t => {
  const path = temporaryFile(t)
  const store = await openSqliteStore(path, { clock: new SetClock() })
  await store.migrate()
  const other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  await t.rejects(store.grant(grantOf()), busy)
  t.strictSame(await store.readSlots(grantOf().calendar, slots(1)), [])
  other.exec('ROLLBACK')
  other.close()
  t.match(await store.grant(grantOf()), { status: 'GRANTED' })
  await store.close()
})

t.test(
  'changes of one turn share a commit, and one that is refused takes none of its neighbours with it',
  async t => {
    const stats = newSqlStats()
    const database = new SqliteDatabase(':memory:', new SetClock(), stats)
    await database.migrate()
    const put = (id: string, definition: Buffer | null) =>
      database.transact([
        {
          text: 'INSERT INTO calendars (id, definition, updated_ms) VALUES (:id, :definition, :now)',
          values: { id, definition }
        },
        { text: 'SELECT COUNT(*) AS n FROM calendars', values: {} }
      ])
    const outcomes = await Promise.allSettled([
      put('a', Buffer.from('1')),
      put('a', Buffer.from('2')),
      put('b', null),
      database.transact([{ text: 'INSERT INTO nowhere VALUES (1)', values: {} }]),
      put('c', Buffer.from('3'))
    ])
    t.match(outcomes, [
      { value: { status: 'DONE' } },
      { value: { status: 'DUPLICATE' } },
      { value: { status: 'REFUSED' } },
      { reason: contract },
      { value: { status: 'DONE', results: [{ changed: 1 }, { rows: [{ n: 2 }] }] } }
    ])
    t.equal(stats.writes, 5)
    await database.close()
  }
)

t.test('a change that waited past its deadline changes nothing and says LATE', async t => {
  const clock = new SetClock()
  const store = await openSqliteStore(':memory:', { clock })
  await store.migrate()
  const late = store.grant(grantOf({ slots: slots(1) }))
  await sent()
  clock.pass(5000)
  t.strictSame(await late, { status: 'LATE' })
  t.strictSame(await store.readSlots(grantOf().calendar, slots(1)), [])
  t.equal(store.stats.late, 1)

  const { owner, lock } = grantOf()
  await store.grant(grantOf({ owner, lock, slots: slots(2) }))
  const release = store.release({ owner, lock })
  await sent()
  clock.pass(5000)
  t.strictSame(await release, { status: 'LATE' })
  t.match(await store.readLock(lock), { state: 'held' })
  const blocking = store.setBlocked({ calendar: grantOf().calendar, slots: slots(3), blocked: true })
  await sent()
  clock.pass(5000)
  await t.rejects(blocking, busy)

  const lapsing = grantOf({ slots: slots(4) })
  t.match(await store.grant(lapsing), { status: 'GRANTED' })
  clock.pass(lapsing.ttlMs)
  const over = store.setBlocked({ calendar: lapsing.calendar, slots: slots(4), blocked: true })
  await sent()
  clock.pass(5000)
  await t.rejects(over, busy, 'a hold that is over does not look like one that was left alone')
  t.match(await store.readSlots(lapsing.calendar, slots(4)), [{ state: 'locked' }])
  await store.close()
})
