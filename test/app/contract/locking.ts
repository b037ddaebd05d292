import { calendar, type Subject, slotAt, soon } from '../clinic.js'

/** Half of a slow round trip, and then some. */
const clockBeliefsApartMs = 250

/** Taking slots: all or none, once, within bounds. */
export const locking: Subject = async (t, clinic, face) => {
  const { truth } = clinic.world

  await t.test(
    'several slots are locked together, and the other instance says who is in the way',
    async t => {
      const ann = await clinic.ann(face)
      const bob = await clinic.bob(face)
      const slots = clinic.slots(3)
      const { lock } = await ann.must('lock', { calendar, slots: [...slots].reverse() })
      t.match(lock, { calendar, slots, state: 'held' })
      t.ok(lock.expiresInMs > 590_000 && lock.expiresInMs <= 600_000)
      t.equal(lock.extendableUntil - lock.createdAt, bob.session.limits.lockLifeMaxMs)

      const taken = await bob.refused('lock', { calendar, slots: [slots[1], slots[2], clinic.slot()] })
      t.equal(taken.code, 'SLOT_UNAVAILABLE')
      const conflicts = taken.details?.conflicts ?? []
      t.strictSame(conflicts.map(({ slot }) => slot).sort(), [slots[1], slots[2]])
      for (const conflict of conflicts) {
        t.match(conflict, { state: 'locked', expiresAt: lock.expiresAt })
        t.ok(conflict.expiresInMs! > 580_000 && conflict.expiresInMs! <= 600_000, 'when it may come free')
        t.notOk('mine' in conflict, 'it is not his')
      }
      t.strictSame((await bob.must('listLocks')).locks, [], 'and nothing of it was taken')
    }
  )

  await t.test('one is told that what is in the way is one’s own', async t => {
    const ann = await clinic.ann(face)
    const slots = clinic.slots(2)
    await ann.must('lock', { calendar, slots })
    const { code, details } = await ann.refused('lock', { calendar, slots: [slots[0]] })
    t.equal(code, 'SLOT_UNAVAILABLE')
    t.match(details?.conflicts, [{ slot: slots[0], state: 'locked', mine: true }])
  })

  await t.test(
    'a lock is listed at the other instance too, with its fence and what is left of it',
    async t => {
      const ann = await clinic.ann(face)
      const elsewhere = await clinic.bob(face, ann.token)
      const { lock } = await ann.must('lock', { calendar, slots: clinic.slots(2) })
      const { locks } = await elsewhere.must('listLocks')
      t.strictSame(locks, [{ ...lock, expiresInMs: locks[0]?.expiresInMs }])
      t.strictSame(await elsewhere.must('listLocks', { calendar: 'another' }), { locks: [] })
    }
  )

  await t.test('a later lock on a slot has the greater fence', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const slots = [clinic.slot()]
    const first = (await ann.must('lock', { calendar, slots })).lock
    await ann.must('release', { lock: first.id })
    const second = (await bob.must('lock', { calendar, slots })).lock
    t.ok(second.fence > first.fence)
  })

  await t.test('a lock that lapsed is anybody’s', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const slots = [clinic.slot()]
    const { lock } = await ann.must('lock', { calendar, slots, ttlMs: 800 })
    const waited = await soon(async () => {
      const got = await bob.ask('lock', { calendar, slots })
      if (!got.ok)
        t.match(got.error, { code: 'SLOT_UNAVAILABLE', details: { conflicts: [{ slot: slots[0] }] } })
      return got.ok ? got.result.lock : undefined
    })
    // Both times are what an instance believed the database's clock to be; on a busy machine they believe apart.
    t.ok(waited.createdAt >= lock.expiresAt - clockBeliefsApartMs, 'and not sooner, by the database’s clock')
  })

  await t.test('the bounds of one request are told by field', async t => {
    const ann = await clinic.ann(face)
    const slot = clinic.slot()
    const at = async (params: object): Promise<unknown> => {
      const { code, details } = await ann.refused('lock', { calendar, slots: [slot], ...params })
      t.equal(code, 'INVALID_REQUEST')
      t.not(details?.fields?.[0]?.problem, '')
      return details?.fields?.[0]?.field
    }
    t.equal(await at({ slots: Array.from({ length: 33 }, (_, i) => slotAt('room-39', 3, i)) }), 'slots')
    t.equal(await at({ slots: [] }), 'slots')
    t.equal(await at({ slots: [slot, slot] }), 'slots')
    t.equal(await at({ slots: slot }), 'slots')
    t.equal(await at({ slots: ['room-1/2026-02-30T10:00Z'] }), 'slots/0', 'no such day')
    t.equal(await at({ slots: [slot.replace('Z', '+00:00')] }), 'slots/0', 'another spelling')
    t.equal(await at({ ttlMs: 299 }), 'ttlMs')
    t.equal(await at({ ttlMs: 1_800_001 }), 'ttlMs')
    t.equal(await at({ ttlMs: 1_000.5 }), 'ttlMs')
    t.equal(await at({ ttlMs: 'long' }), 'ttlMs')
    t.equal(await at({ requestId: 'a'.repeat(65) }), 'requestId')
    t.strictSame(await ann.must('listLocks'), { locks: [] }, 'and nothing was locked')
  })

  await t.test('what the calendar does not offer cannot be locked', async t => {
    const ann = await clinic.ann(face)
    const codeOf = async (...slots: string[]): Promise<string> =>
      (await ann.refused('lock', { calendar, slots })).code
    t.equal(await codeOf(slotAt('room-0', 2, -1)), 'SLOT_NOT_FOUND', 'before the opening')
    t.equal(await codeOf(slotAt('room-0', 2, 24)), 'SLOT_NOT_FOUND', 'at the closing')
    t.equal(await codeOf(slotAt('room-0', 2, 0).replace('08:00', '08:10')), 'SLOT_NOT_FOUND', 'off the grid')
    t.equal(await codeOf(slotAt('nobody', 2, 0)), 'SLOT_NOT_FOUND', 'of nobody')
    t.equal(await codeOf(clinic.slot(), slotAt('nobody', 2, 0)), 'SLOT_NOT_FOUND', 'not even one of two')
    const nowhere = await ann.refused('lock', { calendar: 'nowhere', slots: [clinic.slot()] })
    t.equal(nowhere.code, 'CALENDAR_NOT_FOUND')
    const past = await ann.refused('lock', { calendar, slots: [slotAt('room-0', -1, 4)] })
    t.match(past, {
      code: 'SLOT_UNAVAILABLE',
      details: { conflicts: [{ slot: slotAt('room-0', -1, 4), state: 'past' }] }
    })
  })

  await t.test('a session has eight locks at once, 64 slots and 32 in one', async t => {
    const ann = await clinic.ann(face)
    const ids: string[] = []
    for (let n = 0; n < 8; n++)
      ids.push((await ann.must('lock', { calendar, slots: [clinic.slot()] })).lock.id)
    t.match(await ann.refused('lock', { calendar, slots: [clinic.slot()] }), {
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'LOCKS_PER_SESSION_MAX', max: 8 }
    })
    await ann.must('release', { lock: ids[0] })
    await ann.must('lock', { calendar, slots: [clinic.slot()] })

    const bob = await clinic.bob(face)
    const many = [...clinic.slots(16), ...clinic.slots(16)]
    t.equal((await bob.must('lock', { calendar, slots: many })).lock.slots.length, 32)
    await bob.must('lock', { calendar, slots: [...clinic.slots(16), ...clinic.slots(16)] })
    const one = clinic.slot()
    t.match(await bob.refused('lock', { calendar, slots: [one] }), {
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'LOCKED_SLOTS_PER_SESSION_MAX', max: 64 }
    })
    t.equal((await clinic.stateOf(one)).state, 'free')
  })

  await t.test('what was acknowledged is in the database', async t => {
    const ann = await clinic.ann(face)
    const slots = clinic.slots(2)
    const { lock } = await ann.must('lock', { calendar, slots })
    t.match(await truth.lock(lock.id), { slots, state: 'held', expiresMs: lock.expiresAt })
    const rows = (await truth.slots(calendar)).filter(row => slots.includes(row.slot))
    t.match(
      rows,
      slots.map(slot => ({ slot, state: 'locked', token: lock.id, expiresMs: lock.expiresAt }))
    )
  })
}
