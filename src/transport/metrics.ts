import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Seconds, from what Redis takes to what nobody waits for any more. */
const durationBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/**
 * Each look at the event loop wakes the process: at 10 and 20 ms they were two thirds of what an idle instance cost. A look comes
 * late as often as every other timer does, so fewer of them show the same percentiles.
 */
const lagResolutionMs = 100

type Labels = Readonly<Record<string, string>>

/** What the event loop's lag is said of: this one and the one before. */
const defaultLagWindowMs = 10_000

/**
 * What the operator sees. One registry per process, no labels whose values strangers choose: a calendar's or a slot's
 * name would make one series each, and the memory for them.
 */
export class Metrics {
  readonly registry = new Registry()
  readonly operations: Histogram<'operation' | 'face' | 'outcome'>
  readonly locks: Counter<'outcome'>
  readonly pushes: Counter<'type'>
  readonly outboxBounds: Counter<'bound'>
  readonly outboxBehind: Counter
  readonly closes: Counter<'code'>
  readonly limited: Counter<'limit'>
  readonly refusedUpgrades: Counter<'reason'>
  readonly #delay = monitorEventLoopDelay({ resolution: lagResolutionMs })
  /** By the clock and not by the scrapes: `/health` asks too, and there may be two who scrape, or nobody. */
  readonly #lagWindows: NodeJS.Timeout
  #lagBeforeMs = 0
  #utilization: EventLoopUtilization = performance.eventLoopUtilization()

  constructor(options: { defaults?: boolean; lagWindowMs?: number } = {}) {
    const registers = [this.registry]
    this.operations = new Histogram({
      name: 'slotlock_operation_duration_seconds',
      help: 'How long operations took, by operation, face (http, ws) and outcome (ok or the error code)',
      labelNames: ['operation', 'face', 'outcome'],
      buckets: durationBuckets,
      registers
    })
    this.locks = new Counter({
      name: 'slotlock_lock_requests_total',
      help: 'Requests for a lock, by outcome (ok or the error code)',
      labelNames: ['outcome'],
      registers
    })
    this.pushes = new Counter({
      name: 'slotlock_pushes_total',
      help: 'Messages pushed to sockets, counted per socket, by type',
      labelNames: ['type'],
      registers
    })
    this.outboxBehind = new Counter({
      name: 'slotlock_outbox_behind_total',
      help: 'How often a slow reader left the broadcast',
      registers
    })
    this.outboxBounds = new Counter({
      name: 'slotlock_outbox_closed_total',
      help: 'Slow readers that were closed with 4008, by the bound they met (bytes, states, time)',
      labelNames: ['bound'],
      registers
    })
    this.closes = new Counter({
      name: 'slotlock_sockets_closed_total',
      help: 'Sockets that this server closed, by close code',
      labelNames: ['code'],
      registers
    })
    this.limited = new Counter({
      name: 'slotlock_limited_total',
      help: 'Requests that a limit refused, by limit',
      labelNames: ['limit'],
      registers
    })
    this.refusedUpgrades = new Counter({
      name: 'slotlock_upgrades_refused_total',
      help: 'WebSocket upgrades that were refused, by reason',
      labelNames: ['reason'],
      registers
    })
    this.#delay.enable()
    this.#lagWindows = setInterval(() => {
      this.#lagBeforeMs = this.#lagNowMs()
      this.#delay.reset()
    }, options.lagWindowMs ?? defaultLagWindowMs).unref()
    this.gauge(
      'slotlock_event_loop_lag_seconds',
      'Event loop delay of the last 10 to 20 seconds, 99th percentile',
      () => this.eventLoopLagMs() / 1_000
    )
    this.gauge(
      'slotlock_event_loop_utilization_ratio',
      'Share of time the event loop was busy since the last scrape',
      () => {
        const now = performance.eventLoopUtilization()
        const since = performance.eventLoopUtilization(now, this.#utilization)
        this.#utilization = now
        return since.utilization
      }
    )
    if (options.defaults !== false) collectDefaults(this.registry)
  }

  /** 99th percentile of how late timers were lately, above the sampling interval itself. */
  eventLoopLagMs(): number {
    return Math.max(this.#lagBeforeMs, this.#lagNowMs())
  }

  #lagNowMs(): number {
    const lagMs = this.#delay.percentile(99) / 1e6 - lagResolutionMs
    return Number.isFinite(lagMs) ? Math.max(0, lagMs) : 0
  }

  /** For other layers: a number that is asked for at each scrape. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read())
      }
    })
  }

  /** For other layers: facts that do not change, as labels of a 1. The name ends in `_info`. */
  info(name: string, help: string, facts: Readonly<Record<string, string>>): void {
    new Gauge({ name, help, labelNames: Object.keys(facts), registers: [this.registry] }).set({ ...facts }, 1)
  }

  /** For other layers: a count that they keep themselves, asked for at each scrape. The name ends in `_total`. */
  total(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.reset()
        this.inc(read())
      }
    })
  }

  /** For other layers: the same, once for each of these sets of labels, by its place among them. */
  totals(name: string, help: string, labels: readonly Labels[], read: (index: number) => number): void {
    new Counter({
      name,
      help,
      labelNames: Object.keys(labels[0] ?? {}),
      registers: [this.registry],
      collect() {
        this.reset()
        for (const [index, own] of labels.entries()) this.inc({ ...own }, read(index))
      }
    })
  }

  gauges(name: string, help: string, labels: readonly Labels[], read: (index: number) => number): void {
    new Gauge({
      name,
      help,
      labelNames: Object.keys(labels[0] ?? {}),
      registers: [this.registry],
      collect() {
        for (const [index, own] of labels.entries()) this.set({ ...own }, read(index))
      }
    })
  }

  /** For other layers: something they count. The name ends in `_total`. */
  counter<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[] = []
  ): Counter<Label> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] })
  }

  /** For other layers: durations that they measure. The name ends in `_seconds`. */
  histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[]
  ): Histogram<Label> {
    return new Histogram({
      name,
      help,
      labelNames: [...labelNames],
      buckets: durationBuckets,
      registers: [this.registry]
    })
  }

  close(): void {
    clearInterval(this.#lagWindows)
    this.#delay.disable()
  }
}

/**
 * Those that every Node process has, but for the event loop's lag: prom-client looks at it a hundred times a second, and what
 * it shows has the pause between two looks in it. `slotlock_event_loop_lag_seconds` is the lag itself.
 */
function collectDefaults(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 3_600_000 })
  for (const { name } of registry.getMetricsAsArray())
    if (name.startsWith('nodejs_eventloop_lag')) registry.removeSingleMetric(name)
}
