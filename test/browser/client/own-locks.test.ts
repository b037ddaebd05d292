import t from 'tap'
import { OwnLocks } from '../../../src/browser/client/own-locks.js'
import { lockView } from './scripted-server.js'

t.test('a lock that is over never comes back, however late the news that it is held', async t => {
  for (const state of ['expired', 'released', 'revoked', 'booked'] as const) {
    const locks = new OwnLocks()
    locks.apply(lockView(), 0, 0)
    t.match(locks.apply(lockView({ state, expiresInMs: 0 }), 5, 5), { lock: { state } })
    t.equal(locks.apply(lockView({ expiresAt: 900_000 }), 6, 6), undefined)
    t.equal(locks.apply(lockView({ state: 'expired' }), 7, 7), undefined, 'and is told once')
    t.equal(locks.live.size, 0)
  }
})

t.test('the end of a held lock only moves on: an extension is not undone by what it overtook', async t => {
  const locks = new OwnLocks()
  locks.apply(lockView({ expiresAt: 900_000, expiresInMs: 900_000 }), 0, 0)
  t.equal(locks.apply(lockView({ expiresAt: 600_000 }), 10, 10), undefined)
  t.equal(locks.live.get('lock-1')?.endsAt, 900_000)
})

t.test(
  'of two counts of one end the earlier is kept, so that a countdown never outlasts the lock',
  async t => {
    const locks = new OwnLocks()
    locks.apply(lockView({ expiresInMs: 500 }), 100, 100)
    t.equal(locks.apply(lockView({ expiresInMs: 600 }), 100, 110), undefined)
    t.equal(locks.live.get('lock-1')?.endsAt, 600)
    locks.apply(lockView({ expiresInMs: 100 }), 120, 120)
    t.equal(locks.live.get('lock-1')?.endsAt, 220)
  }
)

t.test('the map is another one after a change and the same one otherwise', async t => {
  const locks = new OwnLocks()
  const empty = locks.live
  locks.apply(lockView(), 0, 0)
  const one = locks.live
  t.not(one, empty)
  locks.apply(lockView(), 0, 1)
  t.equal(locks.live, one)
})

t.test('a warning is told and takes nothing away', async t => {
  const locks = new OwnLocks()
  locks.apply(lockView(), 0, 0)
  t.match(locks.apply(lockView(), 1, 1, { expiring: true }), { expiring: true, lock: { id: 'lock-1' } })
  t.equal(locks.live.get('lock-1')?.endsAt, 600_000)
})

t.test('a reading misses what ended, and not what was granted while it was on its way', async t => {
  const locks = new OwnLocks()
  locks.apply(lockView({ id: 'old' }), 0, 10)
  locks.apply(lockView({ id: 'new' }), 0, 30)
  t.strictSame(
    locks.missingIn([], 20).map(({ id }) => id),
    ['old']
  )
  t.strictSame(locks.missingIn([lockView({ id: 'old' })], 20), [])
})

t.test('what is remembered of ended locks is bounded', async t => {
  const locks = new OwnLocks()
  for (let id = 0; id < 1_000; id++) locks.apply(lockView({ id: `${id}`, state: 'released' }), 0, 0)
  t.equal(locks.apply(lockView({ id: '999' }), 0, 0), undefined, 'the latest are known')
  t.match(locks.apply(lockView({ id: '0' }), 0, 0), { lock: { id: '0' } }, 'the oldest are forgotten')
})
