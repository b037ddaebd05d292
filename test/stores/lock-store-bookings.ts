import {
  bookOf,
  calendar,
  type Declare,
  day,
  granted,
  grantOf,
  minute,
  newBooking,
  newLock,
  newSession,
  slot,
  slots,
  statesOf
} from './lock-store-fixture.js'

/** What bookings, cancellations and blocks promise. */
export function bookPromises(promise: Declare): void {
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

export function cancelPromises(promise: Declare): void {
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

export function blockPromises(promise: Declare): void {
  promise('blocking closes what is free and leaves the rest', async (t, { store, age }) => {
    const lapsed = await granted(store, { slots: slots(1) })
    await age(11 * minute)
    const held = await granted(store, { slots: slots(2) })
    const { rows, changed } = await store.setBlocked({ calendar, slots: slots(0, 1, 2), blocked: true })
    t.strictSame(changed, slots(0, 1), "somebody else's is not said to be changed")
    t.strictSame(statesOf(rows), { [slot(0)]: 'blocked', [slot(1)]: 'blocked', [slot(2)]: 'locked' })
    t.match(rows[0], { owner: null, token: null, expiresAt: 0 })
    t.ok(rows[1]!.ver > lapsed.outcome.lock.ver)
    t.strictSame(rows[2], held.outcome.rows[0])
    t.strictSame(await store.readSlots(calendar, slots(0, 1, 2)), rows)
    t.match(await store.grant(grantOf({ slots: slots(0) })), {
      status: 'CONFLICT',
      rows: [{ state: 'blocked' }]
    })
    const twice = await store.setBlocked({ calendar, slots: slots(0, 1, 2), blocked: true })
    t.strictSame(twice, { rows, changed: [] }, 'once')
  })

  promise('unblocking opens what is blocked and leaves the rest', async (t, { store }) => {
    const held = await granted(store, { slots: slots(2) })
    const blocked = await store.setBlocked({ calendar, slots: slots(1), blocked: true })
    const { rows, changed } = await store.setBlocked({ calendar, slots: slots(0, 1, 2), blocked: false })
    t.strictSame(changed, slots(1))
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
