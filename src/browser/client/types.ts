import type { ResultOf } from '../../protocol/operations.js'
import type {
  BookingView,
  LockView,
  SelectionView,
  ServiceStatus,
  SessionView,
  SlotState
} from '../../protocol/schemas.js'
import type { SlotlockError } from './errors.js'

/** The words are the contract's. Times are epoch milliseconds unless they say otherwise. */

/** A slot's id: `<resource>/<start in UTC to the minute>`. */
export type SlotId = string
/** The public name of a session in one calendar. */
export type ViewerTag = string

export type { ServiceStatus }
export type Booking = BookingView
export type Customer = BookingView['customer']
export type CalendarInfo = ResultOf<'listCalendars'>['calendars'][number]

/**
 * When something that runs out is over, by `Clock.monotonic` of this client: `client.leftMs(it)` is what is left. It
 * is counted from when the request was sent, so it is never later than the server's own end, and a clock that is wrong
 * or is set meanwhile does not matter.
 */
export interface Ending {
  readonly endsAt: number
}

/** A lock of this session. */
export type Lock = Readonly<LockView> & Ending

/** A slot as it is shown. `endsAt` only while it is locked; `by` then says who has it. */
export type Slot = Readonly<SlotState> & {
  readonly resource: string
  /** Epoch milliseconds of its start. */
  readonly start: number
  readonly endsAt?: number | undefined
}

/** Somebody looks at a slot. Your own are among them: `viewer` is then the snapshot's `you`. */
export type Selection = Readonly<SelectionView> & { readonly slot: SlotId } & Ending

/** Who this client is to the server; `resumed` false: a new session, whatever token there was. */
export type Session = Readonly<Omit<SessionView, 'token'>>

/**
 * `closed`: not started, or ended by `close()`. `connecting`: on its way, for the first time or after a connection
 * that was lost a moment ago. `live`: by WebSocket. `polling`: by HTTP, because WebSockets do not get through.
 * `offline`: the last attempt failed; the next is under way or waits for its time.
 */
export type ConnectionStatus = 'closed' | 'connecting' | 'live' | 'polling' | 'offline'

/** One calendar's days as last known. A new object whenever something changed, the same one otherwise. */
export interface CalendarSnapshot {
  readonly calendar: string
  /** Calendar-local dates, both inclusive. */
  readonly from: string
  readonly to: string
  /** IANA name; empty until the first answer. */
  readonly timeZone: string
  /** This session's tag in the calendar; undefined until the first answer. */
  readonly you: ViewerTag | undefined
  /** In the server's order. Of a calendar with `grid: "open"` free slots are not listed, but one that became free stays. */
  readonly slots: ReadonlyMap<SlotId, Slot>
  /** Who looks at what now, by tag. */
  readonly selections: ReadonlyMap<ViewerTag, Selection>
  /** `loading`: nothing was read of these days yet. `stale`: it may have changed, there is no connection. */
  readonly state: 'loading' | 'live' | 'stale'
  /** Why the days cannot be read, while that is so: CALENDAR_NOT_FOUND, FORBIDDEN, … */
  readonly error?: SlotlockError | undefined
}

/**
 * What changed since the listener was last called. `all`: the days were read anew, so look at everything. With nothing
 * in it: the state or the error changed.
 */
export interface CalendarChange {
  readonly all: boolean
  readonly slots: ReadonlySet<SlotId>
  readonly selections: ReadonlySet<ViewerTag>
}

/**
 * One calendar, some days of it, kept up to date until `close()`. `get` and `subscribe` are what React's
 * useSyncExternalStore takes.
 */
export interface CalendarStore {
  readonly get: () => CalendarSnapshot
  /** Called after each change, with `get()` telling the new state already. Answers how to stop. */
  readonly subscribe: (listener: (changed: CalendarChange) => void) => () => void
  /** Other days. What is known of them stays on show, the rest comes with the next answer. */
  setRange(from: string, to: string): void
  close(): void
}

/** A lock of this session changed: it was granted, extended, is about to end, or has ended. */
export interface LockChange {
  readonly lock: Lock
  /** What staff gave as the reason for revoking it. */
  readonly reason?: string
  /** A warning: it ends in less than a minute. */
  readonly expiring?: boolean
}

/** What the server says of its own accord, as it came; `type` says which, and later versions may know more. */
export interface ServerPush {
  readonly type: string
  readonly [member: string]: unknown
}

export interface ClientEvents {
  lock: LockChange
  /** After each hello: what was asked of the connection alone (`staff-watch`) is to be asked again. */
  session: Session
  /** Every push, for those that this client does not keep a store of, such as `staff`. Not while polling. */
  push: ServerPush
}

export interface LockRequest {
  calendar: string
  slots: readonly SlotId[]
  /** How long it is to live; the server's default otherwise. */
  ttlMs?: number | undefined
  /** Id of a lock of this session: it is exchanged for the new one in one step, or nothing changes. */
  replaces?: string | undefined
  /** 1 to 64 characters; made up where you give none. The same one again gives the same lock, for 24 hours. */
  requestId?: string | undefined
}

export interface BookRequest {
  customer: Customer
  /** Any JSON of at most 2 KiB. */
  meta?: unknown
  /** After the lock's end: book all the same if nobody else has taken any of its slots. */
  ifStillFree?: boolean | undefined
  requestId?: string | undefined
}

/** The part of `Storage` (as of localStorage) that is used. */
export interface TokenStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/** The part of a WebSocket that is used: that of browsers, of Node 22 and of `ws` alike. */
export interface SocketLike {
  readonly readyState: number
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  send(text: string): void
  close(code?: number, reason?: string): void
}
export type SocketConstructor = new (url: string, protocols?: string | string[]) => SocketLike

/** Time, and being called later; a test steps it. */
export interface Clock {
  /** Epoch milliseconds; may step. Only used to notice that the machine slept. */
  now(): number
  /** Milliseconds since some moment; never steps. */
  monotonic(): number
  /** Calls `task` after so many milliseconds. Answers how to call it off. */
  after(delayMs: number, task: () => void): () => void
}

export interface ClientOptions {
  /** Of the server, `https://book.example`; a path in front of `/v1` is kept. */
  url: string
  /** Of the site whose page it is, where the server wants one for a new session. */
  key?: string | undefined
  /** Of a session that exists: one of `slotlock token` for staff. If it is refused, the session is a new visitor's. */
  token?: string | undefined
  /** Where the session's token is kept. Default: localStorage if there is one, and nowhere when `token` is given. */
  storage?: TokenStorage | null | undefined
  /** Default: the global one. Node 20 has none: pass that of `ws`, or the client polls. */
  WebSocket?: SocketConstructor | undefined
  /** Default: the global one. */
  fetch?: typeof fetch | undefined
  clock?: Clock | undefined
  /** A number in [0, 1); spreads reconnects. */
  random?: (() => number) | undefined
  /** `polling`: never by WebSocket. Default `auto`. */
  transport?: 'auto' | 'polling' | undefined
}

/** Messages of the contract that go by either transport, and what each is answered. */
export interface Answers {
  locks: ResultOf<'listLocks'>
  lock: ResultOf<'lock'>
  extend: ResultOf<'extend'>
  release: ResultOf<'release'>
  book: ResultOf<'book'>
  select: ResultOf<'select'>
  watch: ResultOf<'readSlots'>
  revoke: ResultOf<'revoke'>
  block: ResultOf<'block'>
  unblock: ResultOf<'unblock'>
  calendars: ResultOf<'listCalendars'>
  cancel: ResultOf<'cancelBooking'>
  'staff-watch': ResultOf<'staffLocks'>
}
