import {
  calendar,
  type Declare,
  granted,
  grantOf,
  minute,
  newLock,
  newSession,
  otherCalendar,
  slot,
  slots,
  statesOf
} from './lock-store-fixture.js'

/** What extend, release, revoke and the sweep promise. */
export function endPromises(promise: Declare): void {
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

export function sweepPromises(promise: Declare): void {
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
