import t from 'tap'
import type { CalendarId } from '../../../src/domain/ids.js'
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
  storeWith
} from '../service-world.js'

const ann = callerNamed('ann')
const bob = callerNamed('bob')
const staff = callerNamed('sue', 'staff', [demo])
const strangeStaff = callerNamed('sam', 'staff', ['other' as CalendarId])

t.test('staff close free slots; what somebody holds stays theirs, and both are shown', async t => {
  const world = await serviceWorld(t)
  await locked(world, ann, [slotAt(1)])
  world.announcer.rows = []
  const { slots } = resultOf(
    await world.handlers.block(staff, { calendar: demo, slots: [slotAt(1), slotAt(0)] })
  )
  t.match(slots, [
    { slot: slotAt(0), state: 'blocked' },
    { slot: slotAt(1), state: 'locked', by: viewerTag(sessionNamed('ann'), demo) }
  ])
  t.match(world.announcer.rows, [{ slot: slotAt(0), state: 'blocked' }])
  t.equal(world.announcer.rows.length, 1, 'what was left alone is no news')
  const refusal = refusalIn(await world.handlers.lock(bob, { calendar: demo, slots: [slotAt(0)] }))
  t.same(refusal.details?.conflicts, [{ slot: slotAt(0), state: 'blocked' }])
})

t.test('opened again a slot can be had; opening what nobody closed changes nothing', async t => {
  const world = await serviceWorld(t)
  await world.handlers.block(staff, { calendar: demo, slots: [slotAt(0)] })
  const held = await locked(world, ann, [slotAt(1)])
  const { slots } = resultOf(
    await world.handlers.unblock(staff, { calendar: demo, slots: [slotAt(0), slotAt(1), slotAt(2)] })
  )
  t.match(slots, [
    { slot: slotAt(0), state: 'free' },
    { slot: slotAt(1), state: 'locked', ver: held.fence },
    { slot: slotAt(2), state: 'free' }
  ])
  t.equal(slots.length, 3)
  await locked(world, bob, [slotAt(0)])
})

t.test('the calendar of a block must exist, be covered, and have the slots', async t => {
  const world = await serviceWorld(t)
  const block = (calendar: string, slot: string, caller = staff) =>
    world.handlers.block(caller, { calendar, slots: [slot] })
  t.equal(codeOf(await block('nowhere', slotAt(0), callerNamed('a', 'admin'))), 'CALENDAR_NOT_FOUND')
  t.equal(codeOf(await block(demo, slotAt(0), strangeStaff)), 'FORBIDDEN')
  t.equal(codeOf(await block(demo, 'dr-lee/2026-01-15T03:00Z')), 'SLOT_NOT_FOUND')
  t.equal(codeOf(await block(demo, 'dr-lee/2026-02-30T03:00Z')), 'INVALID_REQUEST')
  t.equal(
    codeOf(await world.handlers.unblock(strangeStaff, { calendar: demo, slots: [slotAt(0)] })),
    'FORBIDDEN'
  )
})

t.test('staff see who holds what, with session and address', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)])
  t.match(resultOf(await world.handlers.staffLocks(staff, { calendar: demo })), {
    locks: [
      { id: lock.id, session: ann.session, address: '192.0.2.7', userAgent: 'test', since: lock.createdAt }
    ],
    selections: []
  })
  t.equal(codeOf(await world.handlers.staffLocks(strangeStaff, { calendar: demo })), 'FORBIDDEN')
})

t.test(
  'staff end a lock of their calendar, its holder is told why, and can neither extend nor book',
  async t => {
    const world = await serviceWorld(t)
    const lock = await locked(world, ann, [slotAt(0)])
    t.equal(codeOf(await world.handlers.revoke(strangeStaff, { lock: lock.id })), 'FORBIDDEN')
    t.equal(codeOf(await world.handlers.revoke(staff, { lock: 'nonsense' })), 'LOCK_NOT_FOUND')
    t.equal(codeOf(await world.handlers.revoke(staff, { lock: 'AAAAAAAAAAAAAAAAAAAAAA' })), 'LOCK_NOT_FOUND')
    t.same(resultOf(await world.handlers.revoke(staff, { lock: lock.id, reason: 'called in ill' })), {
      revoked: true
    })
    t.match(world.announcer.locks.at(-1), { id: lock.id, state: 'revoked', reason: 'called in ill' })
    t.match(world.announcer.rows.at(-1), { slot: slotAt(0), state: 'free' })
    t.equal(codeOf(await world.handlers.extend(ann, { lock: lock.id })), 'LOCK_EXPIRED')
    const customer = { name: 'Ann' }
    t.equal(
      codeOf(await world.handlers.book(ann, { lock: lock.id, customer, ifStillFree: true })),
      'LOCK_EXPIRED'
    )
    t.equal(codeOf(await world.handlers.revoke(staff, { lock: lock.id })), 'ok', 'twice is once')
    const given = await locked(world, ann, [slotAt(1)])
    await world.handlers.release(ann, { lock: given.id })
    t.equal(
      codeOf(await world.handlers.revoke(staff, { lock: given.id })),
      'LOCK_NOT_FOUND',
      'what its holder gave back was not freed by staff'
    )
    await locked(world, bob, [slotAt(0)])
  }
)

t.test('a lock that became a booking is not said to be revoked', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)])
  resultOf(await world.handlers.book(ann, { lock: lock.id, customer: { name: 'Ann' } }))
  t.match(refusalIn(await world.handlers.revoke(staff, { lock: lock.id })), {
    code: 'LOCK_NOT_FOUND',
    message: /booking/
  })
})

t.test('a revocation that is LATE is BUSY', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)])
  const store = storeWith(world.store, { revoke: async () => ({ status: 'LATE' }) })
  const other = await serviceWorld(t, { store, clock: world.clock })
  t.equal(codeOf(await other.handlers.revoke(staff, { lock: lock.id })), 'BUSY')
})

t.test(
  'a calendar is defined with all that is wrong with it told at once, and counts from then on',
  async t => {
    const world = await serviceWorld(t)
    const admin = callerNamed('root', 'admin')
    const definition = {
      calendar: 'clinic',
      name: 'Clinic',
      timeZone: 'Europe/Berlin',
      slotMinutes: 30,
      resources: [{ id: 'room-1', name: 'Room 1', hours: { thu: [['10:00', '12:00']] } }]
    }
    const wrong = { ...definition, timeZone: 'Mars/Olympus', slotMinutes: 0 }
    const refusal = refusalIn(await world.handlers.putCalendar(admin, wrong))
    t.equal(refusal.code, 'INVALID_REQUEST')
    t.same(
      refusal.details?.fields?.map(one => one.field),
      ['timeZone', 'slotMinutes']
    )
    t.equal(
      codeOf(await world.handlers.putCalendar(admin, { ...definition, id: 'other' })),
      'INVALID_REQUEST'
    )
    t.equal(
      codeOf(await world.handlers.putCalendar(callerNamed('root', 'admin', [demo]), definition)),
      'FORBIDDEN'
    )

    const ask = (slot: string) => world.handlers.lock(ann, { calendar: 'clinic', slots: [slot] })
    t.equal(codeOf(await ask('room-1/2026-01-15T09:00Z')), 'CALENDAR_NOT_FOUND')
    t.same(resultOf(await world.handlers.putCalendar(admin, definition)), {
      id: 'clinic',
      name: 'Clinic',
      timeZone: 'Europe/Berlin',
      slotMinutes: 30,
      grid: 'hours',
      resources: definition.resources,
      exceptions: []
    })
    t.same(world.announcer.calendars, ['clinic'])
    t.equal(codeOf(await ask('room-1/2026-01-15T09:00Z')), 'ok', 'ten in the morning in Berlin')
    t.equal(codeOf(await ask('room-1/2026-01-15T11:00Z')), 'SLOT_NOT_FOUND')
    resultOf(
      await world.handlers.putCalendar(admin, { ...definition, id: 'clinic', grid: 'open', exceptions: [] })
    )
    t.equal(codeOf(await ask('room-1/2026-01-15T11:00Z')), 'ok')
  }
)

t.test('everybody may see which calendars there are, and no opening hours', async t => {
  const world = await serviceWorld(t)
  const nobody = { ...ann, session: undefined }
  t.same(resultOf(await world.handlers.listCalendars(nobody, {})).calendars, [
    {
      id: 'demo',
      name: 'Demo',
      timeZone: 'UTC',
      resources: [
        { id: 'dr-lee', name: 'Dr. Lee' },
        { id: 'dr-kim', name: 'Dr. Kim' }
      ],
      slotMinutes: 30
    }
  ])
})
