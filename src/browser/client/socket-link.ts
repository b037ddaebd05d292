import { closeCodes, frameBytesMax, subprotocol } from '../../protocol/codes.js'
import type { WireError } from '../../protocol/schemas.js'
import type { Ended } from './backoff.js'
import { SlotlockError } from './errors.js'
import { answerWithinMs, type Link, type Outcome, refused } from './link.js'
import type { Clock, ServerPush, SocketConstructor, SocketLike } from './types.js'

/** A handshake that is neither done nor refused by then is being swallowed by something on the way. */
export const openWithinMs = 5_000
/** So often the socket is looked at; one that was silent for so long is pinged. */
export const beatMs = 20_000
const pongWithinMs = 8_000
const abnormal = 1006

export interface SocketOwner {
  opened(link: SocketLink): void
  pushed(link: SocketLink, push: ServerPush): void
  /** Once, whoever ended it. */
  closed(link: SocketLink, ended: Ended): void
  /** Each beat while it is open. */
  beat(link: SocketLink): void
}

interface Waiting {
  sentAt: number
  settle(outcome: Outcome): void
}

/**
 * One WebSocket. OPENING until the handshake is done, 5 s at most. OPEN: each message is answered once, or is LOST
 * when the time for its answer is over or the socket ends. A socket that was silent for a beat is pinged, and one that
 * does not answer that is dead, whatever the browser still believes: after a change of networks it may take it a
 * quarter of an hour. CLOSED: for good.
 */
export class SocketLink implements Link {
  readonly kind = 'live'
  readonly #socket: SocketLike
  readonly #owner: SocketOwner
  readonly #clock: Clock
  readonly #waiting = new Map<number, Waiting>()
  #state: 'OPENING' | 'OPEN' | 'CLOSED' = 'OPENING'
  #nextId = 1
  #heardAt = 0
  #reconnectInMs: number | undefined
  #cancelTimer: () => void

  /** Throws what the constructor of the WebSocket throws. */
  constructor(url: string, WebSocket: SocketConstructor, owner: SocketOwner, clock: Clock) {
    this.#owner = owner
    this.#clock = clock
    this.#socket = new WebSocket(url, subprotocol)
    this.#cancelTimer = clock.after(openWithinMs, () => this.#end(abnormal))
    this.#socket.onopen = () => {
      if (this.#state !== 'OPENING') return
      this.#state = 'OPEN'
      this.#cancelTimer()
      this.#beatLater()
      owner.opened(this)
    }
    this.#socket.onmessage = ({ data }: { data: unknown }) => this.#receive(data)
    this.#socket.onclose = ({ code }: { code: number }) => this.#end(code)
    // A close follows it, and tells more.
    this.#socket.onerror = () => {}
  }

  ask(type: string, params: object = {}, withinMs: number = answerWithinMs): Promise<Outcome> {
    if (this.#state !== 'OPEN') return Promise.resolve({ status: 'UNSENT' })
    const id = this.#nextId++
    const text = JSON.stringify({ ...params, id, type })
    // The server would close the connection, and we would come back and send it again.
    if (new TextEncoder().encode(text).length > frameBytesMax) {
      return Promise.resolve(refused('INVALID_REQUEST', `The request is longer than ${frameBytesMax} bytes`))
    }
    return new Promise(resolve => {
      const cancel = this.#clock.after(withinMs, () => {
        this.#waiting.get(id)?.settle({ status: 'LOST' })
        if (this.#clock.monotonic() - this.#heardAt >= withinMs) this.#end(abnormal)
      })
      this.#waiting.set(id, {
        sentAt: this.#clock.monotonic(),
        settle: outcome => {
          cancel()
          this.#waiting.delete(id)
          resolve(outcome)
        }
      })
      try {
        this.#socket.send(text)
      } catch {
        this.#waiting.get(id)?.settle({ status: 'UNSENT' })
      }
    })
  }

  close(): void {
    this.#end(closeCodes.done)
  }

  /** Asks whether anybody is there; ends the link if not. */
  ping(): Promise<Outcome> {
    return this.ask('ping', {}, pongWithinMs)
  }

  #receive(data: unknown): void {
    if (this.#state !== 'OPEN') return
    this.#heardAt = this.#clock.monotonic()
    const message = parsed(data)
    if (!message) return
    if (!('ok' in message)) {
      if (message.type === 'goodbye') this.#reconnectInMs = Number(message.reconnectInMs) || undefined
      this.#owner.pushed(this, message as ServerPush)
      return
    }
    const waiting = this.#waiting.get(message.id as number)
    if (!waiting) return
    if (message.ok === true) {
      waiting.settle({ status: 'ANSWERED', result: message.result, sentAt: waiting.sentAt })
    } else {
      waiting.settle({ status: 'REFUSED', error: new SlotlockError(message.error as WireError) })
    }
  }

  #beatLater(): void {
    this.#cancelTimer = this.#clock.after(beatMs, () => {
      if (this.#clock.monotonic() - this.#heardAt >= beatMs) void this.ping()
      this.#beatLater()
      this.#owner.beat(this)
    })
  }

  /** At once, not when the other side has agreed: who is not there agrees to nothing. */
  #end(code: number): void {
    if (this.#state === 'CLOSED') return
    this.#state = 'CLOSED'
    this.#cancelTimer()
    for (const { settle } of [...this.#waiting.values()]) settle({ status: 'LOST' })
    try {
      this.#socket.close(closeCodes.done)
    } catch {
      // some throw when the handshake is not done; then there is nothing to close
    }
    this.#owner.closed(this, { code, reconnectInMs: this.#reconnectInMs })
  }
}

/** What is no JSON object says nothing to us. */
function parsed(data: unknown): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(data as string)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
