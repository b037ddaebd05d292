import t from 'tap'
import type { BookingId, CalendarId } from '../../../src/domain/ids.js'
import { metaBytesMax } from '../../../src/protocol/schemas.js'
import {
  callerNamed,
  codeOf,
  demo,
  locked,
  refusalIn,
  resultOf,
  type ServiceWorld,
  serviceWorld,
  slotAt,
  storeWith,
  thursday
} from '../service-world.js'

const ann = callerNamed('ann')
const bob = callerNamed('bob')
const customer = { name: 'Ann Example', email: 'ann@example.org' }

async function booked(world: ServiceWorld, lock: string, requestId?: string) {
  const params = { lock, customer, ...(requestId === undefined ? {} : { requestId }) }
  return resultOf(await world.handlers.book(ann, params)).booking
}

t.test('a lock becomes a booking, and everybody is told', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0), slotAt(1)])
  world.announcer.rows = []
  const outcome = await world.handlers.book(ann, { lock: lock.id, customer, meta: { visit: 'first' } })
  t.same(
    { ...resultOf(outcome).booking, id: '' },
    {
      id: '',
      calendar: demo,
      slots: lock.slots,
      customer,
      meta: { visit: 'first' },
      state: 'booked',
      bookedAt: thursday
    }
  )
  t.same(
    world.announcer.rows.map(row => row.state),
    ['booked', 'booked']
  )
  t.match(world.announcer.locks.at(-1), { id: lock.id, state: 'booked' })
  t.match(refusalIn(await world.handlers.lock(bob, { calendar: demo, slots: [slotAt(0)] })).details, {
    conflicts: [{ slot: slotAt(0), state: 'booked' }]
  })
})

t.test('booking again gives the same booking, by request and by lock', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)])
  const first = await booked(world, lock.id, 'b1')
  t.same(await booked(world, lock.id, 'b1'), first)
  t.same(await booked(world, lock.id, 'b2'), first)
  t.same(await booked(world, lock.id), first)
  const other = await world.handlers.book(ann, {
    lock: lock.id,
    requestId: 'b1',
    customer: { ...customer, name: 'Else' }
  })
  t.equal(codeOf(other), 'IDEMPOTENCY_MISMATCH')
  const members = await world.handlers.book(ann, {
    lock: lock.id,
    requestId: 'b1',
    customer: { email: customer.email, name: customer.name }
  })
  t.equal(codeOf(members), 'ok', 'the order of members is no content')
})

t.test('a requestId of a lock and one of a booking have nothing to do with each other', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)], { requestId: 'same' })
  const booking = await booked(world, lock.id, 'same')
  t.not(booking.id, lock.id)
})

t.test('only the holder books, and only while the lock lives', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)], { ttlMs: 10_000 })
  t.equal(codeOf(await world.handlers.book(bob, { lock: lock.id, customer })), 'LOCK_NOT_FOUND')
  t.equal(codeOf(await world.handlers.book(ann, { lock: 'nonsense', customer })), 'LOCK_NOT_FOUND')
  t.equal(
    codeOf(await world.handlers.book({ ...ann, session: undefined }, { lock: lock.id, customer })),
    'UNAUTHENTICATED'
  )
  world.clock.ms += 10_000
  t.equal(codeOf(await world.handlers.book(ann, { lock: lock.id, requestId: 'b', customer })), 'LOCK_EXPIRED')
  const next = await locked(world, ann, [slotAt(0)])
  const refused = { lock: next.id, requestId: 'b', customer }
  t.equal(codeOf(await world.handlers.book(ann, refused)), 'ok', 'a refusal keeps no requestId')
})

t.test('after the end it is booked all the same if it is still free and was asked for so', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)], { ttlMs: 10_000 })
  const lost = await locked(world, ann, [slotAt(1), slotAt(2)], { ttlMs: 10_000 })
  world.clock.ms += 10_000
  await locked(world, bob, [slotAt(2)])
  const ask = (id: string) => world.handlers.book(ann, { lock: id, customer, ifStillFree: true })
  t.equal(codeOf(await ask(lock.id)), 'ok')
  const refusal = refusalIn(await ask(lost.id))
  t.equal(refusal.code, 'SLOT_UNAVAILABLE')
  t.match(refusal.details?.conflicts, [{ slot: slotAt(2), state: 'locked', expiresInMs: 600_000 }])
  t.equal(refusal.details?.conflicts?.length, 1)
  await locked(world, bob, [slotAt(1)])
})

t.test('a conflict whose rows are gone is tried again, a few times, and then BUSY; so is LATE', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)])
  let left = 2
  const store = storeWith(world.store, {
    book: async request => (left-- > 0 ? { status: 'CONFLICT', rows: [] } : world.store.book(request))
  })
  const other = await serviceWorld(t, { store, clock: world.clock })
  t.equal(codeOf(await other.handlers.book(ann, { lock: lock.id, customer })), 'ok')
  left = 1_000
  t.match(refusalIn(await other.handlers.book(ann, { lock: lock.id, customer })), {
    code: 'BUSY',
    retryAfterMs: Number
  })
  t.equal(left, 997, 'three attempts')

  const late = storeWith(world.store, { book: async () => ({ status: 'LATE' }) })
  const third = await serviceWorld(t, { store: late, clock: world.clock })
  t.equal(codeOf(await third.handlers.book(ann, { lock: lock.id, customer })), 'BUSY')
})

t.test('what a customer and meta may be is bounded', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)])
  const ask = (params: { customer?: { name: string }; meta?: unknown }) =>
    world.handlers.book(ann, { lock: lock.id, customer, ...params })
  t.match(refusalIn(await ask({ customer: { name: ' \t ' } })), {
    code: 'INVALID_REQUEST',
    details: { fields: [{ field: 'customer/name' }] }
  })
  // two characters of quotes, and each é is two bytes of JSON though one character
  const full = 'é'.repeat((metaBytesMax - 2) / 2)
  t.match(refusalIn(await ask({ meta: `${full}x` })), { details: { fields: [{ field: 'meta' }] } })
  t.equal(codeOf(await ask({ meta: full })), 'ok')
})

t.test('of a customer only what the contract names is kept', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)])
  const tattle = { ...customer, birthday: '1990-01-01' }
  const { booking } = resultOf(await world.handlers.book(ann, { lock: lock.id, customer: tattle }))
  t.same(booking.customer, customer)
  const stored = await world.store.readBooking(booking.id as BookingId)
  t.notMatch(JSON.stringify(stored), 'birthday')
})

t.test(
  'a booking is cancelled by who booked it or by staff of its calendar, and frees its slots',
  async t => {
    const world = await serviceWorld(t)
    const other = ['other' as CalendarId]
    const book = async () => booked(world, (await locked(world, ann, [slotAt(0)])).id)
    for (const [who, code] of [
      [ann, 'ok'],
      [callerNamed('sue', 'staff', [demo]), 'ok'],
      [{ ...callerNamed('sue', 'admin'), session: undefined }, 'ok'],
      [bob, 'BOOKING_NOT_FOUND'],
      [callerNamed('sue', 'staff', other), 'BOOKING_NOT_FOUND'],
      [{ ...bob, session: undefined }, 'BOOKING_NOT_FOUND']
    ] as const) {
      const booking = await book()
      world.announcer.rows = []
      t.equal(codeOf(await world.handlers.cancelBooking(who, { booking: booking.id })), code)
      if (code === 'ok') {
        t.match(world.announcer.rows, [{ slot: slotAt(0), state: 'free' }])
        t.equal(
          codeOf(await world.handlers.cancelBooking(who, { booking: booking.id })),
          'ok',
          'twice is once'
        )
        t.equal(world.announcer.rows.length, 1)
      } else {
        t.same(world.announcer.rows, [])
        resultOf(await world.handlers.cancelBooking(ann, { booking: booking.id }))
      }
    }
    t.equal(codeOf(await world.handlers.cancelBooking(ann, { booking: 'nonsense' })), 'BOOKING_NOT_FOUND')
    t.equal(
      codeOf(await world.handlers.cancelBooking(ann, { booking: 'AAAAAAAAAAAAAAAAAAAAAA' })),
      'BOOKING_NOT_FOUND'
    )
  }
)
