import t from 'tap'
import type { BookingId, CalendarId, LockId, SessionId, SlotId, ViewerTag } from '../../../src/domain/ids.js'
import { defaultLimits } from '../../../src/domain/limits.js'
import type { LockRecord } from '../../../src/domain/lock.js'
import type { SlotRow } from '../../../src/domain/slot.js'
import {
  bookingView,
  conflictView,
  lockView,
  selectionView,
  slotState,
  staffLockView
} from '../../../src/service/answers/views.js'

const now = 1_768_000_000_000
const ann = 'ann-session-0123456789' as SessionId
const bob = 'bob-session-0123456789' as SessionId
const tagOf = (session: SessionId, calendar: CalendarId): ViewerTag =>
  `${calendar}:${session.slice(0, 3)}` as ViewerTag

const row = (more: Partial<SlotRow> = {}): SlotRow => ({
  calendar: 'demo' as CalendarId,
  slot: 'dr-lee/2026-01-15T14:00Z' as SlotId,
  state: 'locked',
  ver: 7,
  owner: ann,
  token: 'lock-0123456789abcdefg' as LockId,
  expiresAt: now + 5_000,
  ...more
})

const lock = (more: Partial<LockRecord> = {}): LockRecord => ({
  id: 'lock-0123456789abcdefg' as LockId,
  calendar: 'demo' as CalendarId,
  owner: ann,
  slots: ['dr-lee/2026-01-15T14:00Z' as SlotId],
  state: 'held',
  fence: 7,
  ver: 7,
  createdAt: now - 1_000,
  expiresAt: now + 5_000,
  address: '192.0.2.1',
  ...more
})

t.test('a locked slot says who by tag, until when and how long', async t => {
  t.same(slotState(row(), now, tagOf), {
    slot: 'dr-lee/2026-01-15T14:00Z',
    state: 'locked',
    ver: 7,
    by: 'demo:ann',
    expiresAt: now + 5_000,
    expiresInMs: 5_000
  })
})

t.test('a slot that is not locked says nothing of anybody, also when the row remembers who', async t => {
  for (const state of ['free', 'booked', 'blocked'] as const) {
    t.same(slotState(row({ state, expiresAt: 0 }), now, tagOf), {
      slot: 'dr-lee/2026-01-15T14:00Z',
      state,
      ver: 7
    })
  }
})

t.test('one version is one state: a row locked past its end stays locked, with nothing left', async t => {
  const before = slotState(row({ expiresAt: now }), now - 1, tagOf)
  const after = slotState(row({ expiresAt: now }), now + 60_000, tagOf)
  t.equal(before.state, after.state)
  t.equal(before.ver, after.ver)
  t.equal(after.expiresInMs, 0)
})

t.test('a lock is expired from its end on, swept or not', async t => {
  t.match(lockView(lock(), defaultLimits, now, tagOf), {
    state: 'held',
    by: 'demo:ann',
    expiresInMs: 5_000,
    extendableUntil: now - 1_000 + 7_200_000
  })
  t.match(lockView(lock({ expiresAt: now }), defaultLimits, now, tagOf), { state: 'expired', expiresInMs: 0 })
})

t.test('a lock that ended early has nothing left, though its end is still to come', async t => {
  for (const state of ['released', 'revoked', 'booked'] as const) {
    t.match(lockView(lock({ state }), defaultLimits, now, tagOf), { state, expiresInMs: 0 })
  }
})

t.test('only staff see the session and where it came from', async t => {
  const shown = JSON.stringify(lockView(lock(), defaultLimits, now, tagOf))
  t.notMatch(shown, ann)
  t.notMatch(shown, '192.0.2.1')
  t.match(staffLockView(lock(), defaultLimits, now, tagOf), {
    session: ann,
    since: now - 1_000,
    address: '192.0.2.1'
  })
})

t.test('a conflict says when the slot is expected back and whether it is mine, never whose', async t => {
  t.same(conflictView(row(), bob, now), {
    slot: 'dr-lee/2026-01-15T14:00Z',
    state: 'locked',
    expiresAt: now + 5_000,
    expiresInMs: 5_000
  })
  t.match(conflictView(row(), ann, now), { mine: true })
  t.same(conflictView(row({ state: 'booked', expiresAt: 0 }), bob, now), {
    slot: 'dr-lee/2026-01-15T14:00Z',
    state: 'booked'
  })
  t.throws(() => conflictView(row({ state: 'free' }), bob, now), TypeError)
})

t.test('a hover that ended has nothing left', async t => {
  const hover = { calendar: 'demo' as CalendarId, viewer: 'v' as ViewerTag, seq: 3, expiresAt: now + 9_000 }
  t.equal(selectionView({ ...hover, slot: row().slot }, now).expiresInMs, 9_000)
  t.same(selectionView({ ...hover, slot: null }, now), { viewer: 'v', slot: null, seq: 3, expiresInMs: 0 })
})

t.test('a booking shows what was given and leaves out what was not', async t => {
  const booking = bookingView({
    id: 'booking-0123456789abcd' as BookingId,
    calendar: 'demo' as CalendarId,
    lock: lock().id,
    owner: ann,
    slots: lock().slots,
    customer: { name: 'Ann', email: undefined, phone: '123' },
    state: 'booked',
    bookedAt: now,
    ver: 9
  })
  t.same(Object.keys(booking.customer), ['name', 'phone'])
  t.notOk('meta' in booking)
  t.notMatch(JSON.stringify(booking), ann)
})
