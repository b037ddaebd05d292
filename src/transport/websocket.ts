import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import websocketPlugin from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import type { ErrorCode } from '../protocol/codes.js'
import { closeCodes, frameBytesMax, subprotocol } from '../protocol/codes.js'
import { Connection } from './connection.js'
import type { ConnectionContext, Peer } from './connection-context.js'
import { ConnectionCount } from './connection-count.js'
import type { CountSharing } from './limits.js'
import type { Origins } from './origins.js'
import type { TransportSettings } from './settings.js'

/**
 * Where HTTP becomes a WebSocket: who is let in, what each socket is given, the one timer that all of them share, and
 * how they are sent away when the server stops.
 *
 * Everything that can be refused is refused before the upgrade, as a plain HTTP answer: a page of a foreign origin,
 * another subprotocol, an address with too many sockets, a server that is about to stop.
 */

const path = '/v1/ws'
/** On shutdown so many sockets are closed between two breaths of the event loop, each `closePauseMs` long. */
const closeBatchMax = 200
const closePauseMs = 20
/** After the grace time, for a goodbye to arrive; cut off at once it would be lost with what is still unsent. */
const lastWordsMs = 200
/** Who is sent away comes back within this; a thousand a second is what an instance opens with ease. */
const reconnectMinMs = 250
const reconnectSpreadMinMs = 1_000
const reconnectSpreadMaxMs = 30_000

/** The connection of a socket, kept on the socket: ws calls its listeners with it as `this`, so all share them. */
const key = Symbol('slotlock.connection')
type Tracked = WebSocket & { [key]?: Connection }

const protocolVersion = '13'

/** What ws would refuse later, as a page for browsers: who debugs a client of their own reads it as an error like all others. */
function handshakeProblem(headers: IncomingHttpHeaders): string | undefined {
  if (headers['sec-websocket-version'] !== protocolVersion)
    return `Sec-WebSocket-Version has to be ${protocolVersion}`
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? ''))
    return 'Sec-WebSocket-Key has to be 16 bytes in base64'
  return undefined
}

export type UpgradeRefusal = (
  reply: FastifyReply,
  code: ErrorCode,
  message: string,
  retryAfterMs?: number
) => FastifyReply

export class WebSocketGateway {
  readonly #context: ConnectionContext
  readonly #settings: TransportSettings
  readonly #origins: Origins
  readonly #count: ConnectionCount
  readonly #connections = new Set<Connection>()
  /** To upgrades that were let in; each is let go of once it is a WebSocket. */
  readonly #responses = new WeakMap<FastifyRequest, ServerResponse>()
  readonly #closely = new Set<Peer>()
  /** One of these is pinged on each beat, so that a ping of all is spread over `beatsPerPing` of them. */
  readonly #pingGroups: Set<Connection>[]
  #nextGroup = 0
  #beatTimer: NodeJS.Timeout | undefined
  #endedDue = false
  #opened = 0
  #slowReadersClosed = 0

  constructor(
    context: Omit<ConnectionContext, 'watchClosely' | 'watchLoosely' | 'reconnectInMs' | 'countSlowReader'>,
    origins: Origins,
    random: () => number,
    sharing?: CountSharing
  ) {
    this.#settings = context.settings
    this.#origins = origins
    this.#count = new ConnectionCount(context.settings.connectionsPerAddressMax, {
      clock: context.clock,
      sharing
    })
    this.#pingGroups = Array.from({ length: context.settings.timing.beatsPerPing }, () => new Set())
    this.#context = {
      ...context,
      watchClosely: connection => this.#closely.add(connection),
      watchLoosely: connection => this.#closely.delete(connection),
      countSlowReader: () => {
        this.#slowReadersClosed++
      },
      reconnectInMs: () => {
        const spreadMs = Math.min(
          reconnectSpreadMaxMs,
          Math.max(reconnectSpreadMinMs, this.#connections.size)
        )
        return Math.round(reconnectMinMs + random() * spreadMs)
      }
    }
  }

  get sockets(): number {
    return this.#connections.size
  }

  /** Of all sockets together; for the metrics. */
  get unsentBytes(): number {
    let sum = 0
    for (const { outbox } of this.#connections) sum += outbox.unsentBytes
    return sum
  }

  /** Since the start. */
  get opened(): number {
    return this.#opened
  }

  get slowReadersClosed(): number {
    return this.#slowReadersClosed
  }

  /** The plugin and the route; `refuse` answers an upgrade in the shape of all errors. */
  async register(app: FastifyInstance, refuse: UpgradeRefusal): Promise<void> {
    // A variable, because the types do not know `closeTimeout` yet.
    const options = {
      maxPayload: frameBytesMax,
      perMessageDeflate: false,
      maxFragments: 64,
      maxBufferedChunks: 4_096,
      closeTimeout: this.#settings.timing.closeTimeoutMs,
      // We keep our own list; a second one would be 10,000 entries for nothing.
      clientTracking: false,
      skipUTF8Validation: false,
      handleProtocols: (offered: Set<string>) => (offered.has(subprotocol) ? subprotocol : false)
    }
    // before the plugin's own, which takes the upgrades away: until then who knocks is told when to come again
    app.addHook('preClose', () => this.#sendEverybodyAway())
    await app.register(websocketPlugin, {
      options,
      errorHandler: (_error, socket) => socket.terminate(),
      // all are gone by then; its default would close a list that is not kept
      preClose: async () => {}
    })
    app.route({
      method: 'GET',
      url: path,
      onRequest: (request, reply) => this.#admit(request, reply, refuse),
      handler: (_request, reply) => refuse(reply, 'INVALID_REQUEST', 'This address speaks WebSocket only'),
      wsHandler: (socket, request) => this.#accept(socket, request)
    })
    this.#beatTimer = setInterval(() => this.#beat(), this.#settings.timing.beatMs)
    this.#beatTimer.unref()
    app.addHook('onClose', async () => clearInterval(this.#beatTimer))
  }

  async #admit(
    request: FastifyRequest,
    reply: FastifyReply,
    refuse: UpgradeRefusal
  ): Promise<FastifyReply | undefined> {
    if (!request.ws) return undefined
    const refused = (
      reason: string,
      code: ErrorCode,
      message: string,
      retryAfterMs?: number
    ): FastifyReply => {
      this.#context.metrics.refusedUpgrades.inc({ reason })
      return refuse(reply, code, message, retryAfterMs)
    }
    if (this.#context.dispatcher.draining) {
      return refused('draining', 'BUSY', 'This server is about to stop', this.#context.reconnectInMs())
    }
    if (!(await this.#origins.mayConnect(request))) {
      return refused('origin', 'FORBIDDEN', 'Pages of this origin may not connect here')
    }
    const badHandshake = handshakeProblem(request.headers)
    if (badHandshake !== undefined) {
      reply.header('sec-websocket-version', protocolVersion)
      return refused('handshake', 'INVALID_REQUEST', badHandshake)
    }
    const offered = request.headers['sec-websocket-protocol']
    if (offered !== undefined && !offered.split(',').some(name => name.trim() === subprotocol)) {
      return refused('subprotocol', 'INVALID_REQUEST', `The subprotocol spoken here is ${subprotocol}`)
    }
    if (this.#count.full(request.ip)) {
      return refused(
        'address',
        'RATE_LIMITED',
        'Too many connections from this address',
        reconnectSpreadMaxMs
      )
    }
    this.#responses.set(request, reply.raw)
    return undefined
  }

  /** Synchronous to its end: a message that comes right behind the handshake would be lost before its listener. */
  #accept(socket: Tracked, request: FastifyRequest): void {
    const stream: Duplex = request.raw.socket
    const { ip: address } = request
    const userAgent = request.headers['user-agent']?.slice(0, 256)
    const from = { address, userAgent, page: this.#origins.pageOf(request) }
    const connection = new Connection(socket, stream, from, this.#context)
    // The plugin's own listener and the response that was never sent would each keep the whole request alive as long as
    // the socket: a third of what an idle one costs.
    socket.removeAllListeners('error')
    this.#responses.get(request)?.detachSocket(request.raw.socket)
    socket[key] = connection
    socket.on('error', onError)
    socket.on('message', onMessage)
    socket.on('pong', onPong)
    socket.on('close', this.#onClose)
    this.#opened++
    this.#count.opened(address)
    this.#connections.add(connection)
    this.#closely.add(connection)
    this.#pingGroups[this.#opened % this.#pingGroups.length]?.add(connection)
    const { connectionsMax } = this.#settings
    if (connectionsMax > 0 && this.#connections.size > connectionsMax) {
      connection.leave(closeCodes.overloaded, 'overloaded', this.#context.reconnectInMs())
    }
  }

  /** One function for all sockets; ws calls it with the socket as `this`. */
  readonly #onClose = ((gateway: WebSocketGateway) =>
    function (this: WebSocket): void {
      const connection = (this as Tracked)[key]
      if (connection !== undefined) gateway.#forget(connection)
    })(this)

  #forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return
    this.#closely.delete(connection)
    for (const group of this.#pingGroups) if (group.delete(connection)) break
    this.#count.closed(connection.address)
    connection.gone()
  }

  /** Sessions were ended: theirs are closed. However many ended in this turn, all sockets are looked through once. */
  closeEnded(): void {
    if (this.#endedDue) return
    this.#endedDue = true
    setImmediate(() => {
      this.#endedDue = false
      for (const connection of this.#connections) connection.leaveIfEnded()
    })
  }

  #beat(): void {
    this.#count.beat()
    const nowMs = this.#context.clock.monotonic()
    for (const connection of this.#closely) {
      connection.beat(nowMs)
      if (
        connection.state !== 'GREETING' &&
        connection.state !== 'OPENING' &&
        connection.outbox.state !== 'BEHIND'
      ) {
        this.#closely.delete(connection)
      }
    }
    this.#nextGroup = (this.#nextGroup + 1) % this.#pingGroups.length
    for (const connection of this.#pingGroups[this.#nextGroup] ?? []) connection.ping()
  }

  /**
   * The shutdown: from now on new sockets and new locks are refused. Every client hears when to come back, a
   * different moment for each, and is closed with 1012 once its answers are out, at the latest at the end of the grace
   * time. Who has not gone a moment later is cut off.
   */
  async #sendEverybodyAway(): Promise<void> {
    this.#context.dispatcher.draining = true
    const { clock } = this.#context
    const endMs = clock.monotonic() + this.#settings.shutdownGraceMs
    const waiting = [...this.#connections]
    const pauses = Math.max(1, Math.floor(this.#settings.shutdownGraceMs / 2 / closePauseMs))
    const batch = Math.max(closeBatchMax, Math.ceil(waiting.length / pauses))
    for (let from = 0; from < waiting.length; from += batch) {
      for (const connection of waiting.slice(from, from + batch)) {
        connection.leaveWhenIdle(closeCodes.restart, 'restart', this.#context.reconnectInMs())
      }
      if (from + batch < waiting.length) await pause(closePauseMs)
    }
    while (this.#connections.size > 0 && clock.monotonic() < endMs) await pause(closePauseMs)
    for (const connection of this.#connections) connection.leaveNow()
    const cutOffMs = clock.monotonic() + lastWordsMs
    while (this.#connections.size > 0 && clock.monotonic() < cutOffMs) await pause(closePauseMs)
    for (const connection of this.#connections) connection.terminate()
  }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** ws closes by itself for what it finds wrong with a frame (1002, 1007, 1009); without a listener it would throw. */
function onError(this: WebSocket): void {}

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  ;(this as Tracked)[key]?.receive(data as Buffer, isBinary)
}

function onPong(this: WebSocket): void {
  ;(this as Tracked)[key]?.pong()
}
