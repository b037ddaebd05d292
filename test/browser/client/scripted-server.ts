import { SlotlockClient } from '../../../src/browser/client/client.js'
import type { ClientOptions, SocketLike, TokenStorage } from '../../../src/browser/client/types.js'
import type { LockView, SessionView, SlotState } from '../../../src/protocol/schemas.js'
import { SteppedTime } from '../../helpers/stepped-time.js'

export interface Message {
  id: number
  type: string
  [member: string]: unknown
}

/** What a test lets the server do with a message: `undefined` leaves it without an answer. */
export type Script = (message: Message, socket: ScriptedSocket) => object | undefined

export const ok = (result: object): object => ({ ok: true, result })
export const refuse = (code: string, more: object = {}): object => ({
  ok: false,
  error: {
    code,
    message: code,
    retryable: ['BUSY', 'OUTCOME_UNKNOWN', 'RATE_LIMITED'].includes(code),
    ...more
  }
})

/** The server's end of one WebSocket, and the client's, without a wire between. */
export class ScriptedSocket implements SocketLike {
  readyState = 0
  onopen: SocketLike['onopen'] = null
  onmessage: SocketLike['onmessage'] = null
  onclose: SocketLike['onclose'] = null
  onerror: SocketLike['onerror'] = null
  readonly messages: Message[] = []
  readonly url: string
  readonly protocols: string | string[] | undefined
  readonly #server: ScriptedServer

  constructor(server: ScriptedServer, url: string, protocols?: string | string[]) {
    this.#server = server
    this.url = url
    this.protocols = protocols
  }

  open(): void {
    this.readyState = 1
    this.onopen?.(undefined as never)
  }

  send(text: string): void {
    const message = JSON.parse(text) as Message
    this.messages.push(message)
    const answer = this.#server.script(message, this) ?? undefined
    if (answer !== undefined) queueMicrotask(() => this.answer(message, answer))
  }

  answer({ id }: Message, answer: object): void {
    this.push({ id, ...answer })
  }

  push(frame: object): void {
    if (this.readyState === 1) this.onmessage?.({ data: JSON.stringify(frame) } as never)
  }

  /** Ended by the server, or by what is in between. */
  end(code = 1006): void {
    this.readyState = 3
    this.onclose?.({ code, reason: '' } as never)
  }

  close(): void {
    this.readyState = 3
  }

  sent(type: string): Message[] {
    return this.messages.filter(message => message.type === type)
  }
}

export interface HttpCall {
  method: string
  path: string
  headers: Record<string, string>
  body: Record<string, unknown> | undefined
}

/** A server as the test says it is: sockets that open or do not, answers that come or do not. */
export class ScriptedServer {
  readonly sockets: ScriptedSocket[] = []
  readonly calls: HttpCall[] = []
  /** Of the next sockets. */
  opening: 'open' | 'fail' | 'hang' = 'open'
  session: SessionView = {
    session: 'S1',
    token: 'token-1',
    expiresAt: Date.parse('2026-01-16T08:00Z'),
    serverTime: Date.parse('2026-01-15T08:00Z'),
    limits: {
      lockTtlMs: 600_000,
      lockTtlMinMs: 10_000,
      lockTtlMaxMs: 1_800_000,
      lockLifeMaxMs: 7_200_000,
      selectionTtlMs: 10_000,
      slotsPerLockMax: 32,
      locksPerSessionMax: 8,
      lockedSlotsPerSessionMax: 64
    },
    service: 'normal',
    resumed: true,
    role: 'visitor'
  }
  slots: SlotState[] = []
  locks: LockView[] = []
  /** Answers a message first; where it has nothing to say, the server does the usual. `null`: no answer. */
  answer: (message: Message, socket: ScriptedSocket) => object | null | undefined = () => undefined
  /** By HTTP; undefined: the connection fails. */
  http: (call: HttpCall) => { status: number; json?: object } | undefined | Promise<undefined> = () =>
    undefined

  readonly WebSocket: NonNullable<ClientOptions['WebSocket']>
  readonly fetch: typeof fetch

  constructor() {
    const server = this
    this.WebSocket = class extends ScriptedSocket {
      constructor(url: string, protocols?: string | string[]) {
        super(server, url, protocols)
        server.sockets.push(this)
        const { opening } = server
        if (opening === 'open') queueMicrotask(() => this.open())
        if (opening === 'fail') queueMicrotask(() => this.end())
      }
    }
    this.fetch = async (url, init) => {
      const { method = 'GET', headers, body, signal } = init ?? {}
      const call: HttpCall = {
        method,
        path: String(url).replace('https://book.example', ''),
        headers: headers as Record<string, string>,
        body: body === undefined ? undefined : JSON.parse(String(body))
      }
      this.calls.push(call)
      const aborted = new Promise<never>((_, reject) =>
        signal?.addEventListener('abort', () => reject(new Error('aborted')))
      )
      const answer = await Promise.race([this.http(call), aborted])
      if (answer === undefined) throw new TypeError('fetch failed')
      return new Response(answer.json === undefined ? null : JSON.stringify(answer.json), {
        status: answer.status
      })
    }
  }

  script(message: Message, socket: ScriptedSocket): object | undefined {
    const scripted = this.answer(message, socket)
    if (scripted !== undefined) return scripted ?? undefined
    switch (message.type) {
      case 'hello':
        return ok(this.session)
      case 'locks':
        return ok({ locks: this.locks })
      case 'watch':
        return ok(this.snapshot(message))
      case 'ping':
        return ok({ serverTime: this.session.serverTime })
      case 'select':
        return ok({ slot: message.slot, expiresInMs: 10_000 })
      case 'unwatch':
        return ok({ unwatched: true })
      default:
        return undefined
    }
  }

  snapshot({ calendar, from, to }: Record<string, unknown>): object {
    const { slots } = this
    return { calendar, from, to, timeZone: 'UTC', you: 'me', slots, selections: [], serverTime: 0 }
  }

  get last(): ScriptedSocket {
    return this.sockets.at(-1)!
  }
}

/** As localStorage is, for as many tabs as share it. */
export class MemoryStorage implements TokenStorage {
  readonly items = new Map<string, string>()
  getItem = (key: string): string | null => this.items.get(key) ?? null
  setItem = (key: string, value: string): void => void this.items.set(key, value)
  removeItem = (key: string): void => void this.items.delete(key)
}

export const lockView = (more: Partial<LockView> = {}): LockView => ({
  id: 'lock-1',
  calendar: 'demo',
  slots: ['dr-lee/2026-01-20T09:00Z'],
  state: 'held',
  by: 'me',
  fence: 1,
  createdAt: 0,
  expiresAt: 600_000,
  expiresInMs: 600_000,
  extendableUntil: 7_200_000,
  ...more
})

export const slotState = (start: string, more: Partial<SlotState> = {}): SlotState => ({
  slot: `dr-lee/${start}`,
  state: 'free',
  ver: 1,
  ...more
})

/** A client of a scripted server; half of every jitter, and time that only moves when the test says so. */
export function startClient(
  t: { teardown(end: () => unknown): void },
  server: ScriptedServer,
  more: Partial<ClientOptions> = {}
): { client: SlotlockClient; time: SteppedTime } {
  const time = (more.clock as SteppedTime | undefined) ?? new SteppedTime()
  const client = new SlotlockClient({
    url: 'https://book.example',
    WebSocket: server.WebSocket,
    fetch: server.fetch,
    storage: new MemoryStorage(),
    random: () => 0.5,
    ...more,
    clock: time
  })
  t.teardown(() => client.close())
  client.connect()
  return { client, time }
}
