import type { BookingId, CalendarId, LockId, SessionId, SlotId } from './ids.js'

/** What happened. A lock whose time ran out is `expired`: nobody did it, the clock did. */
export const auditTypes = [
  'locked',
  'extended',
  'released',
  'expired',
  'revoked',
  'booked',
  'cancelled',
  'blocked',
  'unblocked'
] as const
export type AuditType = (typeof auditTypes)[number]

/** Who did it. `slotlock`: the service itself, which ends what has run out. */
export interface Actor {
  role: 'visitor' | 'staff' | 'admin' | 'host' | 'slotlock'
  session?: SessionId | undefined
  /** Of staff and admins alone: where a visitor came from is with the lock, and goes with it. */
  address?: string | undefined
}

/**
 * One row of the audit trail: what was changed, by whom, when. It says who held or booked (the session's id), never
 * what a visitor told about themselves, so that it may be kept for longer than they are.
 */
export interface AuditEntry {
  /** Grows with time. Not quite the order of the commits: one with a smaller id may come to light three seconds later. */
  id: number
  type: AuditType
  /** Epoch milliseconds of the database's clock. */
  at: number
  calendar: CalendarId
  /** Sorted. */
  slots: SlotId[]
  /** The version that the change gave the slots. */
  ver: number
  by: Actor
  /** The session that held or booked; absent for what staff close and open. */
  owner?: SessionId
  lock?: LockId
  booking?: BookingId
  /** Of a lock, after the change. */
  fence?: number
  expiresAt?: number
  /** Why staff revoked it. */
  reason?: string
}

/** Where a page of the trail ended: the next one goes on with what is older. */
export interface AuditCursor {
  at: number
  id: number
}

/** The most entries of one page. */
export const auditPageMax = 500
