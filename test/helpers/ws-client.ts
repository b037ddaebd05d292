import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { WireError } from '../../src/protocol/schemas.js'
import { patienceMs } from './process.js'

export interface Answer {
  id: number | string | null
  ok: boolean
  result?: Record<string, unknown>
  error?: WireError
}

export interface Pushed {
  type: string
  [member: string]: unknown
}

type Frame = Answer | Pushed
const isAnswer = (frame: Frame): frame is Answer => 'ok' in frame

/**
 * Speaks the protocol, frame by frame, so that tests hold the server to the wire and not to what our own client makes
 * of it. Everything that came is kept in `frames`; whoever waits gets the first one that was not taken yet.
 */
export class WsClient {
  readonly socket: WebSocket
  readonly frames: Frame[] = []
  close: { code: number; reason: string } | undefined
  #nextId = 1
  readonly #taken = new Set<Frame>()
  readonly #waiters = new Set<() => void>()

  constructor(
    url: string,
    options: {
      protocols?: string[]
      origin?: string
      headers?: Record<string, string>
      autoPong?: boolean
    } = {}
  ) {
    const { protocols = ['slotlock.v1'], ...rest } = options
    this.socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...rest })
    this.socket.on('message', data => {
      this.frames.push(JSON.parse(String(data)) as Frame)
      this.#wake()
    })
    this.socket.on('close', (code, reason) => {
      this.close = { code, reason: String(reason) }
      this.#wake()
    })
    this.socket.on('error', () => {})
  }

  /** Connected, nothing said. Rejects when the upgrade is refused. */
  static async connect(
    url: string,
    options: ConstructorParameters<typeof WsClient>[1] = {}
  ): Promise<WsClient> {
    const client = new WsClient(url, options)
    await once(client.socket, 'open')
    return client
  }

  /** Connected and greeted; answers the session too. */
  static async open(url: string, token?: string): Promise<WsClient & { session: Record<string, unknown> }> {
    const client = await WsClient.connect(url)
    const { result, error } = await client.request('hello', token === undefined ? {} : { token })
    if (result === undefined) throw new Error(`hello was refused: ${error?.code}`)
    return Object.assign(client, { session: result })
  }

  /** The socket under the WebSocket: pausing it makes a reader that has stopped. */
  get stream(): Duplex {
    return (this.socket as unknown as { _socket: Duplex })._socket
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
  }

  async request(type: string, params: object = {}): Promise<Answer> {
    const id = this.#nextId++
    this.send({ id, type, ...params })
    return this.answerTo(id)
  }

  async answerTo(id: number | string | null): Promise<Answer> {
    return (await this.#take(`the answer to ${id}`, frame => isAnswer(frame) && frame.id === id)) as Answer
  }

  /** The next push of this type. */
  async next(type: string, matches: (push: Pushed) => boolean = () => true): Promise<Pushed> {
    return (await this.#take(
      `a push ${type}`,
      frame => !isAnswer(frame) && frame.type === type && matches(frame)
    )) as Pushed
  }

  /** Pushes of this type that came so far, taken or not. */
  pushes(type: string): Pushed[] {
    return this.frames.filter((frame): frame is Pushed => !isAnswer(frame) && frame.type === type)
  }

  async closed(): Promise<{ code: number; reason: string }> {
    await this.#until('the close', () => this.close !== undefined)
    return this.close!
  }

  /** Says goodbye and waits until the server has heard it. */
  async end(): Promise<void> {
    this.socket.close(1000)
    await this.closed()
  }

  async #take(what: string, matches: (frame: Frame) => boolean): Promise<Frame> {
    const find = (): Frame | undefined => this.frames.find(frame => !this.#taken.has(frame) && matches(frame))
    await this.#until(what, () => find() !== undefined || this.close !== undefined)
    const frame = find()
    if (frame === undefined) throw new Error(`closed with ${this.close?.code} instead of ${what}`)
    this.#taken.add(frame)
    return frame
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter()
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    if (condition()) return
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => end(() => reject(new Error(`gave up waiting for ${what}`))), patienceMs)
      const check = (): void => {
        if (condition()) end(resolve)
      }
      const end = (then: () => void): void => {
        clearTimeout(timer)
        this.#waiters.delete(check)
        then()
      }
      this.#waiters.add(check)
    })
  }
}
