import type { LockView, SelectionView, ServiceStatus, SlotState } from '../../protocol/schemas.js'
import { CalendarModel } from './calendar-model.js'
import { systemClock } from './clock.js'
import { Connection } from './connection.js'
import type { SlotlockError } from './errors.js'
import { Hovers } from './hovers.js'
import type { Link } from './link.js'
import { Listeners } from './listeners.js'
import { LockKeeper } from './lock-keeper.js'
import { type Answered, Requests } from './requests.js'
import { localStorageIfThere, SessionToken } from './session-token.js'
import type {
  Answers,
  Booking,
  BookRequest,
  CalendarInfo,
  CalendarStore,
  ClientEvents,
  ClientOptions,
  Clock,
  ConnectionStatus,
  Lock,
  LockRequest,
  ServerPush,
  Session,
  SlotId,
  SocketConstructor
} from './types.js'
import { Watcher } from './watcher.js'

/** Long polls at once; browsers give one server six connections, and other tabs want some. */
const longPollsMax = 2
const selectionTtlMs = 10_000

/**
 * One visitor's connection to one server. Nothing happens before `connect()`.
 *
 * Every promise is either kept or rejects with a SlotlockError. What can be sent again is, with the same `requestId`
 * and for some seconds, before you are told: lost connections, `OUTCOME_UNKNOWN`, `BUSY`.
 */
export class SlotlockClient {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #connection: Connection
  readonly #requests: Requests
  readonly #locks: LockKeeper
  readonly #hovers: Hovers
  readonly #watchers = new Set<Watcher>()
  readonly #changed = new Listeners<void>()
  readonly #events: { [Name in keyof ClientEvents]: Listeners<ClientEvents[Name]> } = {
    lock: new Listeners(),
    session: new Listeners(),
    push: new Listeners()
  }

  /** Throws where `url` is no address, or there is no `fetch`. */
  constructor(options: ClientOptions) {
    const { key, token, storage, transport = 'auto', clock = systemClock, random = Math.random } = options
    const url = new URL(options.url).href.replace(/\/+$/, '')
    const fetch = options.fetch ?? globalThis.fetch.bind(globalThis)
    const sockets = (globalThis as { WebSocket?: SocketConstructor }).WebSocket
    const kept = storage === undefined && token === undefined ? localStorageIfThere() : storage
    this.#clock = clock
    this.#random = random
    this.#connection = new Connection({
      url,
      WebSocket: transport === 'polling' ? undefined : (options.WebSocket ?? sockets),
      fetch,
      clock,
      random,
      key: key || undefined,
      token: new SessionToken(kept ?? undefined, url, token),
      owner: {
        changed: () => this.#changed.tell(),
        connected: (link, session, anew) => this.#connected(link, session, anew),
        disconnected: () => this.#disconnected(),
        pushed: push => this.#pushed(push)
      }
    })
    this.#requests = new Requests(this.#connection, clock, random, () => this.#locks.reread())
    this.#locks = new LockKeeper({
      clock,
      random,
      connection: this.#connection,
      repeat: params => this.#requests.send<Answers['lock']>('lock', params),
      changed: () => this.#changed.tell(),
      told: change => this.#events.lock.tell(change)
    })
    this.#hovers = new Hovers(
      this.#connection,
      () => this.session?.limits.selectionTtlMs ?? selectionTtlMs,
      clock
    )
  }

  /** Connects, and reconnects until `close()`. Calling it again does nothing. */
  connect(): void {
    this.#connection.open()
  }

  /** Ends the connection and every store. Locks stay, hovers go. It may be connected again. */
  close(): void {
    for (const watcher of [...this.#watchers]) watcher.close()
    this.#hovers.close()
    this.#connection.close()
  }

  /** Tries at once where it would wait: for `online`, and for a page that is looked at again. */
  reconnectNow(): void {
    this.#connection.hurry()
  }

  get status(): ConnectionStatus {
    return this.#connection.status
  }

  get service(): ServiceStatus {
    return this.#connection.service
  }

  get session(): Session | undefined {
    return this.#connection.session
  }

  /** Why there is no connection, while that is so and somebody said why: RATE_LIMITED, FORBIDDEN, … */
  get error(): SlotlockError | undefined {
    return this.#connection.error
  }

  /** Live locks of this session, by id, whichever tab made them. A new map whenever one changed. */
  get locks(): ReadonlyMap<string, Lock> {
    return this.#locks.live
  }

  /** Epoch milliseconds by the server's clock, estimated; by the machine's own until the first answer. */
  serverNow(): number {
    return this.#connection.time.now()
  }

  /** Milliseconds that a lock, a slot or a selection has left; 0 when it is over, or has no end. */
  leftMs({ endsAt = 0 }: { readonly endsAt?: number | undefined }): number {
    return Math.max(0, endsAt - this.#clock.monotonic())
  }

  /** Called whenever status, service, session, error or locks changed. Answers how to stop. */
  readonly subscribe = (listener: () => void): (() => void) => this.#changed.add(listener)

  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    return this.#events[name].add(listener)
  }

  /** A calendar's days (calendar-local dates, inclusive, 62 at most), kept up to date until the store is closed. */
  calendar(calendar: string, { from, to }: { from: string; to: string }): CalendarStore {
    const watcher: Watcher = new Watcher({
      model: new CalendarModel(calendar, from, to),
      clock: this.#clock,
      random: this.#random,
      crowded: () => this.#watchers.size > longPollsMax,
      connection: this.#connection,
      changed: slots => this.#locks.slotsChanged(slots),
      closed: () => this.#unwatch(watcher)
    })
    this.#watchers.add(watcher)
    watcher.connected(this.#connection.link)
    return watcher
  }

  /** All of the slots, or SLOT_UNAVAILABLE with `details.conflicts`, and none. */
  async lock(request: LockRequest): Promise<Lock> {
    const params = { ...request, requestId: request.requestId ?? newRequestId() }
    const { replaces } = params
    const { result, sentAt } = await this.#locks.ending(replaces, () =>
      this.#requests.send<Answers['lock']>('lock', params)
    )
    this.#hovers.locked(request.calendar, request.slots)
    if (replaces !== undefined) this.#locks.ended(replaces, 'released')
    return this.#locks.granted(result.lock, sentAt, params)
  }

  /** Exchanges one's lock for one on these slots in a single step. If that is refused, the old one stays. */
  replace(
    lock: Pick<Lock, 'id' | 'calendar'>,
    slots: readonly SlotId[],
    more: { ttlMs?: number | undefined; requestId?: string | undefined } = {}
  ): Promise<Lock> {
    return this.lock({ ...more, calendar: lock.calendar, slots, replaces: lock.id })
  }

  /** `ttlMs` from now on; the server's default otherwise. */
  async extend(lock: string, ttlMs?: number): Promise<Lock> {
    const { result, sentAt } = await this.#requests.send<Answers['extend']>('extend', { lock, ttlMs })
    return this.#locks.heard(result.lock, sentAt)
  }

  /** A lock that is over already counts as released. */
  async release(lock: string): Promise<void> {
    await this.#locks.ending(lock, () => this.#requests.send('release', { lock }))
    this.#locks.ended(lock, 'released')
  }

  async book(lock: string, request: BookRequest): Promise<Booking> {
    const params = { ...request, lock, requestId: request.requestId ?? newRequestId() }
    const { result } = await this.#locks.ending(lock, () =>
      this.#requests.send<Answers['book']>('book', params)
    )
    this.#locks.ended(lock, 'booked')
    return result.booking
  }

  async cancelBooking(booking: string): Promise<void> {
    await this.#requests.send('cancel', { booking })
  }

  /** Reads them anew; `locks` has them too. */
  async listLocks(): Promise<Lock[]> {
    const { result, sentAt } = await this.#requests.send<Answers['locks']>('locks')
    await this.#locks.read(result.locks, sentAt)
    return [...this.locks.values()]
  }

  async listCalendars(): Promise<CalendarInfo[]> {
    return (await this.#requests.send<Answers['calendars']>('calendars')).result.calendars
  }

  /**
   * Hovers, until another slot or null is said, the slot is locked, or two minutes have passed. Best effort: there is
   * nothing to wait for and nothing to catch.
   */
  select(calendar: string, slot: SlotId | null): void {
    this.#hovers.select(calendar, slot)
  }

  /** Any other message of the contract, `revoke`, `block`, `unblock`, `staff-watch`; by HTTP while polling. */
  request<Type extends keyof Answers>(type: Type, params?: object): Promise<Answers[Type]>
  request(type: string, params?: object): Promise<unknown>
  async request(type: string, params?: object): Promise<unknown> {
    const answered: Answered<unknown> = await this.#requests.send(type, params)
    return answered.result
  }

  /** An address of the HTTP face that has no message: `http('GET', '/v1/staff/audit?calendar=demo')`. Answers its JSON. */
  async http(method: string, path: string, body: object = {}): Promise<unknown> {
    const ask = () => this.#connection.http.call(method, path, body)
    const answered: Answered<unknown> = await this.#requests.settle(ask)
    return answered.result
  }

  // --- what the connection tells

  #connected(link: Link, session: Session, anew: boolean): void {
    if (anew) this.#locks.clear()
    this.#locks.reread()
    for (const watcher of this.#watchers) watcher.connected(link)
    this.#hovers.connected()
    this.#events.session.tell(session)
  }

  #disconnected(): void {
    this.#locks.reread()
    for (const watcher of this.#watchers) watcher.connected(undefined)
  }

  #pushed(push: ServerPush): void {
    const { type, calendar } = push
    switch (type) {
      case 'slots':
        this.#each(calendar, watcher => watcher.pushedSlots(push.slots as SlotState[]))
        break
      case 'selections':
        this.#each(calendar, watcher => watcher.pushedSelections(push.selections as SelectionView[]))
        break
      case 'lock': {
        const { lock, ...more } = push as unknown as { lock: LockView; reason?: string; expiring?: boolean }
        this.#locks.heard(lock, this.#connection.time.pushedAt(), more)
        break
      }
      case 'session':
        this.#connection.keepToken(push.token as string, push.expiresAt as number)
        // A token is nobody's business, not even a listener's.
        return
      case 'service':
        this.#connection.service = push.status as ServiceStatus
        this.#changed.tell()
    }
    this.#events.push.tell(push)
  }

  #each(calendar: unknown, tell: (watcher: Watcher) => void): void {
    for (const watcher of this.#watchers) if (watcher.calendar === calendar) tell(watcher)
  }

  /** The server pushes a calendar once, however many stores look at it. */
  #unwatch(watcher: Watcher): void {
    const { calendar } = watcher
    if (!this.#watchers.delete(watcher)) return
    if ([...this.#watchers].some(other => other.calendar === calendar)) return
    if (this.#connection.link?.kind === 'live') void this.#connection.link.ask('unwatch', { calendar })
  }
}

/** 128 bits. `crypto.randomUUID` is missing on pages without TLS. */
const newRequestId = (): string => crypto.getRandomValues(new BigUint64Array(2)).join('-')
