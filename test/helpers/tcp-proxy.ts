import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/**
 * Stands between a client and a server on loopback and breaks the connection in the ways that networks do: cut it,
 * swallow everything, swallow only the answers, delay. Each can be done to all connections or to those that match.
 */
export class TcpProxy {
  readonly connections = new Set<ProxiedConnection>()
  readonly #server: Server
  /** What connections that are made from now on do. */
  readonly #forNew: Faults = { blackhole: false, dropDownstream: false, delayMs: 0 }
  #accepting = true
  #targetPort: number

  private constructor(targetPort: number) {
    this.#targetPort = targetPort
    this.#server = createServer(client => {
      if (!this.#accepting) {
        client.destroy()
        return
      }
      const connection = new ProxiedConnection(client, connect(this.#targetPort, '127.0.0.1'), {
        ...this.#forNew
      })
      this.connections.add(connection)
      client.once('close', () => this.connections.delete(connection))
    })
  }

  static async start(t: { teardown(end: () => Promise<void>): void }, targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    t.teardown(() => proxy.#end())
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Closes connections on both sides. */
  cut(which: Which = everyOne): void {
    for (const connection of this.#those(which)) connection.destroy()
  }

  /** New connections are closed at once, or no longer. */
  refuse(refuse: boolean): void {
    this.#accepting = !refuse
  }

  /** New connections go to another server: what an address does after a failover. */
  retarget(port: number): void {
    this.#targetPort = port
  }

  /** Sets faults for the connections there are; without `which`, also for those that come. */
  fault(faults: Partial<Faults>, which?: Which): void {
    if (which === undefined) Object.assign(this.#forNew, faults)
    for (const connection of this.#those(which ?? everyOne)) Object.assign(connection.faults, faults)
  }

  #those(which: Which): ProxiedConnection[] {
    return [...this.connections].filter(which)
  }

  async #end(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

export interface Faults {
  /** Nothing passes in either direction, and nobody is told. */
  blackhole: boolean
  /** Requests arrive, answers do not. */
  dropDownstream: boolean
  /** In each direction. */
  delayMs: number
  /** Changes what the client sends; to as many bytes as there were, because a protocol counts them. */
  rewrite?: (bytes: Buffer) => Buffer
}

export type Which = (connection: ProxiedConnection) => boolean
const everyOne: Which = () => true

interface LateBytes {
  bytes: Buffer
  /** Monotonic. */
  dueAt: number
}

export class ProxiedConnection {
  readonly faults: Faults
  /** The first kilobyte that the client sent: enough to tell who it is. */
  opening = ''
  readonly #client: Socket
  readonly #target: Socket
  readonly #late = new Map<Socket, LateBytes[]>()

  constructor(client: Socket, target: Socket, faults: Faults) {
    this.faults = faults
    this.#client = client
    this.#target = target
    client.on('data', bytes => {
      if (this.opening.length < 1024) this.opening += bytes.toString('latin1')
      this.#pass(this.faults.rewrite?.(bytes) ?? bytes, target, false)
    })
    target.on('data', bytes => this.#pass(bytes, client, true))
    for (const [from, to] of [
      [client, target],
      [target, client]
    ] as const) {
      from.on('error', () => {})
      from.on('close', () => {
        if (!this.faults.blackhole) to.destroy()
      })
    }
  }

  destroy(): void {
    this.#client.destroy()
    this.#target.destroy()
  }

  #pass(bytes: Buffer, to: Socket, down: boolean): void {
    const { blackhole, dropDownstream, delayMs } = this.faults
    if (blackhole || (down && dropDownstream)) return
    const late = this.#late.get(to) ?? []
    if (delayMs === 0 && late.length === 0) {
      to.write(bytes)
      return
    }
    // also when the delay has ended meanwhile: bytes of one connection never overtake each other
    late.push({ bytes, dueAt: Math.max(performance.now() + delayMs, late.at(-1)?.dueAt ?? 0) })
    this.#late.set(to, late)
    if (late.length === 1) this.#passLate(to, late)
  }

  #passLate(to: Socket, late: LateBytes[]): void {
    for (let first = late[0]; first !== undefined; first = late[0]) {
      const waitMs = first.dueAt - performance.now()
      if (waitMs > 0) {
        setTimeout(() => this.#passLate(to, late), waitMs)
        return
      }
      to.write(first.bytes)
      late.shift()
    }
  }
}
