import { closeCodes } from '../../protocol/codes.js'
import type { ServiceStatus, SessionView } from '../../protocol/schemas.js'
import { type Ended, reconnectDelayMs, socketRetryMs } from './backoff.js'
import { ServerTime } from './clock.js'
import type { SlotlockError } from './errors.js'
import { HttpLink } from './http-link.js'
import type { Link } from './link.js'
import type { SessionToken } from './session-token.js'
import { openWithinMs, SocketLink } from './socket-link.js'
import type { Clock, ConnectionStatus, ServerPush, Session, SocketConstructor } from './types.js'

/** After so many attempts in a row that did not get as far as a hello, HTTP is tried. */
export const socketFailuresMax = 2
/** A connection that lasted so long was a good one: the next attempt comes soon. */
const stableMs = 10_000
/** While polling, hello is said so often: it renews the token and tells how the service is. */
export const helloEveryMs = 30_000
/** The wall clock ran on by so much more than the other one: the machine slept, and countdowns with it. */
const sleptMs = 5_000
/** Tokens refused, or given up for that of another tab, in one attempt. */
const tokensMax = 4
const abnormal = 1006

export interface ConnectionOwner {
  /** Status, service, session or error. */
  changed(): void
  /** Hello was answered on a connection that is now in use. `anew`: as another session than before. */
  connected(link: Link, session: Session, anew: boolean): void
  disconnected(): void
  pushed(push: ServerPush): void
}

export interface ConnectionParts {
  url: string
  WebSocket: SocketConstructor | undefined
  fetch: typeof fetch
  clock: Clock
  random: () => number
  key?: string | undefined
  token: SessionToken
  owner: ConnectionOwner
}

/**
 * The way to the server that is in use, and how the next one is found.
 *
 * DIALLING: a socket is opening, or its hello is on the way. If that fails it waits, for a moment of full jitter, and
 * dials again; after two failures it says hello by HTTP, and if that works WebSockets are blocked and it is POLLING.
 * LIVE: pushes come. A socket that ends is dialled again, when the goodbye says or the close code suggests. POLLING:
 * the stores ask by HTTP; a socket is dialled beside that now and then, and takes over when its hello is answered. A
 * new connection takes over from the old one rather than following it.
 */
export class Connection {
  readonly http: HttpLink
  readonly time: ServerTime
  status: ConnectionStatus = 'closed'
  service: ServiceStatus = 'normal'
  session: Session | undefined
  error: SlotlockError | undefined
  readonly #parts: ConnectionParts
  /** In use now. */
  link: Link | undefined
  #linkedAt = 0
  #dialled: SocketLink | undefined
  #greeting: Promise<void> | undefined
  /** Attempts that did not get as far as a hello, in a row. */
  #failures = 0
  /** Connections that did not last, in a row. */
  #attempt = 0
  #tokensTried = 0
  /** How far the wall clock is ahead of the other one. */
  #clocksApartMs = 0
  readonly #waiting = new Set<() => void>()
  #cancelDial = (): void => {}
  #cancelHello = (): void => {}

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    this.time = new ServerTime(parts.clock)
    this.http = new HttpLink(parts.url, parts.fetch, parts.clock, () => parts.token.read())
  }

  open(): void {
    if (!this.closed) return
    this.status = 'connecting'
    this.#failures = 0
    this.#attempt = 0
    this.#parts.owner.changed()
    this.#dial()
  }

  close(): void {
    if (this.closed) return
    this.#cancelDial()
    this.status = 'closed'
    this.#dialled?.close()
    this.#unlink()
    this.#wake()
    this.#parts.owner.changed()
  }

  get closed(): boolean {
    return this.status === 'closed'
  }

  /** Now, instead of when the time has come. A link that is there has to show that it lives. */
  hurry(): void {
    if (this.link instanceof SocketLink && !this.#slept()) void this.link.ping()
    else this.#dial()
  }

  /** The link in use; undefined when there was none in time. */
  async ready(withinMs: number): Promise<Link | undefined> {
    if (!this.link && !this.closed && withinMs > 0) {
      await new Promise<void>(resolve => {
        const done = (): void => {
          cancel()
          this.#waiting.delete(done)
          resolve()
        }
        const cancel = this.#parts.clock.after(withinMs, done)
        this.#waiting.add(done)
      })
    }
    return this.link
  }

  /** Something that was sent by HTTP was lost: is anybody there? */
  suspect(): void {
    if (this.link === this.http) void this.#greetByHttp()
  }

  /** The server gives out a fresh token in the second half of a session. */
  keepToken(token: string, expiresAt: number): void {
    this.#parts.token.keep(token)
    if (this.session) this.session = { ...this.session, expiresAt }
    this.#parts.owner.changed()
  }

  /** The server says that the session is over. */
  renew(): void {
    const polling = this.link === this.http
    this.#unlink()
    this.#become('connecting')
    if (polling) void this.#greetByHttp()
    else this.#dial()
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done()
  }

  #become(status: ConnectionStatus): void {
    if (this.status === status || this.closed) return
    this.status = status
    this.#parts.owner.changed()
  }

  #unlink(): void {
    const link = this.link
    this.#cancelHello()
    if (!link) return
    this.link = undefined
    if (this.#parts.clock.monotonic() - this.#linkedAt >= stableMs) this.#attempt = 0
    link.close()
    this.#parts.owner.disconnected()
  }

  // --- by WebSocket

  #dial(): void {
    this.#cancelDial()
    if (this.#dialled || this.closed) return
    const { url, WebSocket, clock } = this.#parts
    if (!WebSocket) {
      if (!this.link) void this.#greetByHttp()
      return
    }
    try {
      this.#dialled = new SocketLink(
        `${url.replace(/^http/, 'ws')}/v1/ws`,
        WebSocket,
        this.#socketOwner,
        clock
      )
    } catch {
      // A page's own policy may forbid it.
      this.#failed({ code: abnormal })
    }
  }

  readonly #socketOwner = {
    opened: (socket: SocketLink): void => void this.#greet(socket),
    pushed: (socket: SocketLink, push: ServerPush): void => {
      if (this.link === socket) this.#parts.owner.pushed(push)
    },
    closed: (socket: SocketLink, ended: Ended): void => {
      if (this.#dialled === socket) {
        this.#dialled = undefined
        if (ended.code === closeCodes.tokenNotOurs && this.#dropToken(this.#parts.token.read())) this.#dial()
        else this.#failed(ended)
      } else if (this.link === socket) {
        this.#unlink()
        this.#become('connecting')
        this.#wait(ended)
      }
    },
    beat: (socket: SocketLink): void => {
      if (this.link === socket && this.#slept()) this.#dial()
    }
  }

  // --- hello, by either

  #greetByHttp(): Promise<void> {
    this.#greeting ??= this.#greet(this.http).finally(() => {
      this.#greeting = undefined
    })
    return this.#greeting
  }

  async #greet(link: SocketLink | HttpLink): Promise<void> {
    const byHttp = link === this.http
    const { key } = this.#parts
    const token = this.#parts.token.read()
    const outcome = await (byHttp
      ? link.ask('hello', { key })
      : link.ask('hello', { token, key }, openWithinMs))
    if (byHttp ? this.closed || this.link?.kind === 'live' : this.#dialled !== link) return
    if (outcome.status === 'LOST' || outcome.status === 'UNSENT') {
      // A socket tells of its end itself.
      if (!byHttp) return link.close()
      this.#unlink()
      this.#become('offline')
      this.#wait({ code: abnormal })
      return
    }
    if (!byHttp) this.#dialled = undefined
    if (outcome.status === 'ANSWERED') {
      const view = outcome.result as SessionView
      if (!this.#isOvertaken(view, token)) return this.#welcome(link, view, outcome.sentAt)
    } else if (outcome.status === 'REFUSED') {
      const { error } = outcome
      if (error.code !== 'UNAUTHENTICATED' || !this.#dropToken(token)) {
        link.close()
        return this.#refused(error)
      }
    }
    link.close()
    if (byHttp) return this.#greet(link)
    this.#dial()
  }

  // --- what comes of it

  /** Another tab was first: its session is taken, and the new one, which has nothing to lose, left alone. */
  #isOvertaken(view: SessionView, sent: string | undefined): boolean {
    const stored = this.#parts.token.read()
    return !view.resumed && stored !== undefined && stored !== sent && this.#tokensTried++ < tokensMax
  }

  #welcome(link: Link, view: SessionView, sentAt: number): void {
    const { clock, owner, random } = this.#parts
    this.#tokensTried = 0
    const { token, ...session } = view
    this.#parts.token.keep(token)
    const before = this.link
    const anew = this.session?.session !== session.session
    this.session = session
    this.service = session.service
    this.error = undefined
    this.status = link.kind
    this.#cancelHello()
    if (before !== link) {
      this.#failures = 0
      this.link = link
      this.#linkedAt = clock.monotonic()
      this.time.forget()
      this.#slept()
      if (link === this.http) this.#dialLater(socketRetryMs(0, random))
    }
    if (link === this.http) this.#helloLater()
    this.time.learn(session.serverTime, sentAt)
    owner.changed()
    if (before !== link) before?.close()
    if (before !== link || anew) owner.connected(link, session, anew)
    this.#wake()
  }

  /** True: say hello without it. */
  #dropToken(token: string | undefined): boolean {
    if (!token || this.#tokensTried++ >= tokensMax) return false
    this.#parts.token.drop(token)
    return true
  }

  /** Somebody answers, and wants no session of ours now. What is in use goes on being used. */
  #refused(error: SlotlockError): void {
    this.error = error
    if (this.link === this.http) this.#helloLater()
    this.#failed({ code: closeCodes.overloaded, reconnectInMs: error.retryAfterMs })
  }

  /** An attempt that did not get as far as a hello. Only one that says nothing may be one that was blocked. */
  #failed(ended: Ended): void {
    if (this.closed) return
    if (ended.code === abnormal) this.#failures++
    if (this.link) this.#dialLater(socketRetryMs(this.#failures, this.#parts.random))
    else if (ended.code === abnormal && this.#failures >= socketFailuresMax) void this.#greetByHttp()
    else this.#wait(ended)
  }

  #wait(ended: Ended): void {
    this.#dialLater(reconnectDelayMs(ended, this.#attempt++, this.#parts.random))
    if (this.#attempt > 1) this.#become('offline')
  }

  #helloLater(): void {
    this.#cancelHello = this.#parts.clock.after(helloEveryMs, () => void this.#greetByHttp())
  }

  #dialLater(delayMs: number): void {
    this.#cancelDial()
    if (!this.closed) this.#cancelDial = this.#parts.clock.after(delayMs, () => this.#dial())
  }

  /** Whether the wall clock has run on by more than the other one since it was last asked. */
  #slept(): boolean {
    const { clock } = this.#parts
    const before = this.#clocksApartMs
    this.#clocksApartMs = clock.now() - clock.monotonic()
    return this.#clocksApartMs - before > sleptMs
  }
}
