import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import t from 'tap'
import { openSqliteStore } from '../../../src/stores/sql/open-sqlite.js'
import { SetClock } from './set-clock.js'

/** Retention over more than a page, put into the file past the store: to book so many would take longer than all the rest. */

const dayMs = 86_400_000
const pageRows = 500
const rows = 2 * pageRows + 200

t.test('nothing is passed over from page to page, however many ended in the same moment', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-forgetting-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'slotlock.db')
  const clock = new SetClock()
  const store = await openSqliteStore(path, { clock, deadlineMs: 60_000, addressRetentionMs: 30 * dayMs })
  await store.migrate()
  const behind = new DatabaseSync(path)
  t.teardown(async () => {
    behind.close()
    await store.close()
  })
  const endedMs = clock.now() - 40 * dayMs
  const youngMs = clock.now() - dayMs
  const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})`
  behind.exec(`${numbers}
    INSERT INTO locks (id, calendar, owner, slots, slot_count, state, fingerprint, fence, ver, change_id, created_ms, expires_ms, updated_ms, address)
    SELECT 'lock-' || (100000 + i), 'demo', 'ann', 'room/2020-01-15T09:00Z', 1, 'booked', '', i, i, '', 0,
      CASE WHEN i % 100 = 0 THEN ${youngMs} ELSE ${endedMs} END, 0, CAST('somewhere' AS BLOB) FROM n`)
  behind.exec(`${numbers}
    INSERT INTO audit (calendar, at_ms, type, slots, ver, change_id, lock_id, booking_id, owner, fence, expires_ms, actor, actor_session, actor_address)
    SELECT 'demo', CASE WHEN i IN (700, 701) THEN ${youngMs} ELSE ${endedMs} END, 'revoked', '', i, '', '', '', '', 0, 0, 'staff', '', CAST('somewhere' AS BLOB) FROM n`)
  const known = (table: string, column: string, where = '1 = 1'): number => {
    const text = `SELECT COUNT(*) AS many FROM ${table} WHERE ${column} IS NOT NULL AND ${where}`
    return (behind.prepare(text).get() as { many: number }).many
  }

  let steps = 1
  for (; (await store.forgetOld()).more; steps++);
  t.ok(steps > 2, `${steps} steps`)
  t.equal(known('locks', 'address'), rows / 100, 'the young ones')
  t.equal(known('audit', 'actor_address', `at_ms = ${youngMs}`), 2)
  t.ok(known('audit', 'actor_address', `at_ms = ${endedMs}`) > 0, 'something old is still behind them')
  clock.pass(30 * dayMs)
  for (steps = 1; (await store.forgetOld()).more; steps++);
  t.equal(known('locks', 'address'), 0, 'young no more')
  t.strictSame(known('audit', 'actor_address'), 0, 'and what came behind them')
})
