import type { Clock, Random } from '../../domain/clock.js'
import { StoreError, StoreUnavailable, type UnavailableReason } from '../../domain/errors.js'
import type { FastLane } from '../../domain/fast-lane.js'
import { Cycle } from '../tools/cycle.js'
import { realTimers, type Timers } from '../tools/timers.js'
import {
  type BreakerColor,
  type BreakerSignal,
  type BreakerState,
  initialBreaker,
  nextBreaker,
  roundDelayMs
} from './breaker.js'
import type { LaneHealth } from './fast-path.js'

export interface RedisStatus {
  /** Requests use it. */
  available: boolean
  /** There is a connection. */
  connected: boolean
  /** The last round of proof went well. */
  healthy: boolean
  /** Of the last good round; null before the first. */
  latencyMs: number | null
  state: BreakerColor
  /** Epoch milliseconds. */
  since: number
  lastError: string | undefined
}

export interface RedisHealthChange {
  from: BreakerColor
  to: BreakerColor
  /** How long it had been so. */
  afterMs: number
  lastError: string | undefined
}

/** What it needs of the fast lane. */
export type ProvableLane = Pick<FastLane, 'probe'> & { readonly connected: boolean }

/** By then a server on the same network is connected; sooner, every start would begin with a failed round. */
const firstRoundMs = 100
const tickMs = 20
/**
 * The event loop is watched while somebody waits for Redis, and so long after. All the time would be fifty wake-ups a second
 * for nothing, a third of what an instance with nothing to do costs.
 */
const watchedMs = 200
/** A command may take 40 ms; a tick that is later than this can have made a timeout of a good answer. */
const stallMsDefault = 25

/**
 * Drives the breaker of this instance: makes the rounds of proof, takes what came of requests, and watches its own
 * event loop, so that slowness here is not taken for slowness there. When to do what is decided in breaker.ts.
 *
 * A round writes, reads back, and waits for its own message on the subscriber. A server that refuses writes, or whose
 * messages do not arrive, answers PING all the same and is of no use.
 */
export class RedisHealth implements LaneHealth {
  readonly #lane: ProvableLane
  readonly #clock: Clock
  readonly #random: Random
  readonly #timers: Timers
  readonly #onChange: (change: RedisHealthChange) => void
  readonly #stallMs: number
  readonly #rounds: Cycle
  #breaker: BreakerState
  #sinceEpochMs: number
  #latencyMs: number | null = null
  #provedLast = false
  #tickedAt: number
  #underway = 0
  #watchedUntil = Number.NEGATIVE_INFINITY
  #cancelTick: (() => void) | undefined

  constructor(parts: {
    lane: ProvableLane
    clock: Clock
    random: Random
    timers?: Timers | undefined
    onChange?: ((change: RedisHealthChange) => void) | undefined
    /** How long our own event loop may stand still before timeouts are put down to it. */
    stallMs?: number | undefined
  }) {
    this.#lane = parts.lane
    this.#clock = parts.clock
    this.#random = parts.random
    this.#timers = parts.timers ?? realTimers
    this.#onChange = parts.onChange ?? (() => {})
    this.#stallMs = parts.stallMs ?? stallMsDefault
    this.#breaker = initialBreaker(parts.clock.monotonic())
    this.#sinceEpochMs = parts.clock.now()
    this.#tickedAt = parts.clock.monotonic()
    this.#rounds = new Cycle({ clock: this.#clock, timers: this.#timers }, () => this.#round())
  }

  start(): void {
    this.#rounds.start(firstRoundMs)
  }

  /** Waits for the round under way. */
  async stop(): Promise<void> {
    this.#cancelTick?.()
    this.#cancelTick = undefined
    await this.#rounds.stop()
  }

  allows(): boolean {
    return this.#breaker.color === 'green'
  }

  begins(): void {
    this.#underway += 1
    if (this.#cancelTick !== undefined) return
    this.#tickedAt = this.#clock.monotonic()
    this.#tickLater()
  }

  ends(): void {
    this.#underway -= 1
    this.#watchedUntil = this.#clock.monotonic() + watchedMs
  }

  record(outcome: { ok: true } | { ok: false; error: StoreError }): void {
    if (outcome.ok) {
      this.#take({ kind: 'ok' })
      return
    }
    this.#noticeStall()
    this.#take({ kind: 'failed', reason: reasonOf(outcome.error), what: outcome.error.message })
  }

  status(): RedisStatus {
    return {
      available: this.allows(),
      connected: this.#lane.connected,
      healthy: this.#provedLast,
      latencyMs: this.#latencyMs,
      state: this.#breaker.color,
      since: this.#sinceEpochMs,
      lastError: this.#breaker.lastError
    }
  }

  async #round(): Promise<number> {
    this.begins()
    try {
      const { latencyMs } = await this.#lane.probe()
      this.#latencyMs = latencyMs
      this.#provedLast = true
      this.#take({ kind: 'proved' })
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#noticeStall()
      this.#provedLast = false
      this.#take({ kind: 'disproved', reason: reasonOf(error), what: error.message })
    } finally {
      this.ends()
    }
    return roundDelayMs(this.#breaker, this.#random)
  }

  #take(signal: BreakerSignal): void {
    const before = this.#breaker
    this.#breaker = nextBreaker(before, signal, this.#clock.monotonic())
    const { color, failures, since, lastError } = this.#breaker
    // the next round may be a second away, as it was while all was well
    if (failures > before.failures || (color === 'red' && before.color === 'green')) {
      this.#rounds.hurry(roundDelayMs(this.#breaker, this.#random))
    }
    if (color === before.color) return
    this.#sinceEpochMs = this.#clock.now()
    this.#onChange({ from: before.color, to: color, afterMs: since - before.since, lastError })
  }

  #tickLater(): void {
    this.#cancelTick = this.#timers.after(tickMs, () => {
      this.#noticeStall()
      this.#tickedAt = this.#clock.monotonic()
      if (this.#underway > 0 || this.#tickedAt < this.#watchedUntil) this.#tickLater()
      else this.#cancelTick = undefined
    })
  }

  /** Also asked when a timeout comes in: after a stall its timer may fire before the tick's. */
  #noticeStall(): void {
    if (this.#cancelTick === undefined) return
    if (this.#clock.monotonic() - this.#tickedAt - tickMs > this.#stallMs) this.#take({ kind: 'stalled' })
  }
}

function reasonOf(error: StoreError): UnavailableReason {
  return error instanceof StoreUnavailable ? error.reason : 'other'
}
