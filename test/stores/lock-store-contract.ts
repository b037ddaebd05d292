import type { Test } from 'tap'
import type { CalendarDefinition } from '../../src/domain/calendar.js'
import type { ViewerTag } from '../../src/domain/ids.js'
import type { GrantOutcome, LockStore } from '../../src/domain/lock-store.js'
import {
  bookOf,
  calendar,
  day,
  grantOf,
  minute,
  newBooking,
  newLock,
  newSession,
  otherCalendar,
  type Subject,
  slot,
  slots,
  startOf,
  statesOf
} from './lock-store-fixture.js'
import { randomHistories } from './lock-store-histories.js'

/** Every promise of the port, held against one kind of store. `open` gives a fresh, migrated database each time. */
export function lockStoreContract(t: Test, open: () => Promise<Subject>): void {
  const promise = (title: string, check: (t: Test, subject: Subject) => Promise<void>): void => {
    void t.test(title, async t => {
      const subject = await open()
      t.teardown(() => subject.close())
      await check(t, subject)
    })
  }
  grantPromises(promise)
  replacePromises(promise)
  endPromises(promise)
  bookPromises(promise)
  cancelPromises(promise)
  blockPromises(promise)
  sweepPromises(promise)
  readPromises(promise)
  keepingPromises(promise)
  instancePromises(promise)
  randomHistories(promise)
}

export type Declare = (title: string, check: (t: Test, subject: Subject) => Promise<void>) => void

async function granted(
  store: LockStore,
  over: Parameters<typeof grantOf>[0] = {}
): Promise<{ request: ReturnType<typeof grantOf>; outcome: GrantOutcome & { status: 'GRANTED' } }> {
  const request = grantOf(over)
  const outcome = await store.grant(request)
  if (outcome.status !== 'GRANTED') throw new Error(`expected a grant, got ${JSON.stringify(outcome)}`)
  return { request, outcome }
}

function grantPromises(promise: Declare): void {
  promise('a grant takes all its slots, and says what they are now', async (t, { store }) => {
    const before = store.nowMs()
    const { request, outcome } = await granted(store, {
      slots: slots(1, 2),
      address: '203.0.113.9',
      userAgent: "Mozilla \\ 'quoted' ☃"
    })
    const { lock, rows } = outcome
    t.match(lock, { id: request.lock, owner: request.owner, calendar, slots: slots(1, 2), state: 'held' })
    t.equal(lock.expiresAt - lock.createdAt, request.ttlMs)
    t.ok(Math.abs(lock.createdAt - before) < 5000, 'by the database, about now')
    t.equal(lock.fence, lock.ver, 'the version of the grant is its fence')
    t.strictSame(
      rows,
      slots(1, 2).map(id => ({
        calendar,
        slot: id,
        state: 'locked',
        ver: lock.ver,
        owner: request.owner,
        token: request.lock,
        expiresAt: lock.expiresAt
      }))
    )
    t.strictSame(await store.readSlots(calendar, slots(1, 2)), rows, 'what was said is what is written')
    t.strictSame(await store.readLock(request.lock), lock, 'also of the lock')
    t.equal(lock.userAgent, "Mozilla \\ 'quoted' ☃")
  })

  promise('a grant takes all or nothing, and names what is in the way', async (t, { store }) => {
    const first = await granted(store, { slots: slots(2) })
    const outcome = await store.grant(grantOf({ slots: slots(1, 2, 3) }))
    t.strictSame(outcome, { status: 'CONFLICT', rows: first.outcome.rows })
    t.strictSame(statesOf(await store.readSlots(calendar, slots(1, 2, 3))), { [slot(2)]: 'locked' })
  })

  promise('a slot of another calendar with the same name is another slot', async (t, { store }) => {
    await granted(store)
    t.match(await store.grant(grantOf({ calendar: otherCalendar })), { status: 'GRANTED' })
  })

  promise("a session's own slots are in its way too, unless it replaces the lock", async (t, { store }) => {
    const { request } = await granted(store)
    const outcome = await store.grant(grantOf({ owner: request.owner }))
    t.match(outcome, { status: 'CONFLICT', rows: [{ owner: request.owner }] })
  })

  promise('an expired slot is free to whoever comes, before any sweep', async (t, { store, age }) => {
    const { request, outcome } = await granted(store)
    await age(request.ttlMs - minute)
    t.match(await store.grant(grantOf()), { status: 'CONFLICT' }, 'not a minute early')
    await age(2 * minute)
    const next = await store.grant(grantOf())
    t.match(next, { status: 'GRANTED' })
    t.ok(next.status === 'GRANTED' && next.lock.fence > outcome.lock.fence, 'with a greater fence')
    t.match(await store.readLock(request.lock), { state: 'expired' })
  })

  promise('the same request twice is one grant', async (t, { store }) => {
    const { request, outcome } = await granted(store)
    t.strictSame(await store.grant(request), { status: 'REPLAYED', lock: outcome.lock })
    t.equal((await store.readLiveLocks({ owner: request.owner })).length, 1)
  })

  promise('the same request many times at once is one grant', async (t, { store }) => {
    const request = grantOf({ slots: slots(1, 2) })
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => store.grant(request)))
    t.equal(outcomes.filter(({ status }) => status === 'GRANTED').length, 1)
    t.equal(outcomes.filter(({ status }) => status === 'REPLAYED').length, 11)
  })

  promise('of many who want one slot at once, one gets it', async (t, { store }) => {
    const outcomes = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        store.grant(grantOf({ slots: index % 2 ? slots(1, 2) : slots(2, 3) }))
      )
    )
    t.equal(outcomes.filter(({ status }) => status === 'GRANTED').length, 1)
    t.equal(outcomes.filter(({ status }) => status === 'CONFLICT').length, 23)
  })

  promise(
    'the same lock id with other content, or from another session, is a mismatch',
    async (t, { store }) => {
      const { request } = await granted(store)
      t.strictSame(await store.grant({ ...request, fingerprint: 'something else' }), { status: 'MISMATCH' })
      t.strictSame(await store.grant({ ...request, owner: newSession() }), { status: 'MISMATCH' })
      t.strictSame(await store.grant({ ...request, slots: slots(9), fingerprint: 'elsewhere' }), {
        status: 'MISMATCH'
      })
      t.strictSame(await store.readSlots(calendar, slots(9)), [])
    }
  )

  promise('a released lock is never locked anew by its own request', async (t, { store }) => {
    const { request } = await granted(store)
    await store.release({ lock: request.lock, owner: request.owner })
    t.match(await store.grant(request), { status: 'REPLAYED', lock: { state: 'released' } })
    t.strictSame(statesOf(await store.readSlots(calendar, slots(1))), { [slot(1)]: 'free' })
  })

  promise('an expired lock is replayed as expired, and not renewed', async (t, { store, age }) => {
    const { request } = await granted(store)
    await age(request.ttlMs + minute)
    t.match(await store.grant(request), { status: 'REPLAYED', lock: { state: 'expired' } })
  })

  promise('a session holds only so many locks', async (t, { store, age }) => {
    const owner = newSession()
    await granted(store, { owner, slots: slots(1), locksMax: 2 })
    const second = await granted(store, { owner, slots: slots(2), locksMax: 2, ttlMs: 1_200_000 })
    const third = grantOf({ owner, slots: slots(3), locksMax: 2 })
    t.strictSame(await store.grant(third), { status: 'LIMIT', limit: 'locksPerSession', max: 2 })
    t.strictSame(await store.readSlots(calendar, slots(3)), [], 'nothing was taken')
    t.match(
      await store.grant(second.request),
      { status: 'REPLAYED' },
      'a request that succeeded before still has'
    )
    await age(601_000)
    t.match(
      await store.grant(third),
      { status: 'GRANTED' },
      'an expired one does not count; a refusal was not kept'
    )
  })

  promise('a session holds only so many slots', async (t, { store }) => {
    const owner = newSession()
    const first = await granted(store, { owner, slots: slots(1, 2), lockedSlotsMax: 3 })
    t.strictSame(await store.grant(grantOf({ owner, slots: slots(3, 4), lockedSlotsMax: 3 })), {
      status: 'LIMIT',
      limit: 'lockedSlotsPerSession',
      max: 3
    })
    t.match(await store.grant(grantOf({ owner, slots: slots(3), lockedSlotsMax: 3 })), { status: 'GRANTED' })
    t.match(
      await store.grant(
        grantOf({ owner, slots: slots(4, 5), lockedSlotsMax: 3, replaces: first.request.lock })
      ),
      { status: 'GRANTED' },
      'the one that gives way is not counted'
    )
  })

  promise('many requests of one session at once do not get past its limits', async (t, { store }) => {
    const owner = newSession()
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        store.grant(grantOf({ owner, slots: slots(index), locksMax: 3 }))
      )
    )
    t.equal(outcomes.filter(({ status }) => status === 'GRANTED').length, 3)
    t.equal(outcomes.filter(({ status }) => status === 'LIMIT').length, 9)
  })
}

function replacePromises(promise: Declare): void {
  promise('replacing takes the new set and frees the rest of the old in one step', async (t, { store }) => {
    const { request, outcome: old } = await granted(store, { slots: slots(1, 2, 5) })
    const next = grantOf({ owner: request.owner, slots: slots(2, 3), replaces: request.lock })
    const outcome = await store.grant(next)
    if (outcome.status !== 'GRANTED') return void t.fail(outcome.status)
    t.strictSame(outcome.replaced, { ...old.lock, state: 'released', ver: outcome.lock.ver })
    t.strictSame(
      outcome.rows.map(row => [row.slot, row.state, row.token, row.ver]),
      [
        [slot(1), 'free', request.lock, outcome.lock.ver],
        [slot(2), 'locked', next.lock, outcome.lock.ver],
        [slot(3), 'locked', next.lock, outcome.lock.ver],
        [slot(5), 'free', request.lock, outcome.lock.ver]
      ],
      'sorted, and all of one version'
    )
    t.strictSame(await store.readSlots(calendar, slots(1, 2, 3, 5)), outcome.rows)
    t.strictSame(await store.readLock(request.lock), outcome.replaced)
    t.ok(outcome.lock.fence > old.lock.fence)
    t.strictSame(
      await store.grant(next),
      { status: 'REPLAYED', lock: outcome.lock },
      'and sent again it is one'
    )
  })

  promise('replacing changes nothing when the new set cannot be had', async (t, { store }) => {
    const { request, outcome: old } = await granted(store, { slots: slots(1, 2) })
    const other = await granted(store, { slots: slots(3) })
    const outcome = await store.grant(
      grantOf({ owner: request.owner, slots: slots(2, 3), replaces: request.lock })
    )
    t.strictSame(
      outcome,
      { status: 'CONFLICT', rows: other.outcome.rows },
      "one's own slot is not in the way"
    )
    t.strictSame(await store.readLock(request.lock), old.lock)
    t.strictSame(await store.readSlots(calendar, slots(1, 2)), old.rows)
    t.strictSame(
      await store.grant(
        grantOf({ owner: request.owner, slots: slots(7), replaces: request.lock, locksMax: 0 })
      ),
      { status: 'LIMIT', limit: 'locksPerSession', max: 0 }
    )
    t.strictSame(await store.readLock(request.lock), old.lock, 'nor by a limit')
  })

  promise('replacing reaches into another calendar', async (t, { store }) => {
    const { request } = await granted(store, { slots: slots(1) })
    const outcome = await store.grant(
      grantOf({ owner: request.owner, calendar: otherCalendar, slots: slots(1), replaces: request.lock })
    )
    t.match(outcome, { status: 'GRANTED', replaced: { state: 'released' } })
    t.strictSame(statesOf(await store.readSlots(calendar, slots(1))), { [slot(1)]: 'free' })
    t.strictSame(statesOf(await store.readSlots(otherCalendar, slots(1))), { [slot(1)]: 'locked' })
  })

  promise("replacing another session's lock, or none, is not found", async (t, { store }) => {
    const { request } = await granted(store)
    t.strictSame(await store.grant(grantOf({ slots: slots(2), replaces: request.lock })), {
      status: 'REPLACED_NOT_FOUND'
    })
    t.strictSame(await store.grant(grantOf({ slots: slots(2), replaces: newLock() })), {
      status: 'REPLACED_NOT_FOUND'
    })
    t.strictSame(await store.readSlots(calendar, slots(2)), [])
  })

  promise('replacing a lock that is over is refused, and nothing changes', async (t, { store, age }) => {
    const released = await granted(store, { slots: slots(1) })
    await store.release({ lock: released.request.lock, owner: released.request.owner })
    const lapsed = await granted(store, { slots: slots(2) })
    await age(lapsed.request.ttlMs + minute)
    for (const { request } of [released, lapsed]) {
      t.strictSame(
        await store.grant(grantOf({ owner: request.owner, slots: slots(3), replaces: request.lock })),
        {
          status: 'REPLACED_EXPIRED'
        }
      )
    }
    t.strictSame(await store.readSlots(calendar, slots(3)), [])
  })

  promise('of many that replace the same lock at once, one does', async (t, { store }) => {
    const { request } = await granted(store, { slots: slots(0) })
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        store.grant(grantOf({ owner: request.owner, slots: slots(index + 1), replaces: request.lock }))
      )
    )
    t.equal(outcomes.filter(({ status }) => status === 'GRANTED').length, 1)
    t.equal(outcomes.filter(({ status }) => status === 'REPLACED_EXPIRED').length, 7)
    t.equal((await store.readLiveLocks({ owner: request.owner })).length, 1)
  })
}

function endPromises(promise: Declare): void {
  const life = { lockLifeMaxMs: 7_200_000 }

  promise('extending moves the end of the lock and of all its slots', async (t, { store, age }) => {
    const { request, outcome } = await granted(store, { slots: slots(1, 2) })
    await age(5 * minute)
    const before = await store.readLock(request.lock)
    const extended = await store.extend({ lock: request.lock, owner: request.owner, ttlMs: 600_000, ...life })
    if (extended.status !== 'EXTENDED') return void t.fail(extended.status)
    t.ok(extended.lock.expiresAt > before!.expiresAt + 4 * minute)
    t.ok(extended.lock.ver > outcome.lock.ver)
    t.equal(extended.lock.fence, outcome.lock.fence, 'the fence stays')
    t.strictSame(await store.readSlots(calendar, slots(1, 2)), extended.rows)
    t.strictSame(await store.readLock(request.lock), extended.lock)
    t.strictSame(new Set(extended.rows.map(row => row.expiresAt)), new Set([extended.lock.expiresAt]))
  })

  promise('extending by less than is left takes nothing away', async (t, { store }) => {
    const { request, outcome } = await granted(store, { ttlMs: 1_200_000 })
    const extended = await store.extend({ lock: request.lock, owner: request.owner, ttlMs: 10_000, ...life })
    t.match(extended, { status: 'EXTENDED', lock: { expiresAt: outcome.lock.expiresAt } })
    t.match(await store.readSlots(calendar, slots(1)), [{ expiresAt: outcome.lock.expiresAt }])
  })

  promise("a lock's whole life is bounded", async (t, { store, age }) => {
    const { request } = await granted(store)
    await age(5 * minute)
    const extend = { lock: request.lock, owner: request.owner, ttlMs: 600_000 }
    t.match(await store.extend({ ...extend, lockLifeMaxMs: 14 * minute }), {
      status: 'LIFE_LIMIT',
      lock: { state: 'held' }
    })
    t.match(await store.extend({ ...extend, lockLifeMaxMs: 16 * minute }), { status: 'EXTENDED' })
  })

  promise('a lock that is over cannot be extended', async (t, { store, age }) => {
    const { request } = await granted(store)
    const extend = { lock: request.lock, owner: request.owner, ttlMs: 600_000, ...life }
    t.strictSame(await store.extend({ ...extend, owner: newSession() }), { status: 'NOT_FOUND' })
    t.strictSame(await store.extend({ ...extend, lock: newLock() }), { status: 'NOT_FOUND' })
    await age(11 * minute)
    t.match(await store.extend(extend), { status: 'ENDED', lock: { state: 'expired' } })
    const taken = await granted(store)
    t.match(await store.extend(extend), { status: 'ENDED' }, 'nor when somebody has its slot')
    t.strictSame(await store.readSlots(calendar, slots(1)), taken.outcome.rows)
  })

  promise('releasing gives the slots back', async (t, { store }) => {
    const { request, outcome } = await granted(store, { slots: slots(1, 2) })
    const released = await store.release({ lock: request.lock, owner: request.owner })
    if (released.status !== 'ENDED') return void t.fail(released.status)
    t.match(released.lock, { id: request.lock, state: 'released' })
    t.strictSame(
      released.rows,
      slots(1, 2).map(id => ({
        calendar,
        slot: id,
        state: 'free',
        ver: released.lock.ver,
        owner: null,
        token: request.lock,
        expiresAt: 0
      }))
    )
    t.ok(released.lock.ver > outcome.lock.ver)
    t.strictSame(await store.readSlots(calendar, slots(1, 2)), released.rows)
    t.match(await store.grant(grantOf({ slots: slots(1, 2) })), { status: 'GRANTED' })
  })

  promise(
    'releasing again succeeds and changes nothing, whoever has the slot by then',
    async (t, { store }) => {
      const { request } = await granted(store)
      const once = await store.release({ lock: request.lock, owner: request.owner })
      const next = await granted(store)
      const twice = await store.release({ lock: request.lock, owner: request.owner })
      t.strictSame(twice, { ...once, rows: [] })
      t.strictSame(await store.readSlots(calendar, slots(1)), next.outcome.rows)
    }
  )

  promise("releasing another session's lock is not found, and it stays", async (t, { store }) => {
    const { request, outcome } = await granted(store)
    t.strictSame(await store.release({ lock: request.lock, owner: newSession() }), { status: 'NOT_FOUND' })
    t.strictSame(await store.release({ lock: newLock(), owner: request.owner }), { status: 'NOT_FOUND' })
    t.strictSame(await store.readLock(request.lock), outcome.lock)
  })

  promise(
    'releasing what expired changes nothing: not the slot of the next holder',
    async (t, { store, age }) => {
      const { request } = await granted(store)
      await age(11 * minute)
      const next = await granted(store)
      t.match(await store.release({ lock: request.lock, owner: request.owner }), {
        status: 'ENDED',
        lock: { state: 'expired' },
        rows: []
      })
      t.strictSame(await store.readSlots(calendar, slots(1)), next.outcome.rows)
    }
  )

  promise('staff end a lock with a reason, once', async (t, { store }) => {
    const { request } = await granted(store)
    const revoked = await store.revoke({ lock: request.lock, reason: "the doctor's ill – désolé" })
    t.match(revoked, {
      status: 'ENDED',
      lock: { state: 'revoked', reason: "the doctor's ill – désolé" },
      rows: [{ state: 'free', token: request.lock }]
    })
    t.match(await store.revoke({ lock: request.lock, reason: 'again' }), {
      status: 'ENDED',
      lock: { reason: "the doctor's ill – désolé" },
      rows: []
    })
    t.match(await store.release({ lock: request.lock, owner: request.owner }), {
      status: 'ENDED',
      lock: { state: 'revoked' },
      rows: []
    })
    t.strictSame(await store.revoke({ lock: newLock(), reason: '' }), { status: 'NOT_FOUND' })
  })
}

function bookPromises(promise: Declare): void {
  promise('a lock becomes a booking', async (t, { store }) => {
    const { request, outcome: grant } = await granted(store, { slots: slots(1, 2) })
    const book = bookOf(request, {
      customer: { name: 'Zoë', email: 'z@example.org', note: "'; DROP TABLE locks; --" },
      meta: { visit: [1, null, 'x'] }
    })
    const outcome = await store.book(book)
    if (outcome.status !== 'BOOKED') return void t.fail(outcome.status)
    t.match(outcome.booking, {
      id: book.booking,
      lock: request.lock,
      owner: request.owner,
      calendar,
      slots: slots(1, 2),
      customer: book.customer,
      meta: book.meta,
      state: 'booked'
    })
    t.match(outcome.lock, { state: 'booked', fence: grant.lock.fence, ver: outcome.booking.ver })
    t.strictSame(
      outcome.rows.map(({ state, owner, token, expiresAt, ver }) => ({
        state,
        owner,
        token,
        expiresAt,
        ver
      })),
      slots(1, 2).map(() => ({
        state: 'booked',
        owner: request.owner,
        token: request.lock,
        expiresAt: 0,
        ver: outcome.booking.ver
      }))
    )
    t.strictSame(await store.readSlots(calendar, slots(1, 2)), outcome.rows)
    t.strictSame(await store.readBooking(book.booking), outcome.booking)
    t.strictSame(await store.readLock(request.lock), outcome.lock)
  })

  promise(
    'a booked slot is never granted again, nor freed by anything but its cancellation',
    async (t, subject) => {
      const { store, age } = subject
      const { request } = await granted(store)
      const booked = await store.book(bookOf(request))
      await age(3 * day)
      t.match(await store.grant(grantOf()), { status: 'CONFLICT', rows: [{ state: 'booked' }] })
      t.match(await store.release({ lock: request.lock, owner: request.owner }), {
        status: 'ENDED',
        lock: { state: 'booked' },
        rows: []
      })
      t.match(await store.revoke({ lock: request.lock, reason: 'no' }), {
        lock: { state: 'booked' },
        rows: []
      })
      t.match(await store.sweep(100), { ended: [], rows: [] })
      t.match(await store.setBlocked({ calendar, slots: slots(1), blocked: true }), {
        rows: [{ state: 'booked' }]
      })
      await store.purge(100)
      t.ok(booked.status === 'BOOKED')
      if (booked.status === 'BOOKED') t.strictSame(await store.readSlots(calendar, slots(1)), booked.rows)
      t.match(await store.readLock(request.lock), { state: 'booked' }, 'and its lock is kept')
    }
  )

  promise('the same booking twice is one, also when both come at once', async (t, { store }) => {
    const { request } = await granted(store)
    const book = bookOf(request)
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => store.book(book)))
    t.equal(outcomes.filter(({ status }) => status === 'BOOKED').length, 1)
    t.equal(outcomes.filter(({ status }) => status === 'REPLAYED').length, 7)
    t.match(await store.book(book), { status: 'REPLAYED', booking: { id: book.booking, state: 'booked' } })
  })

  promise("booking one's own booked lock again gives that booking", async (t, { store }) => {
    const { request } = await granted(store)
    const first = bookOf(request)
    await store.book(first)
    t.match(await store.book(bookOf(request)), { status: 'REPLAYED', booking: { id: first.booking } })
  })

  promise('the same booking id with other content is a mismatch, and books nothing', async (t, { store }) => {
    const one = await granted(store, { slots: slots(1) })
    const two = await granted(store, { slots: slots(2) })
    const first = bookOf(one.request)
    await store.book(first)
    t.strictSame(await store.book({ ...first, fingerprint: 'another' }), { status: 'MISMATCH' })
    t.strictSame(await store.book(bookOf(two.request, { booking: first.booking, fingerprint: 'another' })), {
      status: 'MISMATCH'
    })
    t.strictSame(await store.readLock(two.request.lock), two.outcome.lock)
    t.strictSame(await store.readSlots(calendar, slots(2)), two.outcome.rows)
  })

  promise("another session's lock cannot be booked", async (t, { store }) => {
    const { request, outcome } = await granted(store)
    t.strictSame(await store.book(bookOf({ ...request, owner: newSession() })), { status: 'NOT_FOUND' })
    t.strictSame(await store.book(bookOf({ ...request, lock: newLock() })), { status: 'NOT_FOUND' })
    t.strictSame(await store.readLock(request.lock), outcome.lock)
  })

  promise('a hold that lapsed cannot be booked, even by its holder', async (t, { store, age }) => {
    const { request, outcome } = await granted(store)
    await age(11 * minute)
    const book = bookOf(request)
    t.match(await store.book(book), { status: 'EXPIRED', lock: { state: 'expired' } })
    t.equal(await store.readBooking(book.booking), undefined)
    t.match(await store.readSlots(calendar, slots(1)), [{ state: 'locked', ver: outcome.lock.ver }])
  })

  promise('unless it asks for it, and nobody has taken any of the slots', async (t, { store, age }) => {
    const lapsed = await granted(store, { slots: slots(1, 2) })
    const swept = await granted(store, { slots: slots(3, 4) })
    const released = await granted(store, { slots: slots(5) })
    await store.release({ lock: released.request.lock, owner: released.request.owner })
    await age(11 * minute)
    t.match(await store.book(bookOf(lapsed.request, { ifStillFree: true })), { status: 'BOOKED' })
    await store.sweep(100)
    // somebody had one of them meanwhile, and gave it back
    const between = await granted(store, { slots: slots(3) })
    await store.release({ lock: between.request.lock, owner: between.request.owner })
    const late = await store.book(bookOf(swept.request, { ifStillFree: true }))
    t.match(late, { status: 'BOOKED', rows: [{ state: 'booked' }, { state: 'booked' }] })
    t.ok(
      late.status === 'BOOKED' && late.lock.fence > between.outcome.lock.fence,
      'its fence is greater than that of whoever came between'
    )
    t.match(await store.book(bookOf(released.request, { ifStillFree: true })), { status: 'BOOKED' })
    t.strictSame(
      new Set((await store.readSlots(calendar, slots(1, 2, 3, 4, 5))).map(row => row.state)),
      new Set(['booked'])
    )
  })

  promise('if somebody has, none of the slots is booked', async (t, { store, age }) => {
    const { request } = await granted(store, { slots: slots(1, 2, 3) })
    await age(11 * minute)
    const next = await granted(store, { slots: slots(2) })
    const book = bookOf(request, { ifStillFree: true })
    t.strictSame(await store.book(book), { status: 'CONFLICT', rows: next.outcome.rows })
    t.equal(await store.readBooking(book.booking), undefined)
    t.strictSame(await store.readSlots(calendar, slots(2)), next.outcome.rows)
    await store.release({ lock: next.request.lock, owner: next.request.owner })
    t.match(await store.book(book), { status: 'BOOKED' }, 'a refusal is not kept')
  })

  promise('what staff revoked is not booked, still free or not', async (t, { store }) => {
    const { request } = await granted(store)
    await store.revoke({ lock: request.lock, reason: 'closed' })
    t.match(await store.book(bookOf(request, { ifStillFree: true })), {
      status: 'EXPIRED',
      lock: { state: 'revoked', reason: 'closed' }
    })
  })
}

function cancelPromises(promise: Declare): void {
  promise('cancelling a booking frees its slots, and again is a success', async (t, { store }) => {
    const { request } = await granted(store, { slots: slots(1, 2) })
    const book = bookOf(request)
    await store.book(book)
    t.strictSame(await store.cancel({ booking: book.booking, owner: newSession() }), { status: 'NOT_FOUND' })
    t.strictSame(await store.cancel({ booking: newBooking() }), { status: 'NOT_FOUND' })
    const cancelled = await store.cancel({ booking: book.booking, owner: request.owner })
    t.match(cancelled, { status: 'CANCELLED', booking: { state: 'cancelled' } })
    if (cancelled.status !== 'CANCELLED') return
    t.strictSame(await store.readSlots(calendar, slots(1, 2)), cancelled.rows)
    t.strictSame(statesOf(cancelled.rows), { [slot(1)]: 'free', [slot(2)]: 'free' })
    const next = await granted(store, { slots: slots(1, 2) })
    t.strictSame(await store.cancel({ booking: book.booking }), { ...cancelled, rows: [] })
    t.strictSame(await store.readSlots(calendar, slots(1, 2)), next.outcome.rows, 'which takes nothing away')
    t.strictSame(await store.readBooking(book.booking), cancelled.booking)
  })

  promise('a cancelled booking is replayed as cancelled, and its lock is used up', async (t, { store }) => {
    const { request } = await granted(store)
    const book = bookOf(request)
    await store.book(book)
    await store.cancel({ booking: book.booking })
    t.match(await store.book(book), { status: 'REPLAYED', booking: { state: 'cancelled' } })
    t.match(await store.book(bookOf(request)), { status: 'EXPIRED' })
    t.match(await store.book(bookOf(request, { ifStillFree: true })), { status: 'EXPIRED' })
    t.strictSame(statesOf(await store.readSlots(calendar, slots(1))), { [slot(1)]: 'free' })
  })
}

function blockPromises(promise: Declare): void {
  promise('blocking closes what is free and leaves the rest', async (t, { store, age }) => {
    const lapsed = await granted(store, { slots: slots(1) })
    await age(11 * minute)
    const held = await granted(store, { slots: slots(2) })
    const { rows } = await store.setBlocked({ calendar, slots: slots(0, 1, 2), blocked: true })
    t.strictSame(statesOf(rows), { [slot(0)]: 'blocked', [slot(1)]: 'blocked', [slot(2)]: 'locked' })
    t.match(rows[0], { owner: null, token: null, expiresAt: 0 })
    t.ok(rows[1]!.ver > lapsed.outcome.lock.ver)
    t.strictSame(rows[2], held.outcome.rows[0])
    t.strictSame(await store.readSlots(calendar, slots(0, 1, 2)), rows)
    t.match(await store.grant(grantOf({ slots: slots(0) })), {
      status: 'CONFLICT',
      rows: [{ state: 'blocked' }]
    })
    t.strictSame(
      (await store.setBlocked({ calendar, slots: slots(0, 1, 2), blocked: true })).rows,
      rows,
      'once'
    )
  })

  promise('unblocking opens what is blocked and leaves the rest', async (t, { store }) => {
    const held = await granted(store, { slots: slots(2) })
    const blocked = await store.setBlocked({ calendar, slots: slots(1), blocked: true })
    const { rows } = await store.setBlocked({ calendar, slots: slots(0, 1, 2), blocked: false })
    t.strictSame(statesOf(rows), { [slot(1)]: 'free', [slot(2)]: 'locked' })
    t.ok(rows[0]!.ver > blocked.rows[0]!.ver)
    t.strictSame(rows[1], held.outcome.rows[0])
    t.match(await store.grant(grantOf({ slots: slots(0, 1) })), { status: 'GRANTED' })
  })

  promise(
    'a slot that was blocked over an expired hold stays blocked when the hold is swept',
    async (t, subject) => {
      const { store, age } = subject
      const { request } = await granted(store)
      await age(11 * minute)
      const { rows } = await store.setBlocked({ calendar, slots: slots(1), blocked: true })
      t.match(await store.sweep(10), { ended: [{ id: request.lock }], rows: [] })
      t.strictSame(await store.readSlots(calendar, slots(1)), rows)
    }
  )
}

function sweepPromises(promise: Declare): void {
  promise('the sweep frees what expired, and only that', async (t, { store, age }) => {
    const lapsed = await granted(store, { slots: slots(1, 2), ttlMs: 5 * minute })
    const elsewhere = await granted(store, { calendar: otherCalendar, slots: slots(1), ttlMs: 5 * minute })
    const live = await granted(store, { slots: slots(3) })
    t.match(await store.sweep(100), { ended: [], rows: [] }, 'nothing before its time')
    await age(6 * minute)
    const swept = await store.sweep(100)
    t.strictSame(
      new Set(swept.ended.map(lock => lock.id)),
      new Set([lapsed.request.lock, elsewhere.request.lock])
    )
    t.ok(swept.ended.every(lock => lock.state === 'expired' && lock.ver > lock.fence))
    t.equal(swept.rows.length, 3)
    t.strictSame(
      swept.rows.filter(row => row.calendar === calendar),
      await store.readSlots(calendar, slots(1, 2))
    )
    t.equal(swept.nextExpiryAt, (await store.readLock(live.request.lock))!.expiresAt)
    t.match(await store.sweep(100), { ended: [], rows: [] }, 'once')
    t.strictSame(statesOf(await store.readSlots(calendar, slots(3))), { [slot(3)]: 'locked' })
  })

  promise('the sweep leaves a slot that somebody took meanwhile', async (t, { store, age }) => {
    const { request } = await granted(store, { slots: slots(1, 2, 3) })
    await age(11 * minute)
    const next = await granted(store, { slots: slots(2) })
    const swept = await store.sweep(100)
    t.match(swept.ended, [{ id: request.lock, state: 'expired' }])
    t.strictSame(statesOf(swept.rows), { [slot(1)]: 'free', [slot(3)]: 'free' }, 'and does not speak of it')
    t.strictSame(await store.readSlots(calendar, slots(2)), next.outcome.rows)
  })

  promise(
    'the sweep ends so many locks and no more, the longest expired first',
    async (t, { store, age }) => {
      const requests = []
      for (const index of [0, 1, 2]) {
        requests.push((await granted(store, { slots: slots(index), ttlMs: (index + 2) * minute })).request)
      }
      await age(10 * minute)
      t.strictSame(
        (await store.sweep(2)).ended.map(lock => lock.id).sort(),
        [requests[0]!.lock, requests[1]!.lock].sort()
      )
      t.match(await store.sweep(2), { ended: [{ id: requests[2]!.lock }], nextExpiryAt: undefined })
    }
  )

  promise('the sweep of many locks of many calendars misses none', async (t, { store, age }) => {
    const count = 70
    await Promise.all(
      Array.from({ length: count }, (_, index) =>
        granted(store, { calendar: index % 2 ? calendar : otherCalendar, slots: slots(index), ttlMs: minute })
      )
    )
    await age(2 * minute)
    const swept = await store.sweep(500)
    t.equal(swept.ended.length, count)
    t.equal(swept.rows.length, count)
  })
}

function readPromises(promise: Declare): void {
  promise(
    'a range is the slots that start in it, the first moment counted and the last not',
    async (t, { store }) => {
      await granted(store, { slots: slots(1, 2, 3, 4) })
      await granted(store, { calendar: otherCalendar, slots: slots(2) })
      const rows = await store.readRange(calendar, startOf(slot(2)), startOf(slot(4)))
      t.strictSame(
        rows.map(row => row.slot),
        slots(2, 3)
      )
      t.strictSame(await store.readRange(calendar, 0, 1), [])
    }
  )

  promise('free slots that were touched are in the range, for their version', async (t, { store }) => {
    const { request } = await granted(store)
    const released = await store.release({ lock: request.lock, owner: request.owner })
    t.ok(released.status === 'ENDED')
    if (released.status === 'ENDED') t.strictSame(await store.readRange(calendar, 0, 1e15), released.rows)
  })

  promise('live locks are read by session and by calendar', async (t, { store, age }) => {
    const owner = newSession()
    const gone = await granted(store, { owner, slots: slots(1), ttlMs: minute })
    await age(2 * minute)
    const released = await granted(store, { owner, slots: slots(2) })
    await store.release({ lock: released.request.lock, owner })
    const here = await granted(store, { owner, slots: slots(3), address: '2001:db8::1' })
    const there = await granted(store, { owner, calendar: otherCalendar, slots: slots(3) })
    const others = await granted(store, { slots: slots(4) })
    const ids = async (of: Parameters<LockStore['readLiveLocks']>[0]): Promise<Set<string>> =>
      new Set((await store.readLiveLocks(of)).map(lock => lock.id))
    t.strictSame(await ids({ owner }), new Set([here.request.lock, there.request.lock]))
    t.strictSame(await ids({ calendar }), new Set([here.request.lock, others.request.lock]))
    t.match(await store.readLock(gone.request.lock), { state: 'expired' })
    t.equal(await store.readLock(newLock()), undefined)
    t.match(await store.readLiveLocks({ calendar }), [here.outcome.lock, others.outcome.lock])
  })

  promise('changes are read from a moment on, oldest first, up to a number', async (t, { store, age }) => {
    await granted(store, { slots: slots(1) })
    await age(10_000)
    const { nowMs: since } = await store.readChanges(0, 1)
    const two = await granted(store, { slots: slots(2) })
    const three = await granted(store, { slots: slots(3) })
    const changes = await store.readChanges(since - 5000, 10)
    t.strictSame(
      changes.rows.map(({ updatedAt, ...row }) => row),
      [...two.outcome.rows, ...three.outcome.rows]
    )
    t.strictSame(new Set(changes.locks.map(lock => lock.id)), new Set([two.request.lock, three.request.lock]))
    t.ok(changes.rows.every(row => row.updatedAt >= since - 5000 && row.updatedAt <= changes.nowMs))
    t.equal((await store.readChanges(0, 2)).rows.length, 2)
    t.equal((await store.readChanges(0, 2)).rows[0]!.slot, slot(1))
    t.strictSame((await store.readChanges(changes.nowMs + 60_000, 10)).rows, [])
  })

  promise('changes of one calendar are read for a range of starts', async (t, { store, age }) => {
    await granted(store, { slots: slots(1) })
    await age(10_000)
    const { nowMs: since } = await store.readChanges(0, 1)
    const { outcome } = await granted(store, { slots: slots(2, 3) })
    await granted(store, { calendar: otherCalendar, slots: slots(2) })
    const changes = await store.readCalendarChanges(calendar, since - 5000, 0, startOf(slot(3)))
    t.strictSame(changes.rows, outcome.rows.slice(0, 1))
    t.ok(changes.nowMs >= since)
  })
}

function keepingPromises(promise: Declare): void {
  const definition: CalendarDefinition = {
    id: calendar,
    name: "Zahnärztin O'Neill",
    timeZone: 'Europe/Berlin',
    slotMinutes: 30,
    grid: 'hours',
    resources: [],
    exceptions: []
  }

  promise('calendars are kept, replaced and listed', async (t, { store }) => {
    t.equal(await store.readCalendar(calendar), undefined)
    await store.putCalendar(definition)
    await store.putCalendar({ ...definition, id: otherCalendar })
    await store.putCalendar({ ...definition, slotMinutes: 20 })
    t.strictSame(await store.readCalendar(calendar), { ...definition, slotMinutes: 20 })
    t.strictSame(
      (await store.listCalendars()).map(({ id }) => id),
      [otherCalendar, calendar]
    )
  })

  promise(
    'of the hovers of one viewer the greatest seq stands, whatever order they come in',
    async (t, subject) => {
      const { store, age } = subject
      const viewer = 'tag' as ViewerTag
      const hover = { calendar, viewer, expiresAt: store.nowMs() + 8_000 }
      await store.putSelection({ ...hover, slot: slot(2), seq: 7 })
      await store.putSelection({ ...hover, slot: slot(1), seq: 6 })
      t.strictSame(await store.readSelections(calendar), [{ ...hover, slot: slot(2), seq: 7 }])
      await store.putSelection({ ...hover, slot: null, seq: 9 })
      await store.putSelection({ ...hover, slot: slot(3), seq: 8 })
      t.strictSame(await store.readSelections(calendar), [], 'an end is kept as well')
      t.match((await store.readSelectionChanges(0, 10)).selections, [{ viewer, slot: null, seq: 9 }])
      await store.putSelection({ ...hover, slot: slot(3), seq: store.nextVersion() })
      t.equal((await store.readSelections(calendar)).length, 1)
      t.strictSame(await store.readSelections(otherCalendar), [])
      await age(9_000)
      t.strictSame(await store.readSelections(calendar), [], 'one that ran out is gone')
    }
  )

  promise('a hover lives so long in the database and no longer', async (t, { store }) => {
    await store.putSelection({
      calendar,
      viewer: 'tag' as ViewerTag,
      slot: slot(1),
      seq: 1,
      expiresAt: store.nowMs() + day
    })
    const [kept] = await store.readSelections(calendar)
    t.ok(kept!.expiresAt <= store.nowMs() + 301_000)
  })

  promise('the purge deletes what nobody can ask for, and nothing else', async (t, { store, age }) => {
    const past = '2020-01-15T08:00Z'
    const old = await granted(store, { slots: [`dr-lee/${past}` as ReturnType<typeof slot>] })
    await store.release({ lock: old.request.lock, owner: old.request.owner })
    const booked = await granted(store, { slots: slots(1) })
    const book = bookOf(booked.request)
    await store.book(book)
    const blocked = await store.setBlocked({ calendar, slots: slots(6), blocked: true })
    await store.putSelection({
      calendar,
      viewer: 'v' as ViewerTag,
      slot: slot(1),
      seq: 1,
      expiresAt: store.nowMs()
    })
    t.strictSame(await store.purge(100), { deleted: 0 }, 'not at once')
    await age(26 * 3_600_000)
    const fresh = await granted(store, { slots: slots(2) })
    t.strictSame(await store.purge(100), { deleted: 3 }, 'the lock, the hover, the slot of long ago')
    t.equal(await store.readLock(old.request.lock), undefined)
    t.match(await store.readLock(booked.request.lock), { state: 'booked' })
    t.match(await store.readBooking(book.booking), { state: 'booked' })
    t.strictSame(await store.readLock(fresh.request.lock), fresh.outcome.lock)
    t.strictSame(await store.readSlots(calendar, slots(6)), blocked.rows)
    t.strictSame((await store.readSelectionChanges(0, 10)).selections, [])
    t.strictSame(await store.purge(100), { deleted: 0 })
    const again = await granted(store, { slots: old.request.slots })
    t.ok(again.outcome.lock.fence > old.outcome.lock.fence, 'a purged slot does not go back in version')
  })

  promise('the database answers a ping with its clock, and versions only grow', async (t, { store }) => {
    const { nowMs, latencyMs } = await store.ping()
    t.ok(Math.abs(nowMs - store.nowMs()) < 5000)
    t.ok(latencyMs >= 0)
    const first = store.nextVersion()
    t.ok(store.nextVersion() > first)
    store.receiveVersion(first + 1e12)
    t.ok(store.nextVersion() > first + 1e12)
  })

  promise('migrating again changes nothing', async (t, { store }) => {
    const { request, outcome } = await granted(store)
    await store.migrate()
    t.strictSame(await store.readLock(request.lock), outcome.lock)
  })

  promise(
    'a store whose versions lag behind those of the rows catches up by itself',
    async (t, { store, another }) => {
      const ahead = another === undefined ? store : await another()
      const aheadBy = 3_600_000_000
      ahead.receiveVersion(store.nextVersion() + aheadBy)
      const { request, outcome } = await granted(ahead, { slots: slots(1, 2) })
      const extended = await store.extend({
        lock: request.lock,
        owner: request.owner,
        ttlMs: 700_000,
        lockLifeMaxMs: day
      })
      t.match(extended, { status: 'EXTENDED' })
      await ahead.release({ lock: request.lock, owner: request.owner })
      const next = await granted(store, { slots: slots(2, 3) })
      t.ok(next.outcome.lock.fence > outcome.lock.fence)
      const blocked = await ahead.setBlocked({ calendar, slots: slots(5), blocked: true })
      const opened = await store.setBlocked({ calendar, slots: slots(5), blocked: false })
      t.ok(opened.rows[0]!.ver > blocked.rows[0]!.ver)
      t.match(await store.book(bookOf(next.request)), { status: 'BOOKED' })
    }
  )
}

function instancePromises(promise: Declare): void {
  promise(
    'two instances that want one slot at once: one gets it, every time',
    async (t, { store, another }) => {
      const other = another === undefined ? store : await another()
      for (let round = 0; round < 20; round += 1) {
        const wanted = slots(round, round + 40)
        const outcomes = await Promise.all([
          store.grant(grantOf({ slots: wanted })),
          other.grant(grantOf({ slots: wanted })),
          store.grant(grantOf({ slots: wanted.slice(1) })),
          other.grant(grantOf({ slots: wanted.slice(1) }))
        ])
        const winners = outcomes.filter(({ status }) => status === 'GRANTED')
        t.equal(winners.length, 1)
        t.ok(outcomes.every(({ status }) => status === 'GRANTED' || status === 'CONFLICT'))
      }
    }
  )

  promise('what one instance did the other can end, extend and book', async (t, { store, another }) => {
    const other = another === undefined ? store : await another()
    const one = await granted(store, { slots: slots(1) })
    t.match(await other.grant(one.request), { status: 'REPLAYED' })
    t.match(
      await other.extend({
        lock: one.request.lock,
        owner: one.request.owner,
        ttlMs: 900_000,
        lockLifeMaxMs: day
      }),
      { status: 'EXTENDED' }
    )
    const moved = await other.grant(
      grantOf({ owner: one.request.owner, slots: slots(2), replaces: one.request.lock })
    )
    t.match(moved, { status: 'GRANTED' })
    t.match(await store.release({ lock: one.request.lock, owner: one.request.owner }), { rows: [] })
    if (moved.status !== 'GRANTED') return
    const book = bookOf({ lock: moved.lock.id, owner: one.request.owner })
    t.match(await store.book(book), { status: 'BOOKED' })
    t.match(await other.book(book), { status: 'REPLAYED' })
    t.match(await other.cancel({ booking: book.booking }), { status: 'CANCELLED' })
  })
}
