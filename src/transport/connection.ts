import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { CalendarId } from '../domain/ids.js'
import { type CloseCode, closeCodes } from '../protocol/codes.js'
import { connectionMessages, type MessageId, type Push, type WireError } from '../protocol/index.js'
import { check } from '../protocol/validate.js'
import type { Refusal } from '../service/answers/refusal.js'
import type { Claims } from '../service/callers/claims.js'
import type { ConnectionContext, ConnectionOrigin, ConnectionState, Peer } from './connection-context.js'
import {
  aboutToStop,
  sessionOver,
  tooManyCalendars,
  tooManyInFlight,
  tooManyMessages
} from './connection-refusals.js'
import { ConnectionSession } from './connection-session.js'
import { operationsByMessage, type ServedOperation } from './dispatch.js'
import { textFrame, writeFrame } from './frame.js'
import { greet } from './greeting.js'
import { interestOf } from './interests.js'
import { MessageLimit } from './limits.js'
import { type Message, readMessage } from './message.js'
import { type Changes, Outbox, type OutboxBound, type OutboxOwner } from './outbox.js'
import { internal, invalidFields, wireErrorOf } from './problem.js'
import { inFlightPerConnectionMax } from './settings.js'
import { Subscriptions } from './subscriptions.js'

const closeReasonBytesMax = 123

/**
 * One socket, from the upgrade to its close. It is in one of five states.
 *
 * GREETING: nothing was said yet. The first message has to be a good `hello`, within 5 s; anything else is answered
 * with an error and closed with 1008.
 *
 * OPENING: `hello` came and is being looked at. What the client sent right behind it waits in order, 64 messages at
 * most; what is no request is answered at once, and takes nothing from a good hello. A token that is not ours, or whose
 * session was ended, is answered and closed with 4001; one whose time is over gets a new session. With the answer on its
 * way the connection is
 *
 * OPEN: each message is answered once, in whatever order the service is done, 64 at a time. The connection has its
 * place in the hub, under its session and under each calendar it watches. It leaves this state when the client goes,
 * when it floods (1008), when it reads too slowly (4008), when it misses two pings, when its session is ended (4001), or
 * when the server stops (1012): in the last two what is under way is answered first and what comes after it is refused,
 * so that a client which always has something under way is idle once too.
 *
 * LEAVING: our close frame is on its way. Nothing is read any more; what was asked before is carried out, and its
 * answer is dropped.
 *
 * GONE: the socket is closed. Its place in the hub is empty, its hovers are taken back, its locks stay.
 */
export class Connection implements Peer, OutboxOwner {
  readonly outbox: Outbox
  readonly #subscriptions: Subscriptions
  #state: ConnectionState = 'GREETING'
  #session: ConnectionSession | undefined
  #limit: MessageLimit | undefined
  #early: Message[] | undefined
  #inFlight = 0
  #pingsMissed = 0
  #farewell: { code: CloseCode; reason: string; reconnectInMs?: number | undefined } | undefined
  readonly #socket: WebSocket
  readonly #stream: Duplex
  readonly #context: ConnectionContext
  readonly #from: ConnectionOrigin
  readonly #openedMs: number

  constructor(socket: WebSocket, stream: Duplex, from: ConnectionOrigin, context: ConnectionContext) {
    this.#socket = socket
    this.#stream = stream
    this.#context = context
    this.#from = from
    this.#openedMs = context.clock.monotonic()
    this.outbox = new Outbox(socket, stream, this)
    this.#subscriptions = new Subscriptions(this, context)
  }

  get address(): string {
    return this.#from.address
  }

  get state(): ConnectionState {
    return this.#state
  }

  hovers(calendar: CalendarId): boolean {
    return this.#subscriptions.hovers(calendar)
  }

  // --- what comes in

  receive(data: Buffer, isBinary: boolean): void {
    if (this.#state === 'LEAVING' || this.#state === 'GONE') return
    this.#pingsMissed = 0
    if (isBinary) {
      this.leave(closeCodes.binaryFrame, 'text frames only')
      return
    }
    const verdict = this.#takeFromLimit()
    if (verdict.verdict === 'FLOOD') {
      this.leave(closeCodes.policy, 'flood')
      return
    }
    const message = readMessage(data)
    if ('problem' in message) {
      this.#refuseFrame(message.id, message.problem)
      return
    }
    if (verdict.verdict === 'REFUSED') {
      this.#context.metrics.limited.inc({ limit: 'messagesPerSecondMax' })
      this.#refuse(message.id, tooManyMessages(verdict.retryAfterMs))
      return
    }
    this.#take(message)
  }

  #takeFromLimit(): ReturnType<MessageLimit['take']> {
    const { messagesPerSecondMax } = this.#context.settings
    if (messagesPerSecondMax <= 0) return { verdict: 'ALLOWED' }
    const nowMs = this.#context.clock.monotonic()
    this.#limit ??= new MessageLimit(messagesPerSecondMax, nowMs)
    return this.#limit.take(nowMs)
  }

  #take(message: Message): void {
    switch (this.#state) {
      case 'GREETING':
        if (message.type === 'hello') {
          this.#state = 'OPENING'
          void this.#hello(message)
        } else {
          this.#refuseFrame(message.id, 'the first message must be hello')
        }
        return
      case 'OPENING':
        this.#early ??= []
        if (this.#early.length >= inFlightPerConnectionMax) this.#refuse(message.id, tooManyInFlight)
        else this.#early.push(message)
        return
      case 'OPEN':
        this.#carryOut(message)
        return
      case 'LEAVING':
      case 'GONE':
        return
      default:
        this.#state satisfies never
    }
  }

  // --- hello

  async #hello(message: Message): Promise<void> {
    try {
      const checked = check(connectionMessages.hello.params, message.params)
      if (!checked.ok) {
        this.#refuse(message.id, invalidFields(checked.fields))
        this.leave(closeCodes.policy, 'no hello')
        return
      }
      const greeting = await greet(checked.value, this.#from, this.#context)
      if (this.#state !== 'OPENING') return
      if (greeting.status === 'TURNED_AWAY') {
        this.#refuse(message.id, greeting.refusal)
        this.leave(greeting.close, greeting.reason, greeting.reconnectInMs)
        return
      }
      this.#enter(greeting.claims, greeting.view.resumed)
      this.#answer(message.id, greeting.view)
    } catch (error) {
      this.#bug(message, error)
      this.leave(closeCodes.overloaded, 'internal error')
      return
    }
    this.#state = 'OPEN'
    const early = this.#early ?? []
    this.#early = undefined
    for (const next of early) this.#take(next)
  }

  #enter(claims: Claims, resumed: boolean): void {
    this.#session = new ConnectionSession(claims, this.#from, this.#context)
    this.#context.hub.enter(this, claims.session, resumed)
  }

  // --- requests

  #carryOut(message: Message): void {
    const { id, type } = message
    if (type === 'hello') {
      this.#refuseFrame(id, 'hello was said before')
      return
    }
    if (type === 'ping') {
      this.#answer(id, { serverTime: this.#context.clock.now() })
      return
    }
    if (type === 'unwatch' || type === 'staff-unwatch') {
      this.#unwatch(message, type)
      return
    }
    const operation = operationsByMessage.get(type)
    if (operation === undefined) {
      this.#refuseFrame(id, `there is no message of the type ${type.slice(0, 32)}`)
      return
    }
    if (!this.#session?.good) {
      this.#refuse(id, sessionOver)
      return
    }
    if (this.#farewell !== undefined) {
      this.#refuse(id, aboutToStop(this.#farewell.reconnectInMs ?? this.#context.reconnectInMs()))
      return
    }
    if (this.#inFlight >= inFlightPerConnectionMax) {
      this.#refuse(id, tooManyInFlight)
      return
    }
    this.#inFlight++
    void this.#request(message, operation)
      .catch(error => this.#bug(message, error))
      .finally(() => {
        this.#inFlight--
        if (this.#inFlight === 0) this.leaveNow()
      })
  }

  async #request(message: Message, operation: ServedOperation): Promise<void> {
    const { caller } = this.#session!
    const calendar = interestOf(operation, message.params, caller)
    if (calendar !== undefined && !this.#subscriptions.begin(operation, calendar)) {
      this.#refuse(message.id, tooManyCalendars)
      return
    }
    const requestId = this.#context.newRequestId()
    const { params } = message
    const outcome = await this.#context.dispatcher.dispatch({
      operation,
      caller,
      params,
      face: 'ws',
      requestId
    })
    if (outcome.ok) {
      this.#answer(message.id, outcome.value)
    } else {
      this.#refuse(message.id, outcome.refusal, outcome.refusal.code === 'INTERNAL' ? requestId : undefined)
    }
    if (calendar === undefined) return
    const gone = this.#state === 'GONE'
    this.#subscriptions.end(operation, calendar, { params, caller, ok: outcome.ok, gone })
  }

  #unwatch({ id, params }: Message, type: 'unwatch' | 'staff-unwatch'): void {
    const checked = check(connectionMessages[type].params, params)
    if (!checked.ok) {
      this.#refuse(id, invalidFields(checked.fields))
      return
    }
    this.#subscriptions.unwatch(type, checked.value.calendar as CalendarId)
    this.#answer(id, { unwatched: true })
  }

  // --- what goes out

  #answer(id: MessageId, result: unknown): void {
    this.outbox.send(textFrame(JSON.stringify({ id, ok: true, result })))
  }

  #refuse(id: MessageId | null, refusal: Refusal, requestId?: string): void {
    const error: WireError = wireErrorOf(refusal, requestId)
    this.outbox.send(textFrame(JSON.stringify({ id, ok: false, error })))
  }

  /** What is no request is INVALID_REQUEST, and before hello also the end. */
  #refuseFrame(id: MessageId | null, message: string): void {
    this.#refuse(id, { code: 'INVALID_REQUEST', message })
    if (this.#state === 'GREETING') this.leave(closeCodes.policy, 'no hello')
  }

  #bug(message: Message, error: unknown): void {
    const requestId = this.#context.newRequestId()
    this.#context.log.error(
      { err: error, operation: message.type, requestId },
      'a message could not be handled'
    )
    this.#refuse(message.id, internal, requestId)
  }

  /** Closes, and says when to come back where that is known. */
  leave(code: CloseCode, reason: string, reconnectInMs?: number): void {
    if (this.#state === 'LEAVING' || this.#state === 'GONE') return
    this.#state = 'LEAVING'
    this.#early = undefined
    if (reconnectInMs !== undefined) {
      const goodbye: Push = { type: 'goodbye', reason, reconnectInMs: Math.ceil(reconnectInMs) }
      writeFrame(this.#socket, this.#stream, textFrame(JSON.stringify(goodbye)))
    }
    this.#context.metrics.closes.inc({ code: String(code) })
    this.#socket.close(code, reason.slice(0, closeReasonBytesMax))
  }

  /** The same, after the answers that are still being worked on. */
  leaveWhenIdle(code: CloseCode, reason: string, reconnectInMs?: number): void {
    this.#farewell = { code, reason, reconnectInMs }
    if (this.#inFlight === 0) this.leaveNow()
  }

  /** Whatever is still being worked on: the farewell that was begun is said now. */
  leaveNow(): void {
    if (this.#farewell === undefined) return
    const { code, reason, reconnectInMs } = this.#farewell
    this.leave(code, reason, reconnectInMs)
  }

  // --- the shared timer and the socket's own events

  beat(nowMs: number): void {
    const { timing } = this.#context.settings
    if (this.#state === 'GREETING' || this.#state === 'OPENING') {
      if (nowMs - this.#openedMs >= timing.helloWithinMs) this.leave(closeCodes.policy, 'no hello in time')
    } else {
      this.outbox.checkTime(timing.behindMaxMs)
    }
  }

  ping(): void {
    if (this.#pingsMissed >= 2) {
      this.#socket.terminate()
      return
    }
    this.#pingsMissed++
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping()
    if (this.#state === 'OPEN') this.#renewSession()
  }

  #renewSession(): void {
    const push = this.#session?.renew()
    if (push === undefined) return
    this.outbox.send(textFrame(JSON.stringify(push)))
    this.#context.metrics.pushes.inc({ type: 'session' })
  }

  pong(): void {
    this.#pingsMissed = 0
  }

  /** Without a farewell; the shutdown's last resort. */
  terminate(): void {
    this.#socket.terminate()
  }

  gone(): void {
    if (this.#state === 'GONE') return
    this.#state = 'GONE'
    this.#subscriptions.drop(this.#session?.caller)
  }

  /** Its session may have been ended before its time. What was asked before, such as that, is answered. */
  leaveIfEnded(): void {
    if (this.#session?.revoked) this.leaveWhenIdle(closeCodes.tokenNotOurs, 'session ended')
  }

  // --- staff

  staysStaff(): boolean {
    if (this.#session?.good) return true
    this.leave(closeCodes.done, 'the session is over', 0)
    return false
  }

  missedTooMuch(): void {
    this.leave(closeCodes.tooSlow, 'too slow to read', this.#context.reconnectInMs())
  }

  // --- outbox

  outboxBehind(): void {
    this.#context.metrics.outboxBehind.inc()
    this.#context.watchClosely(this)
  }

  outboxCaughtUp(missed: ReadonlyMap<CalendarId, Changes>): Buffer[] {
    this.#context.watchLoosely(this)
    return [...missed].flatMap(([calendar, changes]) => this.#context.hub.framesOf(calendar, changes))
  }

  outboxOver(bound: OutboxBound): void {
    this.#context.metrics.outboxBounds.inc({ bound })
    this.#context.countSlowReader()
    this.leave(closeCodes.tooSlow, 'too slow to read', this.#context.reconnectInMs())
  }

  monotonicMs(): number {
    return this.#context.clock.monotonic()
  }
}
