import type { BookingId, CalendarId, LockId, SessionId, SlotId } from './ids.js'

/**
 * A lock is `held` from its grant until exactly one of the others ends it; an ended lock never changes again.
 * A lock that is written `held` past its `expiresAt` is expired: readers say so without waiting for the sweep.
 */
export type LockState = 'held' | 'expired' | 'released' | 'revoked' | 'booked'

export interface LockRecord {
  id: LockId
  calendar: CalendarId
  owner: SessionId
  /** Sorted. */
  slots: SlotId[]
  state: LockState
  /** Greater than that of any earlier lock on any of the same slots: the version that the grant gave them all. */
  fence: number
  /** The version of the last change. */
  ver: number
  /**
   * When its life began, by which `lockLifeMaxMs` is counted: at the grant, unless it replaced a lock that it shares a
   * slot with. Then it goes on with the life of that one, or a chain of replacements would hold a slot for ever. Epoch
   * milliseconds of the database's clock, like every time here.
   */
  createdAt: number
  expiresAt: number
  /** Why staff revoked it. */
  reason?: string
  /** Where the request came from; for staff only. */
  address?: string
  userAgent?: string
}

export interface Customer {
  name: string
  email?: string | undefined
  phone?: string | undefined
  note?: string | undefined
}

export interface BookingRecord {
  id: BookingId
  calendar: CalendarId
  lock: LockId
  owner: SessionId
  slots: SlotId[]
  customer: Customer
  meta?: unknown
  state: 'booked' | 'cancelled'
  bookedAt: number
  ver: number
}

/** The most bookings of one page. */
export const bookingsPageMax = 500
