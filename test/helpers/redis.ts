import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { requireProgram } from './find-program.js'
import { freePort, OwnedProcess, until } from './process.js'

/**
 * A redis-server of the test's own: on a free loopback port, in a temporary folder, without persistence, so that a
 * restart is a restart empty. May be frozen, killed, emptied and filled up.
 */
export class RedisServer {
  readonly port: number
  readonly #folder: string
  readonly #settings: readonly string[]
  #process!: OwnedProcess
  /** A client with plain settings, for looking behind the back of what is tested. */
  readonly #clients: Redis[] = []

  private constructor(port: number, folder: string, settings: readonly string[]) {
    this.port = port
    this.#folder = folder
    this.#settings = settings
  }

  /** `settings` as on the command line: `['--maxmemory', '3mb']`. Ended with the test. */
  static async start(
    t: { teardown(end: () => Promise<void>): void },
    settings: readonly string[] = []
  ): Promise<RedisServer> {
    const folder = mkdtempSync(join(tmpdir(), 'slotlock-redis-'))
    const server = new RedisServer(await freePort(), folder, settings)
    t.teardown(() => server.#end())
    await server.restart()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.#process.pid
  }

  /** What it printed lately. */
  get output(): string {
    return this.#process.output
  }

  /** On the same port, empty; also after `kill`. */
  async restart(): Promise<void> {
    await this.kill()
    this.#process = new OwnedProcess(requireProgram('redis-server'), [
      ...['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder],
      ...['--save', '', '--appendonly', 'no', ...this.#settings]
    ])
    await until(
      'redis-server accepts connections',
      () => {
        if (!this.#process.running) throw new Error(`redis-server ended: ${this.#process.output}`)
        return this.#process.output.includes('Ready to accept connections')
      },
      20_000
    )
  }

  /** Stands still with all connections open; what is sent to it waits in the kernel. */
  freeze(): void {
    this.#process.freeze()
  }

  thaw(): void {
    this.#process.thaw()
  }

  async kill(): Promise<void> {
    await this.#process?.kill()
  }

  /** A patient client that looks behind the back of what is tested; closed with the server. */
  client(): Redis {
    const client = new Redis({ host: '127.0.0.1', port: this.port, protocol: 2, retryStrategy: () => 20 })
    client.on('error', () => {})
    this.#clients.push(client)
    return client
  }

  async #end(): Promise<void> {
    for (const client of this.#clients) client.disconnect()
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
