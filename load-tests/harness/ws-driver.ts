import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { subprotocol } from '../../src/protocol/codes.js'
import type { Push } from '../../src/protocol/messages.js'
import type { SessionView, WireError } from '../../src/protocol/schemas.js'
import { nowMs } from './time.js'
import { encodeFrame, FrameReader, opcodes } from './ws-frames.js'

export type Answer = { ok: true; result: unknown } | { ok: false; error: WireError }

/** Past this an answer is missing, and a missing answer is an error of the server. */
const answerWithinMs = 30_000

export interface ClientOptions {
  /** `ws://127.0.0.1:3000/v1/ws` */
  url: string
  /** One of 127.0.0.0/8, to have more than one address's worth of ports. */
  localAddress?: string | undefined
  onPush?: ((push: Push, atMs: number) => void) | undefined
  /** Pushes are counted and thrown away unparsed: for watchers that are only there to be written to. */
  drain?: boolean | undefined
  /** For another protocol than slotlock's: every text message as it is, counted as a push. */
  onText?: ((text: string, atMs: number) => void) | undefined
}

/**
 * One WebSocket connection of the load generator, straight on a TCP socket: it parses only what somebody reads,
 * answers the server's pings, and matches answers to requests.
 */
export class WsClient {
  readonly #socket: Socket
  readonly #onPush: ClientOptions['onPush']
  readonly #drain: boolean
  readonly #onBareText: ClientOptions['onText']
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #id = 0
  #upgraded: (() => void) | undefined
  #head = ''
  #reader: FrameReader
  session: SessionView | undefined
  pushes = 0
  bytes = 0
  /** Why it is closed; undefined while it is open. */
  closed: string | undefined

  private constructor(options: ClientOptions) {
    const { protocol, hostname, host, port, pathname, search } = new URL(options.url)
    this.#onPush = options.onPush
    this.#drain = options.drain ?? false
    this.#onBareText = options.onText
    this.#reader = new FrameReader((opcode, payload) => this.#onFrame(opcode, payload))
    const secure = protocol === 'wss:'
    const target = {
      host: hostname,
      port: port === '' ? (secure ? 443 : 80) : Number(port),
      noDelay: true,
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress })
    }
    this.#socket = secure ? connectTls({ ...target, servername: hostname }) : connect(target)
    this.#socket.write(
      [
        `GET ${pathname}${search} HTTP/1.1`,
        `Host: ${host}`,
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
        'Sec-WebSocket-Version: 13',
        ...(options.onText === undefined ? [`Sec-WebSocket-Protocol: ${subprotocol}`] : []),
        '\r\n'
      ].join('\r\n')
    )
    this.#socket.on('data', chunk => this.#onData(chunk))
    this.#socket.on('error', error => this.#end(error.message))
    this.#socket.on('close', () => this.#end('the server closed the connection'))
  }

  /** Connected and greeted: `hello` was answered. Throws when the server refuses. */
  static async open(options: ClientOptions & { token?: string | undefined }): Promise<WsClient> {
    const client = await WsClient.openBare(options)
    const answer = await client.request('hello', options.token === undefined ? {} : { token: options.token })
    if (!answer.ok) throw new Error(`hello was refused: ${answer.error.code}`)
    client.session = answer.result as SessionView
    return client
  }

  /** Connected and nothing more. */
  static async openBare(options: ClientOptions): Promise<WsClient> {
    const client = new WsClient(options)
    await new Promise<void>((resolve, reject) => {
      client.#upgraded = resolve
      const timer = setTimeout(() => {
        client.#end(`no upgrade within ${answerWithinMs} ms`)
        client.#socket.destroy()
      }, answerWithinMs)
      client.#whenClosed = reason => reject(new Error(reason))
      client.#settled = () => clearTimeout(timer)
    }).finally(() => client.#settled?.())
    return client
  }

  sendText(text: string): void {
    this.#socket.write(encodeFrame(opcodes.text, Buffer.from(text)))
  }

  #settled: (() => void) | undefined
  #whenClosed: ((reason: string) => void) | undefined

  /** Never rejects: a connection that breaks answers all its requests with OUTCOME_UNKNOWN. */
  request(type: string, params: object = {}): Promise<Answer> {
    if (this.closed !== undefined) return Promise.resolve(lost(this.closed))
    this.#id += 1
    const id = this.#id
    this.#socket.write(encodeFrame(opcodes.text, Buffer.from(JSON.stringify({ id, type, ...params }))))
    return new Promise(resolve => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        resolve(lost(`${type} was not answered within ${answerWithinMs} ms`))
      }, answerWithinMs)
      this.#waiting.set(id, answer => {
        clearTimeout(timer)
        resolve(answer)
      })
    })
  }

  async timed(type: string, params: object = {}, dueMs = nowMs()): Promise<Answer & { tookMs: number }> {
    const answer = await this.request(type, params)
    return { ...answer, tookMs: nowMs() - dueMs }
  }

  /** Takes nothing from the socket any more, as a phone in a tunnel; the server's buffers have to hold it. */
  stall(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Gone without a word, as when a proxy on the way is restarted. */
  break(): void {
    this.#end('broken by us')
    this.#socket.resetAndDestroy()
  }

  close(): void {
    if (this.closed !== undefined) return
    this.closed = 'closed by us'
    this.#socket.end(encodeFrame(opcodes.close, Buffer.from([3, 232])))
    this.#socket.destroySoon()
  }

  #onData(chunk: Buffer): void {
    this.bytes += chunk.length
    if (this.#upgraded === undefined) {
      this.#reader.push(chunk)
      return
    }
    this.#head += chunk.toString('latin1')
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) return
    if (!this.#head.startsWith('HTTP/1.1 101')) {
      this.#end(`no upgrade: ${this.#head.slice(0, 200)}`)
      this.#socket.destroy()
      return
    }
    const resolve = this.#upgraded
    this.#upgraded = undefined
    const rest = Buffer.from(this.#head.slice(end + 4), 'latin1')
    this.#head = ''
    if (rest.length > 0) this.#reader.push(rest)
    resolve()
  }

  #onFrame(opcode: number, payload: Buffer): void {
    if (opcode === opcodes.ping) {
      this.#socket.write(encodeFrame(opcodes.pong, payload))
    } else if (opcode === opcodes.close) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005
      this.#end(`closed by the server with ${code} ${payload.subarray(2).toString()}`)
      this.#socket.destroySoon()
    } else if (opcode === opcodes.text) this.#onText(payload)
  }

  #onText(payload: Buffer): void {
    if (this.#onBareText !== undefined) {
      this.pushes += 1
      this.#onBareText(payload.toString(), nowMs())
      return
    }
    if (this.#drain && this.#waiting.size === 0) {
      this.pushes += 1
      return
    }
    const message = JSON.parse(payload.toString()) as { id?: number | null } & (Answer | Push)
    if ('ok' in message) {
      const waiting = typeof message.id === 'number' ? this.#waiting.get(message.id) : undefined
      if (waiting === undefined) return
      this.#waiting.delete(message.id as number)
      waiting(message)
    } else {
      this.pushes += 1
      this.#onPush?.(message, nowMs())
    }
  }

  #end(reason: string): void {
    if (this.closed !== undefined) return
    this.closed = reason
    this.#whenClosed?.(reason)
    for (const answer of this.#waiting.values()) answer(lost(reason))
    this.#waiting.clear()
  }
}

function lost(message: string): Answer {
  return { ok: false, error: { code: 'OUTCOME_UNKNOWN', message, retryable: true } }
}
