import { setMaxListeners } from 'node:events'
import type { AuditType } from '../domain/audit.js'
import type { Clock, Random } from '../domain/clock.js'
import { StoreError } from '../domain/errors.js'
import {
  type Attempted,
  type Delivery,
  type EndpointKey,
  type EndpointStanding,
  retriedForMs,
  type WebhookStore
} from '../domain/webhook-store.js'
import { Cycle } from '../service/tools/cycle.js'
import type { Timers } from '../service/tools/timers.js'
import { Collector } from './collector.js'
import type { Endpoint } from './endpoint.js'
import { bodyOf, messageIdOf } from './event.js'
import { type Answer, nextOf, verdictOf, wordsOf } from './judge.js'
import { Pace } from './pace.js'
import type { Send } from './send.js'

export interface CourierTimes {
  /** From one turn to the next while nothing happens: with the lease, and without it. */
  intervalMs: number
  idleIntervalMs: number
  /** Who has it and dies is followed after so long. */
  leaseMs: number
  /** It is renewed when so much of it is left. */
  leaseRenewedMs: number
  /** Attempts that end within so long are recorded together. */
  recordWithinMs: number
  /** How often the standings are looked at; and while one of them is bad, so that what was mended is soon seen to be. */
  standingsEveryMs: number
  unwellEveryMs: number
  failedRetryMs: number
  /** How long a stopping instance waits for the answers under way. */
  stopWithinMs: number
}

export const courierTimes: CourierTimes = {
  intervalMs: 1_000,
  idleIntervalMs: 2_000,
  leaseMs: 5_000,
  leaseRenewedMs: 3_000,
  recordWithinMs: 20,
  standingsEveryMs: 10_000,
  unwellEveryMs: 2_000,
  failedRetryMs: 1_000,
  stopWithinMs: 2_000
}

/** Of one packet. */
const recordsMax = 64
/** Of one turn, of what has been given up or is hurried. */
const rowsPerTurnMax = 500

export interface EndpointCounts {
  delivered: number
  failed: number
  dead: number
}

/**
 * Tells the host. One of the instances has the lease, and is the one that collects and sends: in turns, one statement
 * to the database at a time, while the attempts themselves go on beside. The others look now and then whether the lease
 * has run out.
 *
 * An event is told at least once. It is told twice when the one who sent it dies before it has recorded the answer, or
 * stood still until another had the lease; `webhook-id` is the same then. Events are sent in about the order in which
 * they happened, several at a time, and one that failed comes later: a receiver goes by `ver` and `seq`.
 *
 * An endpoint that answers 410 is sent nothing any more, and what waits for it is given up, until somebody says that it
 * is there again (`slotlock webhooks replay` or a successful `slotlock webhooks test`).
 */
export class Courier {
  readonly #store: WebhookStore
  readonly #endpoints: readonly Endpoint[]
  readonly #keys: readonly EndpointKey[]
  readonly #send: Send
  readonly #clock: Clock
  readonly #random: Random
  readonly #retryMs: number
  readonly #times: CourierTimes
  readonly #holder: string
  readonly #collector: Collector
  readonly #cycle: Cycle
  readonly #paces: Map<EndpointKey, Pace>
  /** Being sent, or sent and not recorded yet. */
  readonly #busy = new Map<string, Promise<void>>()
  readonly #finished: Attempted[] = []
  /** Endpoints that came back, and those that answered 410 just now. */
  readonly #back = new Set<EndpointKey>()
  readonly #leaving = new Set<EndpointKey>()
  readonly #stop = new AbortController()
  /** Monotonic; the lease is ours until then. */
  #leaseUntil = Number.NEGATIVE_INFINITY
  #lookedAt = Number.NEGATIVE_INFINITY
  readonly counts: ReadonlyMap<EndpointKey, EndpointCounts>
  /** As of the last look, on every instance. */
  standings: readonly EndpointStanding[] = []
  /** Turns that the database failed. */
  failed = 0

  constructor(parts: {
    store: WebhookStore
    endpoints: readonly Endpoint[]
    types: readonly AuditType[]
    send: Send
    clock: Clock
    timers: Timers
    random: Random
    /** Names this instance; nobody else has the same. */
    holder: string
    retryMs: number
    times?: Partial<CourierTimes>
  }) {
    this.#store = parts.store
    this.#endpoints = parts.endpoints
    this.#send = parts.send
    this.#clock = parts.clock
    this.#random = parts.random
    this.#retryMs = parts.retryMs
    this.#holder = parts.holder
    this.#times = { ...courierTimes, ...parts.times }
    const keys = parts.endpoints.map(({ key }) => key)
    this.#keys = keys
    this.#collector = new Collector({ ...parts, endpoints: keys })
    this.#paces = new Map(keys.map(key => [key, new Pace(parts.retryMs, parts.random)]))
    this.counts = new Map(keys.map(key => [key, { delivered: 0, failed: 0, dead: 0 }]))
    this.#cycle = new Cycle(parts, () => this.#turnSafely())
    // each attempt listens; Node takes more than ten of them for a leak, and says so on stderr
    setMaxListeners(0, this.#stop.signal)
  }

  get leads(): boolean {
    return this.#clock.monotonic() < this.#leaseUntil
  }

  get collected(): number {
    return this.#collector.collected
  }

  get foundLate(): number {
    return this.#collector.foundLate
  }

  start(): void {
    this.#cycle.start()
  }

  /** Waits, bounded, for what is under way, and gives the lease to whoever is next. */
  async stop(): Promise<void> {
    await this.#cycle.stop()
    const bound = setTimeout(() => this.#stop.abort(), this.#times.stopWithinMs)
    await Promise.all(this.#busy.values())
    clearTimeout(bound)
    try {
      await this.#record()
      if (this.leads) await this.#store.giveBackLease(this.#holder)
    } catch (error) {
      // the next one sends again what could not be recorded
      if (!(error instanceof StoreError)) throw error
    }
  }

  async #turnSafely(): Promise<number> {
    try {
      return await this.turn()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.failed += 1
      return this.#times.failedRetryMs
    }
  }

  /** Answers when the next one is due. Throws StoreError; nothing is forgotten then. */
  async turn(): Promise<number> {
    const { intervalMs, idleIntervalMs } = this.#times
    await this.#record()
    if (!(await this.#lead())) {
      await this.#look()
      return idleIntervalMs
    }
    const outbox = await this.#store.readOutbox(this.#keys)
    const more = await this.#collector.step(outbox)
    let full = false
    for (const endpoint of this.#endpoints) {
      if (outbox.gone.has(endpoint.key)) {
        // what is under way may be taken yet, and would be called a dead letter
        if (!this.#isBusy(endpoint)) full = (await this.#giveUp(endpoint)) || full
      } else await this.#dispatch(endpoint)
    }
    await this.#look()
    return more || full ? 0 : intervalMs
  }

  #isBusy({ key }: Endpoint): boolean {
    for (const name of this.#busy.keys()) if (name.startsWith(`${key} `)) return true
    return false
  }

  async #lead(): Promise<boolean> {
    const { leaseMs, leaseRenewedMs } = this.#times
    const now = this.#clock.monotonic()
    if (this.#leaseUntil - now > leaseRenewedMs) return true
    const had = now < this.#leaseUntil
    if (!(await this.#store.takeLease(this.#holder, leaseMs))) {
      this.#leaseUntil = Number.NEGATIVE_INFINITY
      return false
    }
    // counted from before the question, so that ours ends here before it ends there
    this.#leaseUntil = now + leaseMs
    if (!had) this.#collector.forget()
    return true
  }

  async #dispatch(endpoint: Endpoint): Promise<void> {
    const { key } = endpoint
    if (this.#back.has(key) && (await this.#store.hurry(key, rowsPerTurnMax)) < rowsPerTurnMax)
      this.#back.delete(key)
    const pace = this.#paces.get(key)!
    const room = pace.room(this.#clock.monotonic())
    if (room === 0) return
    const { due, nowMs } = await this.#store.readDue(key, room + this.#busy.size)
    const fresh = due.filter(({ event }) => !this.#busy.has(nameOf(key, event.id))).slice(0, room)
    for (const delivery of fresh) {
      const name = nameOf(key, delivery.event.id)
      pace.begin()
      this.#busy.set(name, this.#attempt(endpoint, pace, delivery, nowMs))
    }
  }

  /** What has waited for so long that it would be given up after one more attempt, and had no turn for that. */
  async #giveUpOld(): Promise<void> {
    for (const { key } of this.#endpoints) {
      this.counts.get(key)!.dead += await this.#store.giveUp(key, {
        dueForMs: retriedForMs,
        answer: 'its turn did not come in three days: the endpoint was out',
        deliveriesMax: rowsPerTurnMax
      })
    }
  }

  async #giveUp({ key }: Endpoint): Promise<boolean> {
    const given = await this.#store.giveUp(key, {
      dueForMs: 0,
      answer: wordsOf(goneAnswer),
      deliveriesMax: rowsPerTurnMax
    })
    this.counts.get(key)!.dead += given
    // that is news to whoever looks at /health
    if (given > 0) this.#lookedAt = Number.NEGATIVE_INFINITY
    return given === rowsPerTurnMax
  }

  async #attempt(endpoint: Endpoint, pace: Pace, delivery: Delivery, readAtMs: number): Promise<void> {
    const { event, changeId, attempts, sinceMs } = delivery
    const beganAt = this.#clock.monotonic()
    const message = { id: messageIdOf(changeId, event.id), body: bodyOf(event) }
    const answer = await this.#send(endpoint.url, message, this.#stop.signal)
    const now = this.#clock.monotonic()
    const verdict = verdictOf(answer)
    if (verdict === 'delivered') {
      if (pace.delivered()) this.#back.add(endpoint.key)
    } else pace.failed(now, answer.kind === 'status' ? (answer.retryAfterMs ?? 0) : 0)
    if (verdict === 'gone') this.#leaving.add(endpoint.key)
    const became =
      verdict !== 'delivered' && this.#stop.signal.aborted
        ? ({ state: 'waiting', dueInMs: 0 } as const)
        : nextOf(answer, {
            attempts: attempts + 1,
            ageMs: readAtMs - sinceMs + now - beganAt,
            retryMs: this.#retryMs,
            random: this.#random
          })
    this.#finished.push({ endpoint: endpoint.key, seq: event.id, attempts, answer: wordsOf(answer), became })
    const counts = this.counts.get(endpoint.key)!
    if (verdict === 'delivered') counts.delivered += 1
    else counts.failed += 1
    if (became.state === 'dead') {
      counts.dead += 1
      this.#lookedAt = Number.NEGATIVE_INFINITY
    }
    this.#cycle.hurry(this.#times.recordWithinMs)
  }

  async #record(): Promise<void> {
    for (const key of this.#leaving) {
      await this.#store.setGone(key, true)
      this.#leaving.delete(key)
    }
    while (this.#finished.length > 0) {
      const some = this.#finished.slice(0, recordsMax)
      await this.#store.record(some)
      this.#finished.splice(0, some.length)
      for (const { endpoint, seq } of some) this.#busy.delete(nameOf(endpoint, seq))
    }
  }

  async #look(): Promise<void> {
    const now = this.#clock.monotonic()
    const { standingsEveryMs, unwellEveryMs } = this.#times
    const isUnwell = this.standings.some(({ gone, dead }) => gone || dead > 0)
    if (now - this.#lookedAt < (isUnwell ? unwellEveryMs : standingsEveryMs)) return
    if (this.leads) await this.#giveUpOld()
    this.standings = await this.#store.readStandings(this.#keys)
    this.#lookedAt = now
  }
}

const goneAnswer: Answer = { kind: 'status', status: 410, retryAfterMs: undefined }
const nameOf = (endpoint: EndpointKey, seq: number): string => `${endpoint} ${seq}`
