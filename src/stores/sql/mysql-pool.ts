import type { Clock } from '../../domain/clock.js'
import { StoreBusy, StoreUnavailable } from '../../domain/errors.js'
import type { MysqlConnection } from './mysql-connection.js'
import { connectError } from './mysql-errors.js'

export interface PoolOptions {
  connectionsMax: number
  /** Requests that may wait for a connection; one more is StoreBusy at once. */
  waitersMax: number
  clock: Clock
  open(onDeath: (connection: MysqlConnection) => void): Promise<MysqlConnection>
  onTimeout(): void
}

/** A connection that was idle for longer is not trusted: a firewall may have forgotten it. */
const idleMaxMs = 60_000

interface Waiter {
  resolve(connection: MysqlConnection): void
  reject(error: Error): void
}

/**
 * Connections, each lent to one request at a time. The driver's own pool has no bound on waiting, and hands out
 * connections before their session is set up; hence this one.
 *
 * A connection is opened when somebody waits and there is room. Whoever waits takes the first that comes: the one
 * being opened or one that is given back.
 */
export class MysqlPool {
  readonly #options: PoolOptions
  readonly #idle: MysqlConnection[] = []
  readonly #waiters = new Set<Waiter>()
  #lent = 0
  #opening = 0
  #closed = false
  #onDrained: (() => void) | undefined

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Throws StoreBusy when all connections stay in use, StoreUnavailable when there are none to be had. */
  acquire(timeoutMs: number): Promise<MysqlConnection> {
    if (this.#closed) return Promise.reject(closedError())
    const connection = this.#takeIdle()
    if (connection !== undefined) return Promise.resolve(connection)
    if (this.#waiters.size >= this.#options.waitersMax) {
      this.#options.onTimeout()
      return Promise.reject(new StoreBusy('too many requests wait for a connection to the database'))
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter)
        this.#options.onTimeout()
        reject(
          this.#lent > 0
            ? new StoreBusy(`all ${this.#lent} connections to the database are in use`)
            : new StoreUnavailable(`no connection to the database within ${timeoutMs} ms`, {
                reason: 'timeout'
              })
        )
      }, timeoutMs)
      const waiter: Waiter = {
        resolve: lent => {
          clearTimeout(timer)
          resolve(lent)
        },
        reject: error => {
          clearTimeout(timer)
          reject(error)
        }
      }
      this.#waiters.add(waiter)
      this.#openForWaiters()
    })
  }

  /** Each connection that was acquired is given back once, dead or alive. */
  release(connection: MysqlConnection): void {
    this.#lent -= 1
    if (connection.dead) this.#openForWaiters()
    else if (this.#closed) void connection.end()
    else this.#offer(connection)
    if (this.#lent === 0) this.#onDrained?.()
  }

  /** Waits for what is under way, `boundMs` at most. */
  async close(boundMs: number): Promise<void> {
    this.#closed = true
    for (const waiter of this.#waiters) waiter.reject(closedError())
    this.#waiters.clear()
    const goodbyes = this.#idle.splice(0).map(connection => connection.end())
    if (this.#lent > 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, boundMs)
        this.#onDrained = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    await Promise.all(goodbyes)
  }

  #takeIdle(): MysqlConnection | undefined {
    const now = this.#options.clock.monotonic()
    for (;;) {
      // the one used last: the others may grow old and go
      const connection = this.#idle.pop()
      if (connection === undefined) return undefined
      if (connection.dead) continue
      if (now - connection.idleSince > idleMaxMs) {
        void connection.end()
        continue
      }
      this.#lent += 1
      return connection
    }
  }

  #offer(connection: MysqlConnection): void {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter)
      this.#lent += 1
      waiter.resolve(connection)
      return
    }
    connection.idleSince = this.#options.clock.monotonic()
    this.#idle.push(connection)
  }

  #openForWaiters(): void {
    while (
      !this.#closed &&
      this.#opening < this.#waiters.size &&
      this.#opening + this.#lent + this.#idle.length < this.#options.connectionsMax
    ) {
      this.#opening += 1
      void this.#open()
    }
  }

  async #open(): Promise<void> {
    try {
      const connection = await this.#options.open(dead => this.#forget(dead))
      this.#opening -= 1
      if (this.#closed) void connection.end()
      else if (connection.dead) this.#openForWaiters()
      else this.#offer(connection)
    } catch (error) {
      this.#opening -= 1
      // With connections at work those who wait may still get one; without, waiting is of no use.
      if (this.#lent > 0) return
      for (const waiter of this.#waiters) waiter.reject(connectError(error))
      this.#waiters.clear()
    }
  }

  #forget(connection: MysqlConnection): void {
    const index = this.#idle.indexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
  }
}

const closedError = (): StoreUnavailable =>
  new StoreUnavailable('the connections to the database were closed', { reason: 'connection' })
