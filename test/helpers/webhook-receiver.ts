import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import type { WebhookBody } from '../../src/protocol/webhooks.js'

export const webhookSecret = `whsec_${Buffer.alloc(32, 'a').toString('base64')}`
export const otherWebhookSecret = `whsec_${Buffer.alloc(32, 'b').toString('base64')}`

export interface Received {
  id: string
  body: WebhookBody
  at: number
  path: string
  /** What it was answered; undefined: nothing. */
  status: number | undefined
}

/** A status, `hang`: none ever, `drop`: the connection ends. */
export type Reaction = number | 'hang' | 'drop' | { status: number; headers: Record<string, string> }

type TearsDown = { teardown(end: () => unknown): void }

/** The host's end: checks each signature as the specification's own library does, and answers as the test says. */
export class WebhookReceiver {
  readonly received: Received[] = []
  /** What was not signed as it has to be. */
  readonly forged: string[] = []
  react: (body: WebhookBody, request: IncomingMessage) => Reaction | Promise<Reaction> = () => 204
  /** It hangs up on whoever calls, and keeps its port. */
  away = false
  readonly #secret: string
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #port = 0

  private constructor(secret: string) {
    this.#secret = secret
  }

  static async start(t: TearsDown, secret = webhookSecret): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(secret)
    await receiver.listen()
    t.teardown(() => receiver.close())
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hooks`
  }

  /** On the port of the first time. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => void this.#take(request, response))
    server.on('connection', socket => {
      if (this.away) return void socket.destroy()
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    await new Promise<void>(resolve => server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  leave(): void {
    this.away = true
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => (server === undefined ? resolve(undefined) : server.close(resolve)))
  }

  /** What was taken, by type. */
  taken(type?: string): Received[] {
    return this.received.filter(({ status = 0, body }) => {
      const ok = status >= 200 && status < 300
      return ok && (type === undefined || body.type === type)
    })
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const payload = await text(request)
    let body: WebhookBody
    try {
      body = new Webhook(this.#secret).verify(
        payload,
        request.headers as Record<string, string>
      ) as WebhookBody
    } catch (error) {
      this.forged.push(String(error))
      response.writeHead(401).end()
      return
    }
    const reaction = await this.react(body, request)
    const status =
      typeof reaction === 'number' ? reaction : typeof reaction === 'object' ? reaction.status : undefined
    const id = String(request.headers['webhook-id'])
    this.received.push({ id, body, at: Date.now(), path: request.url ?? '', status })
    if (reaction === 'drop') request.socket.destroy()
    if (status !== undefined)
      response.writeHead(status, typeof reaction === 'object' ? reaction.headers : {}).end()
  }
}
