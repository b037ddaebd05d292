import type { SlotlockError } from './errors.js'
import type {
  Answers,
  Booking,
  BookRequest,
  CalendarInfo,
  CalendarStore,
  ClientEvents,
  ClientOptions,
  ConnectionStatus,
  Ending,
  Lock,
  LockRequest,
  ServiceStatus,
  Session,
  SlotId
} from './types.js'

/**
 * One visitor's connection to one server. Nothing happens before `connect()`.
 *
 * Every promise is either kept or rejects with a SlotlockError. What can be sent again is, with the same `requestId`
 * and for some seconds, before you are told: lost connections, `OUTCOME_UNKNOWN`, `BUSY`.
 */
export declare class SlotlockClient {
  constructor(options: ClientOptions)

  /** Connects, and reconnects until `close()`. Calling it again does nothing. */
  connect(): void
  /** Ends the connection and every store. Locks stay, hovers go. It may be connected again. */
  close(): void
  /** Tries at once where it would wait: for `online`, and for a page that is looked at again. */
  reconnectNow(): void

  get status(): ConnectionStatus
  get service(): ServiceStatus
  get session(): Session | undefined
  /** Why there is no connection, while that is so and somebody said why: RATE_LIMITED, FORBIDDEN, … */
  get error(): SlotlockError | undefined
  /** Epoch milliseconds by the server's clock, estimated; by the machine's own until the first answer. */
  serverNow(): number
  /** Milliseconds that a lock, a slot or a selection has left; 0 when it is over, or has no end. */
  leftMs(of: Partial<Ending>): number

  /** Live locks of this session, by id, whichever tab made them. A new map whenever one changed. */
  get locks(): ReadonlyMap<string, Lock>
  /** Called whenever status, service, session, error or locks changed. Answers how to stop. */
  subscribe(listener: () => void): () => void
  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void

  /** A calendar's days (calendar-local dates, inclusive, 62 at most), kept up to date until the store is closed. */
  calendar(calendar: string, range: { from: string; to: string }): CalendarStore

  /** All of the slots, or SLOT_UNAVAILABLE with `details.conflicts`, and none. */
  lock(request: LockRequest): Promise<Lock>
  /** Exchanges one's lock for one on these slots in a single step. If that is refused, the old one stays. */
  replace(lock: Lock, slots: readonly SlotId[], more?: { ttlMs?: number; requestId?: string }): Promise<Lock>
  /** `ttlMs` from now on; the server's default otherwise. */
  extend(lock: string, ttlMs?: number): Promise<Lock>
  /** A lock that is over already counts as released. */
  release(lock: string): Promise<void>
  book(lock: string, request: BookRequest): Promise<Booking>
  cancelBooking(booking: string): Promise<void>
  /** Reads them anew; `locks` has them too. */
  listLocks(): Promise<Lock[]>
  listCalendars(): Promise<CalendarInfo[]>
  /**
   * Hovers, until another slot or null is said, the slot is locked, or two minutes have passed. Best effort: there is
   * nothing to wait for and nothing to catch.
   */
  select(calendar: string, slot: SlotId | null): void

  /** Any other message of the contract, `revoke`, `block`, `unblock`, `staff-watch`; by HTTP while polling. */
  request<Type extends keyof Answers>(type: Type, params?: object): Promise<Answers[Type]>
  request(type: string, params?: object): Promise<unknown>
  /** An address of the HTTP face that has no message: `http('GET', '/v1/staff/audit?calendar=demo')`. Answers its JSON. */
  http(method: string, path: string, body?: object): Promise<unknown>
}
