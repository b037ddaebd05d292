import type { Clock } from '../../domain/clock.js'
import { StoreBusy, StoreError } from '../../domain/errors.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { ServiceStatus } from '../../protocol/schemas.js'
import type { RedisStatus } from '../lane/redis-health.js'
import { Cycle } from '../tools/cycle.js'
import type { Timers } from '../tools/timers.js'

/** How a store is doing, as /health shows it. */
export interface StoreHealth {
  /** Requests use it. */
  available: boolean
  /** There is a connection. */
  connected: boolean
  /** It answered when it was last asked. */
  healthy: boolean
  /** Of the last answer; null: there has been none. */
  latencyMs: number | null
}

const pingIntervalMs = 1_000
/** One ping may be lost on the way; two in a row are an outage. */
const failuresMax = 2

/**
 * What people are told about the service as a whole.
 *
 *  - `normal`: everything that is configured works.
 *  - `degraded`: a Redis is configured and not trusted at the moment. Nothing is lost but speed.
 *  - `unavailable`: the database does not answer, so nothing can be locked. Two pings in a row have to fail for it;
 *    one good ping ends it. A ping for which there was no room says nothing: we are crowded, and the database may work.
 *
 * Only told, never asked: each request finds out for itself what works, and no decision hangs on this word.
 */
export class ServiceMonitor {
  readonly #store: LockStore
  readonly #redis: { status(): RedisStatus } | undefined
  readonly #clock: Clock
  readonly #cycle: Cycle
  readonly #listeners = new Set<(status: ServiceStatus) => void>()
  #status: ServiceStatus = 'normal'
  #failures = 0
  #answered = false
  #latencyMs: number | null = null
  #lastError: string | undefined

  constructor(parts: {
    store: LockStore
    redis?: { status(): RedisStatus } | undefined
    clock: Clock
    timers: Timers
  }) {
    this.#store = parts.store
    this.#redis = parts.redis
    this.#clock = parts.clock
    this.#cycle = new Cycle(parts, () => this.#turn())
  }

  start(): void {
    this.#tell()
    this.#cycle.start()
  }

  async stop(): Promise<void> {
    await this.#cycle.stop()
  }

  /** The circuit breaker changed its colour. */
  redisChanged(): void {
    this.#tell()
  }

  get status(): ServiceStatus {
    return this.#status
  }

  /** Told of each change, not of what is now. */
  listen(listener: (status: ServiceStatus) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** `redis` undefined: none is configured. */
  services(): {
    redis: RedisStatus | undefined
    database: StoreHealth & { kind: LockStore['kind']; lastError: string | undefined }
  } {
    return {
      redis: this.#redis?.status(),
      database: {
        available: this.#answered && this.#failures < failuresMax,
        connected: this.#answered && this.#failures === 0,
        healthy: this.#answered && this.#failures === 0,
        latencyMs: this.#latencyMs,
        kind: this.#store.kind,
        lastError: this.#lastError
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
      if (!(error instanceof StoreBusy)) this.#failures += 1
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
    if (this.#redis !== undefined && this.#redis.status().state !== 'green') return 'degraded'
    return 'normal'
  }
}
