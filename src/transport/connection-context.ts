import type { Clock } from '../domain/clock.js'
import type { CalendarId } from '../domain/ids.js'
import type { Caller } from '../service/callers/caller.js'
import type { BugLog, Dispatcher } from './dispatch.js'
import type { Hub } from './hub.js'
import type { RateLimiter } from './limits.js'
import type { Metrics } from './metrics.js'
import type { Outbox } from './outbox.js'
import type { Sessions } from './sessions.js'
import type { TransportSettings } from './settings.js'
import type { StaffHub, StaffMember } from './staff-hub.js'

/** See connection.ts, which tells what is true in each. */
export type ConnectionState = 'GREETING' | 'OPENING' | 'OPEN' | 'LEAVING' | 'GONE'

/** Where a connection comes from. */
export type ConnectionOrigin = Pick<Caller, 'address' | 'userAgent' | 'page'>

/** A connection, as the other connections and the shared timer see it. */
export interface Peer extends StaffMember {
  readonly outbox: Outbox
  readonly state: ConnectionState
  hovers(calendar: CalendarId): boolean
  /** Every second for who has not said hello or is behind. */
  beat(nowMs: number): void
}

/** What all connections of a server share: one object, so that a socket costs no closures of its own. */
export interface ConnectionContext {
  settings: TransportSettings
  dispatcher: Dispatcher
  hub: Hub<Peer>
  staffHub: StaffHub<Peer>
  sessions: Sessions
  sessionLimiter: RateLimiter
  clock: Clock
  metrics: Metrics
  log: BugLog
  newRequestId(): string
  /** When somebody who is sent away is to come back: spread out, so that not all do at once. */
  reconnectInMs(): number
  /** Takes a hover back whose connection is gone; never fails. */
  dropHover(caller: Caller, calendar: CalendarId): void
  /** `beat` is wanted every second, until it is not. */
  watchClosely(connection: Peer): void
  watchLoosely(connection: Peer): void
  /** One was closed with 4008. */
  countSlowReader(): void
}
