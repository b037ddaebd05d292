import { calendar, type Subject, soon } from '../clinic.js'
import type { Visitor } from '../visitor.js'

const customer = { name: 'Ann', email: 'ann@example.org', phone: '+33 1 23', note: 'window seat' }

/** A lock made permanent: by its live holder, once. */
export const booking: Subject = async (t, clinic, face) => {
  const { truth } = clinic.world

  await t.test('a booking is of the whole lock, and everybody sees it', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const slots = clinic.slots(2)
    const { lock } = await ann.must('lock', { calendar, slots })
    const meta = { shop: 7 }
    const booked = (await ann.must('book', { lock: lock.id, requestId: 'book', customer, meta })).booking
    t.match(booked, { calendar, slots, customer, meta, state: 'booked' })
    t.strictSame((await ann.must('listLocks')).locks, [], 'the lock is no lock any more')
    const taken = await bob.refused('lock', { calendar, slots: [slots[0]] })
    t.match(taken, {
      code: 'SLOT_UNAVAILABLE',
      details: { conflicts: [{ slot: slots[0], state: 'booked' }] }
    })
    for (const slot of slots)
      await soon(async () => (await clinic.stateOf(slot, clinic.world.b)).state === 'booked' || undefined)
    const rows = (await truth.bookings(calendar)).filter(row => row.lock === lock.id)
    t.match(rows, [{ id: booked.id, slots, state: 'booked' }])
  })

  await t.test('to book again is the same booking, and another requestId makes no second one', async t => {
    const ann = await clinic.ann(face)
    const elsewhere = await clinic.bob(face, ann.token)
    const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()] })
    const request = { lock: lock.id, requestId: 'twice', customer }
    const [one, other] = await Promise.all([ann.must('book', request), elsewhere.must('book', request)])
    t.strictSame(one, other)
    t.strictSame(await ann.must('book', request), one)
    t.strictSame(await ann.must('book', { lock: lock.id, requestId: 'thrice', customer }), one)
    const changed = { ...request, customer: { name: 'Anna' } }
    t.equal((await ann.refused('book', changed)).code, 'IDEMPOTENCY_MISMATCH')
    t.equal((await truth.bookings(calendar)).filter(row => row.lock === lock.id).length, 1)
  })

  const lapsed = async (ann: Visitor, slots: string[]): Promise<string> => {
    const { lock } = await ann.must('lock', { calendar, slots, ttlMs: 300 })
    await soon(async () => ((await ann.must('listLocks')).locks.length === 0 ? true : undefined))
    return lock.id
  }

  await t.test('a lapsed lock is booked only if one says so, and only while nobody took a slot', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const slots = clinic.slots(2)
    const lock = await lapsed(ann, slots)
    t.equal((await ann.refused('book', { lock, requestId: 'late', customer })).code, 'LOCK_EXPIRED')
    const late = await ann.must('book', { lock, requestId: 'late-2', customer, ifStillFree: true })
    t.match(late.booking, { slots, state: 'booked' })

    const others = clinic.slots(2)
    const second = await lapsed(ann, others)
    await bob.must('lock', { calendar, slots: [others[1]] })
    const { code, details } = await ann.refused('book', {
      ...{ lock: second, requestId: 'late-3', customer, ifStillFree: true }
    })
    t.equal(code, 'SLOT_UNAVAILABLE')
    t.match(details?.conflicts, [{ slot: others[1], state: 'locked' }])
    t.equal((await clinic.stateOf(others[0]!)).state, 'free', 'and nothing was booked')
  })

  await t.test('a released lock cannot be booked', async t => {
    const ann = await clinic.ann(face)
    const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()] })
    await ann.must('release', { lock: lock.id })
    t.equal((await ann.refused('book', { lock: lock.id, requestId: 'x', customer })).code, 'LOCK_EXPIRED')
  })

  await t.test('what is kept about a person has bounds, told by field', async t => {
    const ann = await clinic.ann(face)
    const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()] })
    const at = async (params: object): Promise<unknown> => {
      const { code, details } = await ann.refused('book', {
        lock: lock.id,
        requestId: 'x',
        customer,
        ...params
      })
      t.equal(code, 'INVALID_REQUEST')
      return details?.fields?.[0]?.field
    }
    t.equal(await at({ customer: { name: '' } }), 'customer/name')
    t.equal(await at({ customer: { name: '  ' } }), 'customer/name')
    t.equal(await at({ customer: { name: 'a'.repeat(201) } }), 'customer/name')
    t.equal(await at({ customer: { name: 'Ann', email: 'a'.repeat(255) } }), 'customer/email')
    t.equal(await at({ customer: { name: 'Ann', phone: '1'.repeat(33) } }), 'customer/phone')
    t.equal(await at({ customer: { name: 'Ann', note: 'a'.repeat(2_001) } }), 'customer/note')
    t.equal(await at({ customer: {} }), 'customer/name')
    t.equal(await at({ customer: undefined }), 'customer')
    t.equal(await at({ meta: 'a'.repeat(2_048) }), 'meta')
    t.equal((await ann.must('listLocks')).locks.length, 1, 'and the lock is as it was')
  })

  await t.test(
    'a cancelled booking frees its slots, for who booked and for staff, and for nobody else',
    async t => {
      const ann = await clinic.ann(face)
      const bob = await clinic.bob(face)
      const staff = await clinic.bob(face, clinic.world.tokenOf('staff'))
      const foreignStaff = await clinic.bob(face, clinic.world.tokenOf('staff', ['elsewhere']))
      for (const canceller of [ann, staff]) {
        const slots = clinic.slots(2)
        const { lock } = await ann.must('lock', { calendar, slots })
        const { id } = (await ann.must('book', { lock: lock.id, requestId: lock.id, customer })).booking
        for (const stranger of [bob, foreignStaff])
          t.equal((await stranger.refused('cancelBooking', { booking: id })).code, 'BOOKING_NOT_FOUND')
        t.equal((await clinic.stateOf(slots[0]!)).state, 'booked')
        await canceller.must('cancelBooking', { booking: id })
        await canceller.must('cancelBooking', { booking: id })
        const { lock: next } = await bob.must('lock', { calendar, slots })
        t.strictSame(next.slots, slots)
        await bob.must('release', { lock: next.id })
      }
      t.equal((await ann.refused('cancelBooking', { booking: 'none' })).code, 'BOOKING_NOT_FOUND')
    }
  )
}
