import type { Clock } from '../domain/clock.js'
import type { CalendarId } from '../domain/ids.js'
import type { Caller } from '../service/caller.js'
import type { Connection } from './connection.js'
import type { BugLog, Dispatcher } from './dispatch.js'
import type { Hub } from './hub.js'
import type { RateLimiter } from './limits.js'
import type { Metrics } from './metrics.js'
import type { Sessions } from './sessions.js'
import type { TransportSettings } from './settings.js'

/** What all connections of a server share: one object, so that a socket costs no closures of its own. */
export interface ConnectionContext {
  settings: TransportSettings
  dispatcher: Dispatcher
  hub: Hub<Connection>
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
  watchClosely(connection: Connection): void
  watchLoosely(connection: Connection): void
  /** One was closed with 4008. */
  countSlowReader(): void
}
