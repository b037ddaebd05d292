import type { Actor, AuditCursor, AuditEntry } from './audit.js'
import type { CalendarDefinition } from './calendar.js'
import type { BookingId, CalendarId, LockId, SessionId, SlotId } from './ids.js'
import type { BookingRecord, Customer, LockRecord } from './lock.js'
import type { Selection, SlotRow } from './slot.js'

/**
 * What one reading of a range gives at most. A longer one is gone on with; a reading of this size keeps the process from
 * everything else for some milliseconds while its rows are taken apart.
 */
export const rowsPerReadingMax = 2_000

/**
 * The judge. What every SQL store promises, whichever database it speaks to; test/stores/lock-store-contract.ts
 * holds each of them to it.
 *
 *  1. Time is the database's own. A row is live while `expiresAt` is later than the database's now; no caller's
 *     clock and no other store decides.
 *  2. Every change is one transaction that reaches the server as a whole: it is carried out in full or not at all,
 *     also when its sender freezes or dies after sending it.
 *  3. Every change carries a deadline that the server checks. A change that is carried out later than that
 *     (the server was frozen, the bytes sat in a queue) changes nothing and answers LATE.
 *  4. Every change of a lock names the lock's own id in its WHERE, never only the slot and never only the owner.
 *  5. Rows are taken in one order: the lock's row, then slot rows sorted by id.
 *  6. A method returns only after commit. A method that throws StoreUnavailable or StoreBusy changed nothing; one
 *     that throws OutcomeUnknown may have changed everything or nothing, now or until the deadline.
 *  7. Every change gives all its slots the same version, greater than any they had.
 *  8. Every change leaves one entry per lock, booking or blocking in the audit trail, in the same transaction; what changes
 *     nothing leaves none.
 *
 * Slot lists are sorted and without doubles; the caller sees to it.
 */
export interface LockStore {
  /** What the start line and /health call it. */
  readonly kind: 'mysql' | 'sqlite'

  /** Creates or upgrades the tables, under a lock, so that several instances may start together. */
  migrate(): Promise<void>

  /** Throws StoreError when the database does not answer. `nowMs` is the database's clock. */
  ping(): Promise<{ nowMs: number; latencyMs: number }>

  /** The database's clock as best known here; epoch milliseconds. For counting down, never for deciding. */
  nowMs(): number

  /** Learns a version met elsewhere, so that the next one from here is greater. */
  receiveVersion(ver: number): void
  /** A version of its own for something that is ordered but not stored, such as a hover. */
  nextVersion(): number

  /** Takes all slots for one session or none. Sent twice with the same `lock` id it is one grant. */
  grant(request: GrantRequest): Promise<GrantOutcome>

  /** Moves the end of a live lock to now + ttlMs, never to an earlier time than it has. */
  extend(request: ExtendRequest): Promise<ExtendOutcome>

  /** Gives the slots back. Releasing one's own lock that is over already is a success and changes nothing. */
  release(request: ReleaseRequest): Promise<EndOutcome>

  /** Staff end somebody's lock. A lock that is over already stays as it is. */
  revoke(request: RevokeRequest): Promise<EndOutcome>

  /** Turns a lock into a booking, once, in one transaction that checks that the lock lives. */
  book(request: BookRequest): Promise<BookOutcome>

  /** Frees the slots of a booking. `owner` absent: staff. A booking cancelled before is a success. */
  cancel(request: CancelRequest): Promise<CancelOutcome>

  /**
   * Closes slots that are free (`block`) or opens blocked ones (`unblock`); others stay as they are. `rows` are all of
   * them as they are then, `changed` names those that this call changed. Too late: StoreBusy.
   */
  setBlocked(request: BlockRequest): Promise<BlockOutcome>

  /**
   * Frees what has expired, at most `locksMax` locks. Each is freed under its own id, so a slot that somebody took
   * meanwhile stays theirs. `nextExpiryAt`: when the earliest live lock ends, as of now.
   */
  sweep(locksMax: number): Promise<{ ended: LockRecord[]; rows: SlotRow[]; nextExpiryAt: number | undefined }>

  /**
   * All rows whose slot starts in [fromMs, toMs), free ones included for their version, the earliest first. At most `rowsMax`,
   * and that is `rowsPerReadingMax` at most, which it is if not given.
   */
  readRange(calendar: CalendarId, fromMs: number, toMs: number, rowsMax?: number): Promise<SlotRow[]>

  /** The rows of these slots; a slot without a row is left out. */
  readSlots(calendar: CalendarId, slots: readonly SlotId[]): Promise<SlotRow[]>

  /** With its present state: one that is past its end is `expired` whether or not it was swept. */
  readLock(lock: LockId): Promise<LockRecord | undefined>

  /** The live locks of a session, or of a calendar; at most 1,000. */
  readLiveLocks(of: { owner: SessionId } | { calendar: CalendarId }): Promise<LockRecord[]>

  readBooking(booking: BookingId): Promise<BookingRecord | undefined>

  /** The slots of a calendar that are booked, by start and slot, each with its booking. See BookingQuery. */
  readBookedSlots(of: BookingQuery): Promise<{ slot: SlotId; booking: BookingRecord }[]>

  /**
   * What changed since (and at) `sinceMs` of the database's clock, and before `untilMs` if that is given, at most
   * `rowsMax` of each, oldest first.
   */
  readChanges(
    sinceMs: number,
    rowsMax: number,
    untilMs?: number
  ): Promise<{ rows: ChangedSlot[]; locks: ChangedLock[]; nowMs: number }>

  /** What changed in one calendar since (and at) `sinceMs`, for slots that start in [fromMs, toMs). */
  readCalendarChanges(
    calendar: CalendarId,
    sinceMs: number,
    fromMs: number,
    toMs: number
  ): Promise<{ rows: SlotRow[]; nowMs: number }>

  /**
   * The audit trail of a calendar, of [fromMs, toMs), newest first; `before`: where the last page ended. Complete for what is
   * older than three seconds.
   */
  readAudit(of: AuditQuery): Promise<AuditEntry[]>

  /**
   * What came to the audit trail since (and at) `sinceMs` of the database's clock, oldest first, but for the entries that are
   * `known`, with the locks that they speak of as they are now. `reachedMs`: up to there it is read; `full`: and there is more.
   */
  readAuditSince(of: {
    calendar: CalendarId
    sinceMs: number
    entriesMax: number
    known: ReadonlySet<number>
  }): Promise<{ entries: AuditEntry[]; locks: LockRecord[]; reachedMs: number; full: boolean }>

  putCalendar(definition: CalendarDefinition): Promise<void>
  readCalendar(calendar: CalendarId): Promise<CalendarDefinition | undefined>
  listCalendars(): Promise<CalendarDefinition[]>

  /** Hovers as rows, for the time that Redis is out. A row with an older `seq` than the one there changes nothing. */
  putSelection(selection: Selection): Promise<void>
  readSelections(calendar: CalendarId): Promise<Selection[]>
  readSelectionChanges(sinceMs: number, rowsMax: number): Promise<{ selections: Selection[]; nowMs: number }>

  /**
   * Deletes what nobody can ask for any more (ended locks after `requestIdTtlMs`, dead hovers, the audit trail after its
   * retention); at most `rowsMax` of each.
   */
  purge(rowsMax: number): Promise<{ deleted: number }>

  /**
   * One step of what retention asks for: customer data after its time, addresses and browsers' names after theirs. The
   * bookings stay. `more`: there is another step at once.
   */
  forgetOld(): Promise<{ forgotten: number; more: boolean }>

  close(): Promise<void>
}

/** In every request, `by` is who asks, for the audit trail; absent: the owner as a visitor, or else staff. */
export interface ReleaseRequest {
  lock: LockId
  owner: SessionId
  by?: Actor | undefined
}

export interface RevokeRequest {
  lock: LockId
  reason: string
  by?: Actor | undefined
}

export interface CancelRequest {
  booking: BookingId
  owner?: SessionId | undefined
  by?: Actor | undefined
}

export interface BlockRequest {
  calendar: CalendarId
  slots: SlotId[]
  blocked: boolean
  by?: Actor | undefined
}

export interface AuditQuery {
  calendar: CalendarId
  fromMs: number
  toMs: number
  before?: AuditCursor | undefined
  entriesMax: number
}

/** Slots that start in [fromMs, toMs), after the one where the last page ended; at most `slotsMax`. */
export interface BookingQuery {
  calendar: CalendarId
  fromMs: number
  toMs: number
  after?: { startMs: number; slot: SlotId } | undefined
  slotsMax: number
}

export interface BlockOutcome {
  rows: SlotRow[]
  changed: SlotId[]
}

export type ChangedSlot = SlotRow & { updatedAt: number }
export type ChangedLock = LockRecord & { updatedAt: number }

export interface GrantRequest {
  /** Random, or derived from the session and its requestId: then the same request is the same lock. */
  lock: LockId
  calendar: CalendarId
  owner: SessionId
  slots: SlotId[]
  ttlMs: number
  /** Hash of what was asked for; another one under the same `lock` id is MISMATCH. */
  fingerprint: string
  /**
   * One's own lock that gives way in the same step. If the two share a slot its life goes on in the new lock, which
   * then ends with that life at the latest, however long a `ttlMs` was asked for.
   */
  replaces?: LockId | undefined
  lockLifeMaxMs: number
  locksMax: number
  lockedSlotsMax: number
  address?: string | undefined
  userAgent?: string | undefined
  by?: Actor | undefined
}

export type GrantOutcome =
  | { status: 'GRANTED'; lock: LockRecord; rows: SlotRow[]; replaced?: LockRecord }
  /** This lock was granted before; here it is as it is now. */
  | { status: 'REPLAYED'; lock: LockRecord }
  | { status: 'MISMATCH' }
  /** Nothing taken. The rows in the way, as they were a moment later; may be empty when they have gone since. */
  | { status: 'CONFLICT'; rows: SlotRow[] }
  | { status: 'LIMIT'; limit: 'locksPerSession' | 'lockedSlotsPerSession'; max: number }
  /** `replaces` names no lock of this session. */
  | { status: 'REPLACED_NOT_FOUND' }
  /** `replaces` names a lock that is over. */
  | { status: 'REPLACED_EXPIRED' }
  | { status: 'LATE' }

export interface ExtendRequest {
  lock: LockId
  owner: SessionId
  ttlMs: number
  lockLifeMaxMs: number
  by?: Actor | undefined
}

export type ExtendOutcome =
  | { status: 'EXTENDED'; lock: LockRecord; rows: SlotRow[] }
  | { status: 'NOT_FOUND' }
  /** Over, in whichever way `lock.state` says. */
  | { status: 'ENDED'; lock: LockRecord }
  /** now + ttlMs lies past createdAt + lockLifeMaxMs. */
  | { status: 'LIFE_LIMIT'; lock: LockRecord }
  | { status: 'LATE' }

export type EndOutcome =
  /** `rows` is empty when the lock was over before. */
  { status: 'ENDED'; lock: LockRecord; rows: SlotRow[] } | { status: 'NOT_FOUND' } | { status: 'LATE' }

export interface BookRequest {
  lock: LockId
  owner: SessionId
  /** Random, or derived from the session and its requestId. */
  booking: BookingId
  fingerprint: string
  customer: Customer
  meta?: unknown
  ifStillFree: boolean
  by?: Actor | undefined
}

export type BookOutcome =
  | { status: 'BOOKED'; booking: BookingRecord; lock: LockRecord; rows: SlotRow[] }
  /** Booked before, by this request or an earlier one of this lock. */
  | { status: 'REPLAYED'; booking: BookingRecord }
  | { status: 'MISMATCH' }
  | { status: 'NOT_FOUND' }
  | { status: 'EXPIRED'; lock: LockRecord }
  /** Only with `ifStillFree`: the lock had ended and these rows are in the way. */
  | { status: 'CONFLICT'; rows: SlotRow[] }
  | { status: 'LATE' }

export type CancelOutcome =
  | { status: 'CANCELLED'; booking: BookingRecord; rows: SlotRow[] }
  | { status: 'NOT_FOUND' }
  | { status: 'LATE' }
