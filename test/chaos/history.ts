import { createReadStream, createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'

/**
 * What happened during a run, as seen from outside of the service: one JSON line each. The checker judges by nothing
 * else. All times without a word about it are milliseconds of the machine's monotonic clock, which all processes of
 * one machine share and nobody can set.
 */
export type HistoryEvent = Call | Push | Look | Fault | Exit | LogLine | Memory | Hook | Aftermath

export type Op = 'lock' | 'extend' | 'release' | 'book' | 'cancel' | 'revoke' | 'block' | 'unblock' | 'select'

/** One attempt at one operation: a request that is sent again is two of these. */
export interface Call {
  kind: 'call'
  session: string
  via: 'ws' | 'http'
  instance: number
  op: Op
  slots?: string[]
  requestId?: string
  replaces?: string
  ttlMs?: number
  /** The lock that is extended, released, booked, revoked. */
  lock?: string
  /** The booking that is cancelled. */
  booking?: string
  ifStillFree?: boolean
  /** Taken before the bytes left. */
  sentAt: number
  /** Taken after the answer was read, or when it was given up. */
  receivedAt: number
  wallMs: number
  /** `OK`, an error code of the wire, or `LOST`: no answer came. */
  answer: string
  message?: string
  /** `slots`: what staff were told of slots that they closed or opened. */
  result?: { lock?: LockAnswer; booking?: BookingAnswer; slots?: SeenSlot[] }
}

export interface LockAnswer {
  id: string
  slots: string[]
  state: string
  fence: number
  expiresInMs: number
  expiresAt: number
}

export interface BookingAnswer {
  id: string
  slots: string[]
  state: string
}

export interface SeenSlot {
  slot: string
  state: string
  ver: number
  by?: string
}

/** States that a watcher was told: by a push, or by the snapshot of a new connection. */
export interface Push {
  kind: 'push'
  watcher: string
  instance: number
  /** A snapshot was asked for at this moment; absent: a push. */
  askedAt?: number
  at: number
  slots: SeenSlot[]
}

export interface SlotRow {
  slot: string
  state: string
  token: string
  ver: number
  expiresMs: number
}

export interface LockRow {
  id: string
  slots: string[]
  state: string
  ver: number
  expiresMs: number
}

export interface BookingRow {
  id: string
  lock: string
  slots: string[]
  state: string
}

/** The database's rows in one consistent snapshot, read behind the service's back. */
export interface Look {
  kind: 'look'
  from: number
  to: number
  /** The database's own clock in that snapshot, epoch milliseconds. */
  dbNowMs: number
  slots: SlotRow[]
  /** Those that are written `held`, and those that any slot names; in the last look of a run, all of them. */
  locks: LockRow[]
  /** The active ones; in the last look of a run, all of them. */
  bookings: BookingRow[]
  last: boolean
}

export interface Fault {
  kind: 'fault'
  name: string
  /** The instance it was done to; absent: a store, and so everybody. */
  instance?: number
  from: number
  to: number
}

export interface Exit {
  kind: 'exit'
  instance: number
  at: number
  code: number | null
  signal: string | null
  /** A fault killed it or asked it to stop, or it ended before it was up. */
  wanted: 'killed' | 'stopped' | 'refused to start' | undefined
}

/** What an instance logged at level `error` or above, or wrote outside of its log. */
export interface LogLine {
  kind: 'log'
  instance: number
  at: number
  line: string
}

export interface Memory {
  kind: 'memory'
  instance: number
  at: number
  rssBytes: number
}

/** One attempt at a webhook, well signed, as the host saw it. */
export interface Hook {
  kind: 'webhook'
  at: number
  id: string
  /** It answered 2xx. */
  taken: boolean
  type: string
  seq: number
  slots: string[]
  lock?: string
  booking?: string
}

/** What was found after the last fault, when everything had to agree again. */
export interface Aftermath {
  kind: 'aftermath'
  at: number
  convergedAfterMs: number
  /** Until the host had been told everything. */
  toldAfterMs?: number
  /** Looks at a watcher, a snapshot or a slot. */
  looks: number
  problems: string[]
}

/** Appends events to a file of JSON lines. */
export class HistoryWriter {
  readonly #stream: WriteStream

  constructor(path: string) {
    this.#stream = createWriteStream(path)
  }

  add(event: HistoryEvent): void {
    this.#stream.write(`${JSON.stringify(event)}\n`)
  }

  async end(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#stream.on('error', reject)
      this.#stream.end(resolve)
    })
  }
}

export async function readHistory(path: string): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = []
  for await (const line of createInterface({ input: createReadStream(path) })) {
    events.push(JSON.parse(line) as HistoryEvent)
  }
  return events
}
