import type { AuditEntry } from '../../domain/audit.js'
import type { CalendarId, SessionId, ViewerTag } from '../../domain/ids.js'
import type { Limits } from '../../domain/limits.js'
import type { BookingRecord, LockRecord, LockState } from '../../domain/lock.js'
import type { Selection, SlotRow } from '../../domain/slot.js'
import type {
  AuditEntryView,
  BookingView,
  ConflictView,
  DeskBookingView,
  LockView,
  SelectionView,
  SlotState,
  StaffLockView
} from '../../protocol/schemas.js'

/**
 * What the domain knows, as the wire shows it. Pure: `nowMs` is the database's clock as best known here, and every
 * end travels both as a time and as what is left of it.
 */

/** The public name of a session in one calendar. */
export type TagOf = (session: SessionId, calendar: CalendarId) => ViewerTag

/**
 * A row that is locked past its end is shown `locked` with nothing left, not `free`.
 *
 * A version names one state. A client that had been pushed `locked` under this version would ignore a `free` under
 * the same one, another that read it now would not, and the two would show different things until the sweep. Counted
 * down to nothing, both show the same, and either may already ask for the slot and get it.
 */
export function slotState(row: SlotRow, nowMs: number, tagOf: TagOf): SlotState {
  const { slot, state, ver } = row
  if (state !== 'locked') return { slot, state, ver }
  const end = { expiresAt: row.expiresAt, expiresInMs: leftMs(row.expiresAt, nowMs) }
  return row.owner === null
    ? { slot, state, ver, ...end }
    : { slot, state, ver, by: tagOf(row.owner, row.calendar), ...end }
}

/** The state a lock is in whether or not the sweep has written it yet. */
export const lockStateAt = (lock: LockRecord, nowMs: number): LockState =>
  lock.state === 'held' && lock.expiresAt <= nowMs ? 'expired' : lock.state

export function lockView(
  lock: LockRecord,
  limits: Pick<Limits, 'lockLifeMaxMs'>,
  nowMs: number,
  tagOf: TagOf
): LockView {
  const state = lockStateAt(lock, nowMs)
  return {
    id: lock.id,
    calendar: lock.calendar,
    slots: lock.slots,
    state,
    by: tagOf(lock.owner, lock.calendar),
    fence: lock.fence,
    createdAt: lock.createdAt,
    expiresAt: lock.expiresAt,
    expiresInMs: state === 'held' ? leftMs(lock.expiresAt, nowMs) : 0,
    extendableUntil: lock.createdAt + limits.lockLifeMaxMs
  }
}

export function staffLockView(
  lock: LockRecord,
  limits: Pick<Limits, 'lockLifeMaxMs'>,
  nowMs: number,
  tagOf: TagOf
): StaffLockView {
  return {
    ...lockView(lock, limits, nowMs, tagOf),
    session: lock.owner,
    since: lock.createdAt,
    ...(lock.address === undefined ? {} : { address: lock.address }),
    ...(lock.userAgent === undefined ? {} : { userAgent: lock.userAgent })
  }
}

export function auditEntryView(entry: AuditEntry, tagOf: TagOf): AuditEntryView {
  const { by, owner, ver: _, ...rest } = entry
  return {
    ...rest,
    actor: {
      role: by.role,
      ...(by.session === undefined ? {} : { session: by.session }),
      ...(by.address === undefined ? {} : { address: by.address })
    },
    ...(owner === undefined ? {} : { session: owner, by: tagOf(owner, entry.calendar) })
  }
}

export const selectionView = ({ viewer, slot, seq, expiresAt }: Selection, nowMs: number): SelectionView => ({
  viewer,
  slot,
  seq,
  expiresInMs: slot === null ? 0 : leftMs(expiresAt, nowMs)
})

export function bookingView(booking: BookingRecord): BookingView {
  const { id, calendar, slots, customer, meta, state, bookedAt } = booking
  return {
    id,
    calendar,
    slots,
    customer: {
      name: customer.name,
      ...(customer.email === undefined ? {} : { email: customer.email }),
      ...(customer.phone === undefined ? {} : { phone: customer.phone }),
      ...(customer.note === undefined ? {} : { note: customer.note })
    },
    ...(meta === undefined ? {} : { meta }),
    state,
    bookedAt
  }
}

/** Why a slot cannot be had and when it is expected back, to whom it is not said; only whether it is one's own. */
export function conflictView(row: SlotRow, asker: SessionId, nowMs: number): ConflictView {
  const { slot, state, expiresAt } = row
  const mine = row.owner === asker ? { mine: true } : {}
  switch (state) {
    case 'locked':
      return { slot, state, expiresAt, expiresInMs: leftMs(expiresAt, nowMs), ...mine }
    case 'booked':
    case 'blocked':
      return { slot, state, ...mine }
    case 'free':
      throw new TypeError(`a free slot is in nobody's way: ${slot}`)
    default:
      return state satisfies never
  }
}

const leftMs = (endMs: number, nowMs: number): number => Math.max(0, Math.ceil(endMs - nowMs))

export const deskBookingView = (booking: BookingRecord): DeskBookingView => ({
  ...bookingView(booking),
  lock: booking.lock,
  session: booking.owner
})
