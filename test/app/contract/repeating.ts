import { calendar, range, type Subject } from '../clinic.js'

/** How wrong an instance may be about the database's clock; see clockErrorMaxMs in the store's settings. */
const clocksApartMsMax = 250

/** A request that names itself is one request, however often, wherever and whenever it arrives. */
export const repeating: Subject = async (t, clinic, face) => {
  const { truth } = clinic.world

  await t.test('the same request again is the same lock as it is now, at the other instance too', async t => {
    const ann = await clinic.ann(face)
    const again = await clinic.bob(face, ann.token)
    const request = { calendar, slots: clinic.slots(2), requestId: 'once', ttlMs: 60_000 }
    const { lock } = await ann.must('lock', request)
    const replayed = (await again.must('lock', { ...request, slots: [...request.slots].reverse() })).lock
    t.strictSame({ ...replayed, expiresInMs: 0 }, { ...lock, expiresInMs: 0 })
    const apart = lock.expiresInMs - replayed.expiresInMs
    t.ok(
      apart > -clocksApartMsMax,
      'with the time that is left now, by the clock as each of the two knows it'
    )
    const extended = (await ann.must('extend', { lock: lock.id, ttlMs: 120_000 })).lock
    t.equal((await again.must('lock', request)).lock.expiresAt, extended.expiresAt)
  })

  await t.test('two that arrive at the same time at two instances are one', async t => {
    for (let round = 0; round < 10; round++) {
      const ann = await clinic.ann(face)
      const again = await clinic.bob(face, ann.token)
      const request = { calendar, slots: clinic.slots(2), requestId: `twins-${round}` }
      const [one, other] = await Promise.all([ann.must('lock', request), again.must('lock', request)])
      t.equal(one.lock.id, other.lock.id)
      t.equal(one.lock.fence, other.lock.fence)
      const locks = (await truth.locks(calendar)).filter(lock => lock.slots[0] === request.slots[0])
      t.equal(locks.length, 1, 'one lock in the database')
    }
  })

  await t.test('a request whose lock was released is answered with that, and never locks anew', async t => {
    const ann = await clinic.ann(face)
    const slots = [clinic.slot()]
    const request = { calendar, slots, requestId: 'long ago'.replace(' ', '-') }
    const { lock } = await ann.must('lock', request)
    await ann.must('release', { lock: lock.id })
    t.match(await ann.must('lock', request), { lock: { id: lock.id, state: 'released', expiresInMs: 0 } })
    t.equal((await clinic.stateOf(slots[0]!)).state, 'free')
    const bob = await clinic.bob(face)
    await bob.must('lock', { calendar, slots })
    t.match(
      await ann.must('lock', request),
      { lock: { state: 'released' } },
      'also when somebody else has it'
    )
  })

  await t.test('the same id with other content is a mismatch, and changes nothing', async t => {
    const ann = await clinic.ann(face)
    const request = { calendar, slots: clinic.slots(2), requestId: 'mismatch' }
    await ann.must('lock', request)
    for (const other of [{ slots: [request.slots[0]] }, { slots: [clinic.slot()] }, { ttlMs: 60_000 }])
      t.equal((await ann.refused('lock', { ...request, ...other })).code, 'IDEMPOTENCY_MISMATCH')
    t.equal((await ann.must('listLocks')).locks.length, 1)
  })

  await t.test('a refusal is not kept: the same id may try again', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const slots = [clinic.slot()]
    const { lock } = await ann.must('lock', { calendar, slots })
    const request = { calendar, slots, requestId: 'again' }
    t.equal((await bob.refused('lock', request)).code, 'SLOT_UNAVAILABLE')
    await ann.must('release', { lock: lock.id })
    t.equal((await bob.must('lock', request)).lock.state, 'held')
  })

  await t.test('the same id of two sessions is two requests', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const one = await ann.must('lock', { calendar, slots: [clinic.slot()], requestId: 'mine' })
    const other = await bob.must('lock', { calendar, slots: [clinic.slot()], requestId: 'mine' })
    t.not(one.lock.id, other.lock.id)
  })
}

/** One lock gives way to another in one step, or nothing changes. */
export const replacing: Subject = async (t, clinic, face) => {
  await t.test('the new slots are taken and the rest of the old ones freed together', async t => {
    const ann = await clinic.ann(face)
    const [first, second, third] = clinic.slots(3) as [string, string, string]
    const old = (await ann.must('lock', { calendar, slots: [first, second] })).lock
    const { lock } = await ann.must('lock', { calendar, slots: [second, third], replaces: old.id })
    t.strictSame(lock.slots, [second, third])
    t.ok(lock.fence > old.fence)
    const { slots } = await clinic.read()
    const states = [first, second, third].map(slot => slots.find(one => one.slot === slot)?.state)
    t.strictSame(states, ['free', 'locked', 'locked'])
    t.strictSame(
      (await ann.must('listLocks')).locks.map(({ id }) => id),
      [lock.id]
    )
    t.equal((await ann.refused('extend', { lock: old.id })).code, 'LOCK_EXPIRED')
  })

  await t.test('when one of the new slots is taken, the old lock stays whole', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const [first, second, third] = clinic.slots(3) as [string, string, string]
    const old = (await ann.must('lock', { calendar, slots: [first, second] })).lock
    await bob.must('lock', { calendar, slots: [third] })
    const { code, details } = await ann.refused('lock', {
      calendar,
      slots: [second, third],
      replaces: old.id
    })
    t.equal(code, 'SLOT_UNAVAILABLE')
    t.strictSame(
      details?.conflicts?.map(({ slot }) => slot),
      [third]
    )
    t.match(await ann.must('listLocks'), { locks: [{ id: old.id, state: 'held', slots: [first, second] }] })
    t.equal((await clinic.stateOf(first)).state, 'locked')
  })

  await t.test('what is over cannot be replaced, and what is somebody else’s is not found', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const slots = [clinic.slot()]
    const released = (await ann.must('lock', { calendar, slots: [clinic.slot()] })).lock
    await ann.must('release', { lock: released.id })
    t.equal((await ann.refused('lock', { calendar, slots, replaces: released.id })).code, 'LOCK_EXPIRED')
    const ofBob = (await bob.must('lock', { calendar, slots: [clinic.slot()] })).lock
    t.equal((await ann.refused('lock', { calendar, slots, replaces: ofBob.id })).code, 'LOCK_NOT_FOUND')
    t.equal((await ann.refused('lock', { calendar, slots, replaces: 'none' })).code, 'LOCK_NOT_FOUND')
    t.equal((await clinic.stateOf(slots[0]!)).state, 'free')
    t.match(await bob.must('listLocks'), { locks: [{ id: ofBob.id }] })
    t.ok((await bob.must('readSlots', range)).slots.length > 0)
  })
}
