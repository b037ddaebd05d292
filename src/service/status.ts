import type { Clock } from '../domain/clock.js'
import { StoreError } from '../domain/errors.js'
import type { LockStore } from '../domain/lock-store.js'
import type { ServiceStatus } from '../protocol/schemas.js'
import { Cycle } from './cycle.js'
import type { Timers } from './timers.js'

/** How a store is doing, as /health shows it. */
export interface StoreHealth {
  /** One is configured. */
  available: boolean
  /** It answered when it was last asked. */
  connected: boolean
  /** Requests use it without reserve. */
  healthy: boolean
  /** Of the last answer; null: there has been none. */
  latencyMs: number | null
}

/** What the monitor asks of the circuit breaker of Redis. */
export interface RedisHealthSource {
  health(): Omit<StoreHealth, 'available'>
  /** Called whenever `healthy` may have changed. */
  listen(listener: () => void): () => void
}

const pingIntervalMs = 1_000
/** A ping may run into a deadlock of the network once; two in a row are an outage. */
const failuresMax = 2

/**
 * What people are told about the service as a whole.
 *
 *  - `normal`: everything that is configured works.
 *  - `degraded`: a Redis is configured and not trusted at the moment. Nothing is lost but speed.
 *  - `unavailable`: the database does not answer, so nothing can be locked. Two pings in a row have to fail for it;
 *    one good ping ends it.
 *
 * Only told, never asked: each request finds out for itself what works, and no decision hangs on this word.
 */
export class ServiceMonitor {
  readonly #store: LockStore
  readonly #redis: RedisHealthSource | undefined
  readonly #clock: Clock
  readonly #cycle: Cycle
  readonly #listeners = new Set<(status: ServiceStatus) => void>()
  #stopListening = (): void => {}
  #status: ServiceStatus = 'normal'
  #failures = 0
  #answered = false
  #latencyMs: number | null = null
  #lastError: string | undefined

  constructor(parts: {
    store: LockStore
    redis?: RedisHealthSource | undefined
    clock: Clock
    timers: Timers
  }) {
    this.#store = parts.store
    this.#redis = parts.redis
    this.#clock = parts.clock
    this.#cycle = new Cycle(parts, () => this.#turn())
  }

  start(): void {
    this.#stopListening = this.#redis?.listen(() => this.#tell()) ?? (() => {})
    this.#tell()
    this.#cycle.start()
  }

  async stop(): Promise<void> {
    this.#stopListening()
    await this.#cycle.stop()
  }

  get status(): ServiceStatus {
    return this.#status
  }

  /** Told of each change, not of what is now. */
  listen(listener: (status: ServiceStatus) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  services(): { redis: StoreHealth; database: StoreHealth & { kind: LockStore['kind']; error?: string } } {
    const redis = this.#redis?.health()
    return {
      redis:
        redis === undefined
          ? { available: false, connected: false, healthy: false, latencyMs: null }
          : { available: true, ...redis },
      database: {
        available: true,
        connected: this.#answered && this.#failures === 0,
        healthy: this.#answered && this.#failures < failuresMax,
        latencyMs: this.#latencyMs,
        kind: this.#store.kind,
        ...(this.#lastError === undefined ? {} : { error: this.#lastError })
      }
    }
  }

  /** One ping. The store bounds how long it may take. */
  async check(): Promise<void> {
    try {
      const { latencyMs } = await this.#store.ping()
      this.#answered = true
      this.#failures = 0
      this.#latencyMs = latencyMs
      this.#lastError = undefined
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#failures += 1
      this.#lastError = error.message
    }
    this.#tell()
  }

  async #turn(): Promise<number> {
    const startedAt = this.#clock.monotonic()
    await this.check()
    return Math.max(0, pingIntervalMs - (this.#clock.monotonic() - startedAt))
  }

  #tell(): void {
    const status = this.#now()
    if (status === this.#status) return
    this.#status = status
    for (const listener of this.#listeners) listener(status)
  }

  #now(): ServiceStatus {
    if (this.#failures >= failuresMax) return 'unavailable'
    if (this.#redis !== undefined && !this.#redis.health().healthy) return 'degraded'
    return 'normal'
  }
}
