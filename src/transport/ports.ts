import type { LockRecord } from '../domain/lock.js'
import type { Selection, SlotRow } from '../domain/slot.js'
import type { LockView, SelectionView, ServiceStatus, SlotState } from '../protocol/schemas.js'
import type { Outcome } from '../service/answers/refusal.js'
import type { HostTokens } from '../service/callers/host-tokens.js'
import type { RevokedSessions } from '../service/callers/revoked-sessions.js'
import type { SiteKeys } from '../service/callers/site-keys.js'
import type { Tokens } from '../service/callers/tokens.js'
import type { FeedEvent, LiveFeed } from '../service/live/feed.js'
import type { CalendarOrigins } from '../service/reading/calendar-origins.js'
import type { StaffDesk } from '../service/reading/staff-desk.js'

/** What the transport needs of the layers below it, as narrow as it needs it. */

export interface FeedSource extends Pick<LiveFeed, 'watch' | 'unwatch' | 'attach' | 'detach'> {
  /** The listener is called on the event loop and must not throw; the answer ends that. */
  listen(listener: (event: FeedEvent) => void): () => void
}

/** What staff are told while they watch, read from the database. */
export type StaffSource = Pick<StaffDesk, 'changesSince' | 'nowMs'>

export type TokenSource = Pick<Tokens, 'openSession' | 'verify' | 'renewalDue' | 'renew'>

export type HostTokenSource = Pick<HostTokens, 'known' | 'verify'>

export type SiteKeySource = Pick<SiteKeys, 'verify'>

/** Which pages the calendars themselves let in. */
export type CalendarOriginSource = Pick<CalendarOrigins, 'of' | 'anyNames'>

/** The sessions that were ended before their time. */
export type RevokedSource = Pick<RevokedSessions, 'revokedAt' | 'listen'>

/** Records as the outside sees them, with the time that is left now. */
export interface Views {
  slotState(row: SlotRow): SlotState
  lockView(lock: LockRecord): LockView
  selectionView(selection: Selection): SelectionView
}

/** What the service knows of one of its stores, already measured. */
export interface StoreReport {
  /** Configured, and not given up on. */
  available: boolean
  /** It answered when it was last asked. */
  connected: boolean
  /** Requests use it without reserve. */
  healthy: boolean
  /** Of the last answer; null: there has been none. */
  latencyMs: number | null
}

export interface StatusSource {
  /** What a client is told. */
  readonly status: ServiceStatus
  /** Told of every change of it; the answer ends that. */
  listen(listener: (status: ServiceStatus) => void): () => void
  /** Asks nobody. `redis` undefined: none is configured. */
  services(): { redis: StoreReport | undefined; database: StoreReport }
}

/** Follows what is asked to what it costs, where somebody wants to see that. Is told names that are in the code, and no more. */
export interface Tracer {
  /** A request has begun. `traceparent`: the header of that name (W3C Trace Context). */
  request(about: { method: string; route: string; traceparent: string | undefined }): RequestSpan
  /** Within `work` the calls to stores are known to be this operation's. */
  operation<T>(
    about: { operation: string; face: 'http' | 'ws'; within?: RequestSpan | undefined },
    work: () => Promise<Outcome<T>>
  ): Promise<Outcome<T>>
}

export interface RequestSpan {
  /** undefined: it broke off. */
  end(status: number | undefined): void
}
