import type { ResultOf } from '../../../src/protocol/operations.js'
import { calendar, day, type Subject, slotAt, soon } from '../clinic.js'

/** What a booking back end may do for its calendars, in the place of those who use them. */
export const hosts: Subject = async (t, clinic, face) => {
  const { tokenOf } = clinic.world
  const openHost = (calendars: readonly string[] = [calendar]) => clinic.bob(face, tokenOf('host', calendars))
  const customer = { name: 'Ann', email: 'ann@example.com' }

  await t.test(
    'a host books the lock that a visitor holds: it is the visitor’s, and the trail says who did it',
    async t => {
      const ann = await clinic.ann('ws')
      const host = await openHost()
      const slots = clinic.slots(2)
      const { lock } = await ann.must('lock', { calendar, slots })
      const { locks } = await host.must('staffLocks', { calendar })
      t.match(
        locks.find(({ id }) => id === lock.id),
        { session: ann.session.session }
      )
      const { booking } = await host.must('book', {
        lock: lock.id,
        requestId: 'h1',
        customer,
        meta: { order: 7 }
      })
      t.match(await ann.next('lock', push => (push.lock as { state: string }).state === 'booked'), {
        lock: { id: lock.id }
      })
      const again = { lock: lock.id, requestId: 'h1', customer, meta: { order: 7 } }
      t.equal((await host.must('book', again)).booking.id, booking.id)
      t.match(await host.must('readBooking', { booking: booking.id }), {
        booking: {
          id: booking.id,
          calendar,
          slots,
          customer,
          meta: { order: 7 },
          state: 'booked',
          lock: lock.id,
          session: ann.session.session
        }
      })
      await host.must('cancelBooking', { booking: booking.id })
      t.match(await host.must('readBooking', { booking: booking.id }), { booking: { state: 'cancelled' } })
      await soon(async () => (await clinic.stateOf(slots[0]!)).state === 'free' || undefined)
      const staff = await clinic.bob(face, tokenOf('staff', [calendar]))
      const { entries } = await staff.must('readAudit', { calendar })
      const actor = { role: 'host', session: host.session.session }
      t.match(
        entries.filter(entry => entry.booking === booking.id),
        [
          { type: 'cancelled', actor, session: ann.session.session },
          { type: 'booked', actor, session: ann.session.session }
        ]
      )
    }
  )

  await t.test('a host books no lock that is over, and cancels what visitors booked themselves', async t => {
    const ann = await clinic.ann(face)
    const host = await openHost()
    const slot = clinic.slot()
    const { lock } = await ann.must('lock', { calendar, slots: [slot] })
    await ann.must('release', { lock: lock.id })
    t.equal((await host.refused('book', { lock: lock.id, requestId: 'h', customer })).code, 'LOCK_EXPIRED')
    t.equal(
      (await host.refused('book', { lock: 'a'.repeat(22), requestId: 'h', customer })).code,
      'LOCK_NOT_FOUND'
    )
    const { lock: next } = await ann.must('lock', { calendar, slots: [slot] })
    const { booking } = await ann.must('book', { lock: next.id, requestId: 'a', customer })
    await host.must('cancelBooking', { booking: booking.id })
  })

  await t.test('hosts of other calendars and visitors may do nothing of it', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const stranger = await openHost(['elsewhere'])
    const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()] })
    const book = { lock: lock.id, requestId: 's', customer }
    t.equal((await stranger.refused('book', book)).code, 'FORBIDDEN')
    t.equal((await bob.refused('book', book)).code, 'LOCK_NOT_FOUND')
    const { booking } = await ann.must('book', { lock: lock.id, requestId: 'a', customer })
    t.equal((await stranger.refused('cancelBooking', { booking: booking.id })).code, 'BOOKING_NOT_FOUND')
    t.equal((await stranger.refused('readBooking', { booking: booking.id })).code, 'FORBIDDEN')
    t.equal((await stranger.refused('listBookings', { calendar })).code, 'FORBIDDEN')
    t.equal((await stranger.refused('staffLocks', { calendar })).code, 'FORBIDDEN')
    for (const visitor of [ann, bob]) {
      t.equal((await visitor.refused('readBooking', { booking: booking.id })).code, 'FORBIDDEN')
      t.equal((await visitor.refused('listBookings', { calendar })).code, 'FORBIDDEN')
    }
    const host = await openHost()
    t.equal((await host.refused('readBooking', { booking: 'a'.repeat(22) })).code, 'BOOKING_NOT_FOUND')
    for (const operation of ['revoke', 'block', 'readAudit', 'putCalendar'] as const) {
      const params = { lock: lock.id, calendar, slots: [clinic.slot()] }
      t.equal((await host.refused(operation, params)).code, 'FORBIDDEN', operation)
    }
  })

  await t.test('bookings are read page by page, each once, by the days of their slots', async t => {
    const ann = await clinic.ann(face)
    const host = await openHost()
    const on = (index: number, length: number) =>
      Array.from({ length }, (_, step) => slotAt('room-39', face === 'http' ? 3 : 4, index + step))
    const booked: string[] = []
    for (const slots of [on(0, 1), on(4, 3), on(2, 2), on(10, 1)]) {
      const { lock } = await ann.must('lock', { calendar, slots })
      const { booking } = await ann.must('book', { lock: lock.id, requestId: `b${slots[0]}`, customer })
      booked.push(booking.id)
    }
    const [first, third, second, gone] = booked as [string, string, string, string]
    await ann.must('cancelBooking', { booking: gone })
    const date = day(face === 'http' ? 3 : 4)
    const read: string[] = []
    for (let cursor: string | undefined, pages = 0; pages < 20; pages++) {
      const page: ResultOf<'listBookings'> = await host.must('listBookings', {
        ...{ calendar, from: date, to: date, limit: 2 },
        ...(cursor && { cursor })
      })
      read.push(...page.bookings.map(({ id }) => id))
      cursor = page.cursor
      if (cursor === undefined) break
    }
    t.strictSame(read, [first, second, third])
    const { bookings } = await host.must('listBookings', { calendar })
    t.ok(bookings.length >= 3)
    t.match(
      bookings.find(({ id }) => id === first),
      { customer, session: ann.session.session }
    )
    for (const params of [
      { cursor: 'x' },
      { from: '2026-02-30' },
      { from: day(1), to: day(0) },
      { limit: 501 }
    ])
      t.equal((await host.refused('listBookings', { calendar, ...params })).code, 'INVALID_REQUEST')
    t.equal(
      (await (await openHost(['nowhere'])).refused('listBookings', { calendar: 'nowhere' })).code,
      'CALENDAR_NOT_FOUND'
    )
  })
}
