import type { CalendarId, LockId, SessionId, SlotId, ViewerTag } from './ids.js'

/**
 * What a slot is. A row that is `locked` past its `expiresAt` counts as free to whoever wants it, by the
 * database's clock; it is still written `locked` until somebody takes it or the sweep frees it.
 */
export type SlotStatus = 'free' | 'locked' | 'booked' | 'blocked'

/** A slot as the store has it. A slot that has no row is free, with version 0. */
export interface SlotRow {
  calendar: CalendarId
  slot: SlotId
  state: SlotStatus
  /** Grows with every change of this slot; microseconds, see VersionClock. */
  ver: number
  /** The session that holds or booked it; null when free or blocked. */
  owner: SessionId | null
  /** The lock that holds or booked it; null when blocked. A freed slot keeps its last one. */
  token: LockId | null
  /** Epoch milliseconds of the database's clock; 0 unless locked. */
  expiresAt: number
}

/** Somebody is looking at a slot. Not exclusive, best effort, one per session and calendar. */
export interface Selection {
  calendar: CalendarId
  viewer: ViewerTag
  /** null: no longer looking at any. */
  slot: SlotId | null
  /** Orders the selections of one viewer; a reader keeps the greatest. */
  seq: number
  /** Epoch milliseconds. */
  expiresAt: number
}
