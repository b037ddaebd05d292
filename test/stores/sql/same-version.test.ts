import t, { type Test } from 'tap'
import type { BookingId, LockId } from '../../../src/domain/ids.js'
import { newSqlStats } from '../../../src/stores/sql/dialect.js'
import { SqlLockStore } from '../../../src/stores/sql/lock-store.js'
import { SqliteDatabase } from '../../../src/stores/sql/sqlite.js'
import { bookOf, grantOf } from '../lock-store-fixture.js'

/**
 * Two instances that work in the same microsecond hand out the same version. The second one's change is then refused,
 * because a version has to grow; and the row it reads back has the very version that it would have given. It must not
 * take the other's change for its own and acknowledge what never happened.
 */
async function twoInstances(t: Test) {
  const clock = { now: () => 1_768_460_400_000, monotonic: () => 0 }
  const database = new SqliteDatabase(':memory:', clock, newSqlStats())
  const [first, second] = [new SqlLockStore(database), new SqlLockStore(database)]
  await first.migrate()
  t.teardown(() => database.close())
  const request = grantOf()
  const granted = await first.grant(request)
  t.equal(granted.status, 'GRANTED')
  return { first, second, request, ver: granted.status === 'GRANTED' ? granted.lock.ver : 0 }
}

t.test('a booking that is acknowledged was made, also in the microsecond of the grant', async t => {
  const { first, second, request, ver } = await twoInstances(t)
  const outcome = await second.book(bookOf(request, { booking: 'b'.repeat(22) as BookingId }))
  t.equal(outcome.status, 'BOOKED')
  t.equal((await first.readLock(request.lock as LockId))?.state, 'booked')
  const rows = await first.readSlots(request.calendar, request.slots)
  t.ok(rows.every(row => row.state === 'booked' && row.ver > ver))
})

t.test('an extension that is acknowledged was made, also in the microsecond of the grant', async t => {
  const { first, second, request, ver } = await twoInstances(t)
  const extension = {
    lock: request.lock,
    owner: request.owner,
    ttlMs: request.ttlMs * 2,
    lockLifeMaxMs: 7_200_000
  }
  const outcome = await second.extend(extension)
  t.equal(outcome.status, 'EXTENDED')
  const lock = await first.readLock(request.lock as LockId)
  t.equal(lock?.expiresAt, outcome.status === 'EXTENDED' ? outcome.lock.expiresAt : undefined)
  t.ok(lock!.ver > ver)
})

t.test(
  'a slot that another instance granted in this microsecond is not said to have been blocked',
  async t => {
    const { second, request, ver } = await twoInstances(t)
    const blocking = await second.setBlocked({
      calendar: request.calendar,
      slots: request.slots,
      blocked: true
    })
    t.match(blocking.rows, [{ state: 'locked', ver }])
    t.strictSame(blocking.changed, [])
  }
)

t.test('a release that is acknowledged was made, also in the microsecond of the grant', async t => {
  const { first, second, request, ver } = await twoInstances(t)
  const outcome = await second.release({ lock: request.lock, owner: request.owner })
  t.equal(outcome.status, 'ENDED')
  t.equal((await first.readLock(request.lock as LockId))?.state, 'released')
  const rows = await first.readSlots(request.calendar, request.slots)
  t.ok(rows.every(row => row.state === 'free' && row.ver > ver))
})
