import t from 'tap'
import {
  OutcomeUnknown,
  StoreBusy,
  StoreContractError,
  StoreUnavailable
} from '../../../src/domain/errors.js'
import type { CalendarId, LockId, SlotId } from '../../../src/domain/ids.js'
import { refusalOf } from '../../../src/service/answers/store-refusal.js'
import { viewerTag } from '../../../src/service/callers/viewer-tag.js'
import {
  callerNamed,
  codeOf,
  demo,
  locked,
  refusalIn,
  resultOf,
  serviceWorld,
  sessionNamed,
  slotAt,
  storeWith,
  thursday
} from '../service-world.js'

const ann = callerNamed('ann')
const bob = callerNamed('bob')

t.test('a lock is held by its session, for ten minutes unless it says otherwise', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(1), slotAt(0)])
  t.match(lock, {
    calendar: demo,
    slots: [slotAt(0), slotAt(1)],
    state: 'held',
    by: viewerTag(sessionNamed('ann'), demo),
    createdAt: thursday,
    expiresAt: thursday + 600_000,
    expiresInMs: 600_000,
    extendableUntil: thursday + 7_200_000
  })
  t.match(lock.id, /^[A-Za-z0-9_-]{22}$/)
  t.equal((await locked(world, ann, [slotAt(2)], { ttlMs: 10_000 })).expiresInMs, 10_000)
})

t.test('a grant is announced once, to those who watch and to its holder', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0), slotAt(1)])
  t.same(
    world.announcer.rows.map(row => [row.slot, row.state, row.ver]),
    lock.slots.map(slot => [slot, 'locked', lock.fence])
  )
  t.match(world.announcer.locks, [{ id: lock.id, state: 'held' }])
})

t.test('a slot that is taken is refused with when it ends, and nothing else is taken', async t => {
  const world = await serviceWorld(t)
  await locked(world, ann, [slotAt(1)], { ttlMs: 60_000 })
  world.clock.ms += 1_000
  const refusal = refusalIn(await world.handlers.lock(bob, { calendar: demo, slots: [slotAt(0), slotAt(1)] }))
  t.equal(refusal.code, 'SLOT_UNAVAILABLE')
  t.same(refusal.details?.conflicts, [
    { slot: slotAt(1), state: 'locked', expiresAt: thursday + 60_000, expiresInMs: 59_000 }
  ])
  await locked(world, bob, [slotAt(0)])
})

t.test('the own slot in the way is marked as mine', async t => {
  const world = await serviceWorld(t)
  await locked(world, ann, [slotAt(0)])
  t.match(refusalIn(await world.handlers.lock(ann, { calendar: demo, slots: [slotAt(0)] })).details, {
    conflicts: [{ mine: true }]
  })
})

t.test('after its end a slot can be had by anybody, swept or not', async t => {
  const world = await serviceWorld(t)
  await locked(world, ann, [slotAt(0)], { ttlMs: 10_000 })
  world.clock.ms += 9_999
  t.equal(codeOf(await world.handlers.lock(bob, { calendar: demo, slots: [slotAt(0)] })), 'SLOT_UNAVAILABLE')
  world.clock.ms += 1
  const next = await locked(world, bob, [slotAt(0)])
  t.equal(next.state, 'held')
})

t.test('what is malformed or out of bounds is told by field', async t => {
  const world = await serviceWorld(t, { limits: { slotsPerLockMax: 2 } })
  const fieldsOf = async (params: { slots: string[]; ttlMs?: number }) => {
    const refusal = refusalIn(await world.handlers.lock(ann, { calendar: demo, ...params }))
    return [refusal.code, refusal.details?.fields?.map(one => one.field)]
  }
  t.same(await fieldsOf({ slots: [slotAt(0), 'dr-lee/2026-02-30T10:00Z'] }), ['INVALID_REQUEST', ['slots/1']])
  t.same(await fieldsOf({ slots: ['dr-lee/2026-01-15T24:00Z'] }), ['INVALID_REQUEST', ['slots/0']])
  t.same(await fieldsOf({ slots: [slotAt(0), slotAt(0)] }), ['INVALID_REQUEST', ['slots/1']])
  t.same(await fieldsOf({ slots: [] }), ['INVALID_REQUEST', ['slots']])
  t.same(await fieldsOf({ slots: [slotAt(0), slotAt(1), slotAt(2)] }), ['INVALID_REQUEST', ['slots']])
  for (const ttlMs of [0, 9_999, 1_800_001, 10_000.5]) {
    t.same(await fieldsOf({ slots: [slotAt(0)], ttlMs }), ['INVALID_REQUEST', ['ttlMs']], `${ttlMs}`)
  }
  t.equal(world.seen.grants.length, 0)
})

t.test('the calendar must exist, be covered, and have the slot', async t => {
  const world = await serviceWorld(t)
  const ask = (calendar: string, slot: string, caller = ann) =>
    world.handlers.lock(caller, { calendar, slots: [slot] })
  t.equal(codeOf(await ask('nowhere', slotAt(0))), 'CALENDAR_NOT_FOUND')
  t.equal(
    codeOf(await ask('demo', slotAt(0), callerNamed('eve', 'visitor', ['other' as CalendarId]))),
    'FORBIDDEN'
  )
  for (const slot of ['dr-lee/2026-01-15T14:10Z', 'dr-lee/2026-01-15T18:00Z', 'dr-who/2026-01-15T14:00Z']) {
    const refusal = refusalIn(await ask('demo', slot))
    t.equal(refusal.code, 'SLOT_NOT_FOUND')
    t.match(refusal.message, slot)
    t.match(refusal.details?.fields, [{ field: 'slots/0' }])
  }
  t.equal(
    codeOf(await world.handlers.lock({ ...ann, session: undefined }, { calendar: demo, slots: [slotAt(0)] })),
    'UNAUTHENTICATED'
  )
  t.equal(world.seen.grants.length, 0)
})

t.test('a slot that has begun cannot be locked', async t => {
  const world = await serviceWorld(t)
  world.clock.ms = Date.parse('2026-01-15T09:30Z')
  const refusal = refusalIn(
    await world.handlers.lock(ann, { calendar: demo, slots: [slotAt(0), slotAt(1), slotAt(2)] })
  )
  t.equal(refusal.code, 'SLOT_UNAVAILABLE')
  t.same(refusal.details?.conflicts, [
    { slot: slotAt(0), state: 'past' },
    { slot: slotAt(1), state: 'past' }
  ])
  await locked(world, ann, [slotAt(2)])
})

t.test('the same request sent again is the same lock, with the time that is left now', async t => {
  const world = await serviceWorld(t)
  const first = await locked(world, ann, [slotAt(0), slotAt(1)], { requestId: 'r1' })
  world.clock.ms += 5_000
  const again = await locked(world, ann, [slotAt(1), slotAt(0)], { requestId: 'r1' })
  t.equal(again.id, first.id)
  t.equal(again.expiresInMs, 595_000)
  t.equal(world.announcer.locks.length, 1, 'what was known is not announced again')
  const others = await locked(world, bob, [slotAt(2)], { requestId: 'r1' })
  t.not(others.id, first.id, 'a requestId is the session’s own')
})

t.test('sent again after the lock is over it gives the lock as it is, and never locks anew', async t => {
  const world = await serviceWorld(t)
  const first = await locked(world, ann, [slotAt(0)], { requestId: 'r1' })
  await world.handlers.release(ann, { lock: first.id })
  t.match(await locked(world, ann, [slotAt(0)], { requestId: 'r1' }), { id: first.id, state: 'released' })
  await locked(world, bob, [slotAt(0)])
  t.match(
    await locked(world, ann, [slotAt(0)], { requestId: 'r1' }),
    { id: first.id, state: 'released', expiresInMs: 0 },
    'also when somebody else has the slot now'
  )
  world.clock.ms = Date.parse('2026-01-15T09:30Z')
  t.match(
    await locked(world, ann, [slotAt(0)], { requestId: 'r1' }),
    { id: first.id, state: 'released' },
    'also when the slot has begun'
  )
})

t.test('the same requestId with other content is a mismatch, whoever has the slots', async t => {
  const world = await serviceWorld(t)
  await locked(world, ann, [slotAt(0)], { requestId: 'r1', ttlMs: 60_000 })
  await locked(world, bob, [slotAt(1)])
  const ask = (params: { slots: SlotId[]; ttlMs?: number }) =>
    world.handlers.lock(ann, { calendar: demo, requestId: 'r1', ...params })
  t.equal(codeOf(await ask({ slots: [slotAt(2)], ttlMs: 60_000 })), 'IDEMPOTENCY_MISMATCH')
  t.equal(codeOf(await ask({ slots: [slotAt(1)], ttlMs: 60_000 })), 'IDEMPOTENCY_MISMATCH')
  t.equal(codeOf(await ask({ slots: [slotAt(0)] })), 'IDEMPOTENCY_MISMATCH')
  t.equal(codeOf(await ask({ slots: [slotAt(0)], ttlMs: 60_000 })), 'ok')
})

t.test('a refused request keeps no requestId: the same id may try again', async t => {
  const world = await serviceWorld(t)
  const bobs = await locked(world, bob, [slotAt(0)])
  const ask = (slots: SlotId[]) => world.handlers.lock(ann, { calendar: demo, slots, requestId: 'r1' })
  t.equal(codeOf(await ask([slotAt(0)])), 'SLOT_UNAVAILABLE')
  await world.handlers.release(bob, { lock: bobs.id })
  t.equal(codeOf(await ask([slotAt(0)])), 'ok')

  const other = await serviceWorld(t)
  await locked(other, bob, [slotAt(0)])
  const refused = await other.handlers.lock(ann, { calendar: demo, slots: [slotAt(0)], requestId: 'r1' })
  t.equal(codeOf(refused), 'SLOT_UNAVAILABLE')
  t.equal(
    codeOf(await other.handlers.lock(ann, { calendar: demo, slots: [slotAt(1)], requestId: 'r1' })),
    'ok',
    'with other content too'
  )
})

t.test('a request whose lock was purged is over, and does not lock anew', async t => {
  const world = await serviceWorld(t)
  const saturday = 'dr-lee/2026-01-17T09:00Z' as SlotId
  const lock = await locked(world, ann, [saturday], { requestId: 'r1' })
  await world.handlers.release(ann, { lock: lock.id })
  world.clock.ms += 26 * 3_600_000
  await world.store.purge(1_000)
  t.equal(await world.store.readLock(lock.id as LockId), undefined)
  t.equal(
    codeOf(await world.handlers.lock(ann, { calendar: demo, slots: [saturday], requestId: 'r1' })),
    'LOCK_EXPIRED'
  )
})

t.test('a session has so many locks and so many slots at once', async t => {
  const world = await serviceWorld(t, { limits: { locksPerSessionMax: 2, lockedSlotsPerSessionMax: 3 } })
  await locked(world, ann, [slotAt(0)])
  const tooManySlots = refusalIn(
    await world.handlers.lock(ann, { calendar: demo, slots: [slotAt(1), slotAt(2), slotAt(3)] })
  )
  t.equal(tooManySlots.code, 'LIMIT_EXCEEDED')
  t.same(tooManySlots.details, { limit: 'LOCKED_SLOTS_PER_SESSION_MAX', max: 3 })
  await locked(world, ann, [slotAt(1)])
  const tooManyLocks = refusalIn(await world.handlers.lock(ann, { calendar: demo, slots: [slotAt(2)] }))
  t.same(tooManyLocks.details, { limit: 'LOCKS_PER_SESSION_MAX', max: 2 })
  await locked(world, bob, [slotAt(2)])
  world.clock.ms += 600_000
  await locked(world, ann, [slotAt(3)])
})

t.test('a lock that replaces another takes the new set and frees the rest, or changes nothing', async t => {
  const world = await serviceWorld(t)
  const old = await locked(world, ann, [slotAt(0), slotAt(1)])
  await locked(world, bob, [slotAt(5)])
  const replace = (slots: SlotId[]) => world.handlers.lock(ann, { calendar: demo, slots, replaces: old.id })
  const refusal = refusalIn(await replace([slotAt(1), slotAt(5)]))
  t.equal(refusal.code, 'SLOT_UNAVAILABLE')
  t.same(
    refusal.details?.conflicts?.map(one => one.slot),
    [slotAt(5)],
    'the own slots are not in the way'
  )
  t.match(resultOf(await world.handlers.listLocks(ann, {})).locks, [{ id: old.id, slots: old.slots }])

  world.announcer.rows = []
  world.announcer.locks = []
  const next = resultOf(await replace([slotAt(1), slotAt(2)])).lock
  t.same(
    world.announcer.rows.map(row => [row.slot, row.state]).sort(),
    [
      [slotAt(0), 'free'],
      [slotAt(1), 'locked'],
      [slotAt(2), 'locked']
    ].sort()
  )
  t.same(
    world.announcer.locks.map(lock => [lock.id, lock.state]).sort(),
    [
      [next.id, 'held'],
      [old.id, 'released']
    ].sort()
  )
  await locked(world, bob, [slotAt(0)])
})

t.test('replacing a lock that is over, or none of one’s own, changes nothing', async t => {
  const world = await serviceWorld(t)
  const old = await locked(world, ann, [slotAt(0)], { ttlMs: 10_000 })
  const bobs = await locked(world, bob, [slotAt(1)], { ttlMs: 1_800_000 })
  world.clock.ms += 10_000
  const replace = (replaces: string, slots = [slotAt(2)]) =>
    world.handlers.lock(ann, { calendar: demo, slots, replaces })
  t.equal(codeOf(await replace(old.id)), 'LOCK_EXPIRED')
  t.equal(codeOf(await replace(old.id, [slotAt(1)])), 'LOCK_EXPIRED', 'also when the slot is taken')
  t.equal(codeOf(await replace(bobs.id)), 'LOCK_NOT_FOUND')
  t.equal(
    codeOf(await replace(bobs.id, [slotAt(1)])),
    'LOCK_NOT_FOUND',
    'nobody’s slots are had by naming their lock'
  )
  t.equal(codeOf(await replace('AAAAAAAAAAAAAAAAAAAAAA')), 'LOCK_NOT_FOUND')
  t.equal(codeOf(await replace('not an id')), 'LOCK_NOT_FOUND')
  t.same(resultOf(await world.handlers.listLocks(ann, {})).locks, [])
})

t.test('a lock of one calendar may replace one of another, and both hear of it', async t => {
  const world = await serviceWorld(t)
  const definition = (await world.store.readCalendar(demo))!
  await world.store.putCalendar({ ...definition, id: 'other' as CalendarId })
  const old = await locked(world, ann, [slotAt(0)])
  world.announcer.rows = []
  await resultOf(await world.handlers.lock(ann, { calendar: 'other', slots: [slotAt(1)], replaces: old.id }))
  t.same(
    world.announcer.rows.map(row => [row.calendar, row.slot, row.state]),
    [
      ['demo', slotAt(0), 'free'],
      ['other', slotAt(1), 'locked']
    ]
  )
})

t.test('what is LATE is BUSY, and may come again', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)])
  const late = async () => ({ status: 'LATE' as const })
  const store = storeWith(world.store, { grant: late, extend: late, release: late })
  const other = await serviceWorld(t, { store, clock: world.clock })
  for (const outcome of [
    await other.handlers.lock(ann, { calendar: demo, slots: [slotAt(1)] }),
    await other.handlers.extend(ann, { lock: lock.id }),
    await other.handlers.release(ann, { lock: lock.id })
  ]) {
    t.match(refusalIn(outcome), { code: 'BUSY', retryAfterMs: Number })
  }
})

t.test('a conflict whose rows are gone is tried again, a few times, and then BUSY', async t => {
  const world = await serviceWorld(t)
  let conflicts = 0
  let left = 2
  const store = storeWith(world.store, {
    grant: async request => {
      if (left-- <= 0) return world.store.grant(request)
      conflicts += 1
      return { status: 'CONFLICT', rows: [] }
    }
  })
  const other = await serviceWorld(t, { store, clock: world.clock })
  t.equal(codeOf(await other.handlers.lock(ann, { calendar: demo, slots: [slotAt(0)] })), 'ok')
  t.equal(conflicts, 2)
  left = 100
  t.equal(codeOf(await other.handlers.lock(ann, { calendar: demo, slots: [slotAt(1)] })), 'BUSY')
  t.equal(conflicts, 5)
})

t.test('a broken store is told for what it is, and a bug is not hidden', async t => {
  t.match(refusalOf(new StoreUnavailable('out')), { code: 'STORE_UNAVAILABLE', retryAfterMs: Number })
  t.match(refusalOf(new StoreBusy('full')), { code: 'BUSY', retryAfterMs: Number })
  t.match(refusalOf(new OutcomeUnknown('lost')), {
    code: 'OUTCOME_UNKNOWN',
    message: /same requestId, if it had one .*GET \/v1\/locks/,
    retryAfterMs: Number
  })
  const bug = new StoreContractError('nonsense')
  t.throws(() => refusalOf(bug), bug)
})

t.test('a store that fails leaves nobody waiting at the gate', async t => {
  const world = await serviceWorld(t)
  let failing = true
  const store = storeWith(world.store, {
    grant: async request => {
      if (failing) throw new OutcomeUnknown('lost')
      return world.store.grant(request)
    }
  })
  const other = await serviceWorld(t, { store, clock: world.clock })
  const ask = (name: string) => other.handlers.lock(callerNamed(name), { calendar: demo, slots: [slotAt(0)] })
  const results = await Promise.allSettled([ask('a'), ask('b'), ask('c')])
  t.ok(results.every(one => one.status === 'rejected' && one.reason instanceof OutcomeUnknown))
  failing = false
  t.equal(codeOf(await ask('d')), 'ok')
})
