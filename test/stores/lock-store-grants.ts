import { until } from '../helpers/process.js'
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

/** What a grant promises, with and without a lock that gives way. */
export function grantPromises(promise: Declare): void {
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

  promise('not even when its row was purged and only the slot remembers it', async (t, { store, age }) => {
    const { request } = await granted(store)
    await store.release({ lock: request.lock, owner: request.owner })
    await age(26 * 60 * minute)
    t.strictSame(await store.purge(10), { deleted: 1 })
    t.match(await store.grant(request), {
      status: 'CONFLICT',
      rows: [{ state: 'free', token: request.lock }]
    })
    t.match(await store.grant(grantOf()), { status: 'GRANTED' }, 'whereas it is free to everybody else')
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

export function replacePromises(promise: Declare): void {
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

  promise('a replacement that shares a slot goes on with the life of the old lock', async (t, { store }) => {
    const owner = newSession()
    const lockLifeMaxMs = 900_000
    const { request, outcome: first } = await granted(store, { owner, slots: slots(1, 2) })
    await until('a life that began now would begin later', () => store.nowMs() > first.lock.createdAt)
    const wider = await granted(store, { owner, slots: slots(2, 3), replaces: request.lock, lockLifeMaxMs })
    t.equal(wider.outcome.lock.createdAt, first.lock.createdAt)
    t.ok(
      wider.outcome.lock.expiresAt >= first.lock.expiresAt,
      'it has its whole time while its life allows that'
    )
    const asked = { owner, ttlMs: 1_200_000, lockLifeMaxMs }
    const longer = await granted(store, { ...asked, slots: slots(3), replaces: wider.request.lock })
    t.equal(longer.outcome.lock.createdAt, first.lock.createdAt, 'however long the chain')
    t.equal(longer.outcome.lock.expiresAt, first.lock.createdAt + lockLifeMaxMs, 'and no longer than that')
    t.strictSame(await store.readLock(longer.request.lock), longer.outcome.lock, 'what was said is written')
    t.strictSame(
      await store.readSlots(calendar, slots(1, 2, 3)),
      [...wider.outcome.rows.slice(0, 1), ...longer.outcome.rows],
      'of the slots too'
    )
    t.match(await store.extend({ ...asked, lock: longer.request.lock }), { status: 'LIFE_LIMIT' })
  })

  promise(
    'a replacement of a lock that is older than locks may become now ends no sooner than that lock',
    async (t, { store, age }) => {
      const owner = newSession()
      const { request } = await granted(store, { owner, slots: slots(1, 2) })
      await age(9 * minute)
      const [old] = await store.readLiveLocks({ owner })
      const { outcome } = await granted(store, {
        ...{ owner, slots: slots(2, 3), replaces: request.lock },
        lockLifeMaxMs: 5 * minute
      })
      t.equal(outcome.lock.expiresAt, old!.expiresAt)
      t.strictSame(await store.readLiveLocks({ owner }), [outcome.lock], 'and is live')
    }
  )

  promise('a replacement that shares no slot begins a life of its own', async (t, { store, age }) => {
    const owner = newSession()
    const { request } = await granted(store, { owner, slots: slots(1) })
    await age(9 * minute)
    const lockLifeMaxMs = 10 * minute
    const { outcome } = await granted(store, {
      owner,
      slots: slots(2),
      replaces: request.lock,
      lockLifeMaxMs
    })
    t.equal(outcome.lock.expiresAt - outcome.lock.createdAt, request.ttlMs)
    const elsewhere = await granted(store, {
      ...{ owner, calendar: otherCalendar, slots: slots(2), replaces: outcome.lock.id },
      lockLifeMaxMs: 1
    })
    t.equal(
      elsewhere.outcome.lock.expiresAt - elsewhere.outcome.lock.createdAt,
      request.ttlMs,
      'a slot of the same name in another calendar is another slot'
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
