import type { AuditEntry, AuditType } from './audit.js'

/**
 * The outbox as whoever sends webhooks sees it. Its events are the rows of the audit trail, which each change writes in
 * its own transaction; to them comes one delivery for each endpoint, which says how far the telling has come.
 *
 * Every method throws StoreError. Times are those of the database's clock.
 */
export interface WebhookStore {
  /** Makes these endpoints known. For each, from its first time on every change is an event; what was before is none. */
  register(endpoints: readonly EndpointKey[]): Promise<void>

  /** Who has the lease collects and sends. It is taken, or renewed, for so long, unless another has it. */
  takeLease(holder: string, ttlMs: number): Promise<boolean>
  giveBackLease(holder: string): Promise<void>

  /** Where the collecting for these endpoints stands, one at least, and which of all want nothing any more. */
  readOutbox(endpoints: readonly EndpointKey[]): Promise<Outbox>
  /**
   * Makes the deliveries of the events with `after` < seq <= `to` that have none yet, for each endpoint of those that are
   * not settled for it. Waits for every change that has
   * written one of these events and not yet committed. Answers how many deliveries were made.
   */
  collect(of: {
    after: number
    to: number
    endpoints: readonly EndpointKey[]
    types: readonly AuditType[]
    /** Older events are let be. */
    ageMaxMs: number
  }): Promise<number>
  /**
   * For these nothing up to there need be looked at again. Never goes back. Each endpoint's is its own: during a restart one
   * by one, who collects may not know yet of an endpoint that was added.
   */
  settle(to: number, endpoints: readonly EndpointKey[]): Promise<void>

  /** Those whose turn has come, the longest waiting first. `nowMs` is when they were read. */
  readDue(endpoint: EndpointKey, deliveriesMax: number): Promise<{ due: Delivery[]; nowMs: number }>
  /** What became of attempts. One that somebody else has decided meanwhile is left as it is. */
  record(attempts: readonly Attempted[]): Promise<void>
  /** The endpoint is back: what waits for it waits no longer. Answers how many there were, `deliveriesMax` at most. */
  hurry(endpoint: EndpointKey, deliveriesMax: number): Promise<number>
  /** Gives up what waits for an endpoint: all of it, or what has been due for longer than `dueForMs`. Answers how many. */
  giveUp(
    endpoint: EndpointKey,
    of: { dueForMs: number; answer: string; deliveriesMax: number }
  ): Promise<number>
  /** `gone`: it asked for nothing more. */
  setGone(endpoint: EndpointKey, gone: boolean): Promise<void>

  /** How these endpoints stand; absent: each that was ever registered. */
  readStandings(of?: readonly EndpointKey[]): Promise<EndpointStanding[]>
  /** The latest first. */
  readDead(endpoint: EndpointKey, deadMax: number): Promise<DeadLetter[]>
  /** Waits to be sent again, from the first attempt on. Answers how many deliveries. */
  replayDead(endpoint: EndpointKey): Promise<number>
  replay(
    endpoint: EndpointKey,
    of: { seq: number } | { sinceMs: number; types: readonly AuditType[] }
  ): Promise<number>
  discardDead(endpoint: EndpointKey): Promise<number>
}

/** Names an endpoint in the database: made from its URL, which stays in the settings. 16 characters of base64url. */
export type EndpointKey = string & { readonly brand: 'EndpointKey' }

/** One event on its way to one endpoint. */
export interface Delivery {
  endpoint: EndpointKey
  /** Its `id` is the event's `seq`. */
  event: AuditEntry
  /** Names the packet that made the change, over all databases there are. */
  changeId: string
  attempts: number
  /** When it began to wait. */
  sinceMs: number
}

export interface Attempted {
  endpoint: EndpointKey
  seq: number
  /** Before this one. */
  attempts: number
  /** What was answered, in a few words. */
  answer: string
  became: { state: 'delivered' } | { state: 'waiting'; dueInMs: number } | { state: 'dead' }
}

export interface Outbox {
  /** Everything up to this seq has its deliveries, for each of those that were asked for. */
  settled: number
  /** The greatest seq that has been committed. */
  newest: number
  gone: ReadonlySet<EndpointKey>
}

export interface EndpointStanding {
  endpoint: EndpointKey
  gone: boolean
  /** Counted up to `standingCountMax`. */
  waiting: number
  dead: number
  /** How long the oldest of those counted has been waiting. */
  oldestWaitingMs: number
}

export interface DeadLetter {
  event: AuditEntry
  changeId: string
  attempts: number
  answer: string
  diedAtMs: number
}

export const standingCountMax = 10_000
/** How long somebody who cannot be reached is tried. */
export const retriedForMs = 3 * 86_400_000
/** How long it is known that something was delivered. */
export const deliveredKeptMs = 4 * 86_400_000
