import type { CalendarId, LockId, SessionId, SlotId } from './ids.js'
import type { LockRecord } from './lock.js'
import type { RowCache } from './row-cache.js'
import type { Selection, SlotRow } from './slot.js'

/**
 * What happened, told to whoever is connected. State-based: each event carries the newest state with its version,
 * so that loss, doubling and reordering do no harm to a reader that keeps the greater version.
 */
export type LiveEvent =
  | { kind: 'slots'; calendar: CalendarId; rows: SlotRow[] }
  | { kind: 'selection'; calendar: CalendarId; selection: Selection }
  /** To the connections of the lock's owner, wherever they are. */
  | { kind: 'lock'; lock: LockRecord }
  /** The definition of a calendar changed. */
  | { kind: 'calendar'; calendar: CalendarId }
  /** Some session was ended; which, the database says. */
  | { kind: 'revocation' }

/** Where events of other instances arrive. Called on the event loop, must not throw. */
export type LiveListener = (event: LiveEvent) => void

/**
 * The fast lane: answers most losers, keeps hovers, carries events. Advisory in everything: it may be empty, stale or
 * gone, nothing in it is evidence, and no promise hangs on it. Every method may throw StoreUnavailable; the caller
 * counts that and goes on without.
 */
export interface FastLane {
  /** Copies of rows for readings; `settle` keeps them up to date. */
  readonly rows: RowCache

  /**
   * Marks all slots as being taken by this lock, for `pendingMs`, or says which are marked by others.
   *
   * STALE: the calendar's generation marker is missing: Redis came back empty, so its silence means nothing.
   * LATE: executed after `deadlineMs` of Redis' own clock had passed; nothing was marked.
   */
  reserve(request: {
    calendar: CalendarId
    slots: readonly SlotId[]
    lock: LockId
    replaces?: LockId | undefined
  }): Promise<
    { status: 'RESERVED' } | { status: 'TAKEN'; slots: SlotId[] } | { status: 'STALE' } | { status: 'LATE' }
  >

  /** Takes back the marks of a reservation that came to nothing. */
  unreserve(request: { calendar: CalendarId; slots: readonly SlotId[]; lock: LockId }): Promise<void>

  /**
   * After commit: writes what the rows say now, each with the time it has left, unless a greater version is there,
   * and publishes the event, all in one call.
   */
  settle(calendar: CalendarId, rows: readonly SlotRow[], nowMs: number): Promise<void>

  /** Tells the connections of a lock's owner on other instances. */
  publishLock(lock: LockRecord): Promise<void>
  publishCalendar(calendar: CalendarId): Promise<void>
  publishRevocation(): Promise<void>

  /** SETEX and publish; `slot: null` deletes. */
  putSelection(selection: Selection, nowMs: number): Promise<void>
  readSelections(calendar: CalendarId, nowMs: number): Promise<Selection[]>

  /**
   * Fills a calendar from the database: `read` is called after the fill was announced, so that what settles meanwhile
   * is not overwritten, and again while it says that there is `more`. The generation marker is set only if nobody else
   * began a fill later. `yielding`: if another instance is filling it at this moment, it is left to it, and `read` is
   * not called. `unlessFilled`: nor is it if the calendar is filled already. `left` in the answer: it is filled, or
   * another is at it, who may have begun later and so made this fill worthless.
   */
  hydrate(
    calendar: CalendarId,
    read: () => Promise<{ rows: SlotRow[]; nowMs: number; more?: boolean }>,
    how?: { yielding: boolean; unlessFilled?: boolean }
  ): Promise<{ filled: number; left?: 'underway' | 'filled' }>

  /** Events of these come to the listener from now on. Reference counting is the caller's. */
  subscribeCalendar(calendar: CalendarId): void
  unsubscribeCalendar(calendar: CalendarId): void
  /** Events for the locks of this session's bucket; see buckets in the Redis implementation. */
  subscribeSession(session: SessionId): void
  unsubscribeSession(session: SessionId): void

  /**
   * Adds to counts that all instances share, and says what each is now. A count begins with its first addition and is
   * over after `windowMs`. Sent once and never again, so a count may be a little wrong; at most 250 at a time.
   */
  addCounts(additions: readonly CountAddition[]): Promise<{ total: number; leftMs: number }[]>

  /**
   * One round of proof that it works: a write with a short life, a read of it, and a message that came back on the
   * subscriber. Throws StoreUnavailable with the part that failed in its message.
   */
  probe(): Promise<{ latencyMs: number }>

  close(): Promise<void>
}

export interface CountAddition {
  name: string
  /** Less than 0: given back. */
  by: number
  windowMs: number
}
