import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Config } from './config.js'
import type { Clock, Random } from './domain/clock.js'
import { StoreError } from './domain/errors.js'
import type { Finding } from './domain/finding.js'
import type { EndpointStanding, WebhookStore } from './domain/webhook-store.js'
import { realTimers } from './service/tools/timers.js'
import { mysqlTlsOf } from './store-addresses.js'
import type { SqlStats } from './stores/sql/dialect.js'
import type { SqlLockStore } from './stores/sql/lock-store.js'
import type { CallObserver } from './stores/sql/timed-database.js'
import type { Metrics } from './transport/metrics.js'
import { Courier, type EndpointCounts } from './webhooks/courier.js'
import { type Endpoint, endpointsOf, shownUrl } from './webhooks/endpoint.js'
import { auditTypesOf } from './webhooks/event.js'
import { type Send, sender } from './webhooks/send.js'

/** Webhooks as one instance runs them: nothing of them is in the way of a request. */
export interface Webhooks {
  start(): void
  findings(): Finding[]
  stop(): Promise<void>
}

export const sendAs = (config: Config, version: string, clock: Clock): Send =>
  sender({ ...config.webhooks, userAgent: `slotlock/${version}`, clock })

/** undefined: nobody wants to be told. From when this resolves every change is an event. Throws StoreError. */
export async function openWebhooks(
  config: Config,
  around: { log: Logger; clock: Clock; random: Random },
  parts: { store: SqlLockStore; stats: SqlStats; observe: CallObserver; metrics: Metrics; version: string }
): Promise<Webhooks | undefined> {
  const { urls, types, retryMs } = config.webhooks
  if (urls.length === 0) return undefined
  const { clock, random, log } = around
  const { store, stats, observe, metrics, version } = parts
  const endpoints = endpointsOf(urls)
  // A connection of its own: what looks after webhooks never has one that a request waits for.
  const own =
    config.mysqlUrl === undefined
      ? undefined
      : await (await import('./stores/sql/open-mysql.js')).openMysqlStore(config.mysqlUrl, {
          clock,
          random,
          stats,
          observe,
          connectionsMax: 1,
          tls: mysqlTlsOf(config)
        })
  const outbox: WebhookStore = (own ?? store).webhooks()
  try {
    await patiently(() => outbox.register(endpoints.map(({ key }) => key)))
  } catch (error) {
    await own?.close()
    throw error
  }
  const courier = new Courier({
    store: outbox,
    endpoints,
    types: auditTypesOf(types),
    send: sendAs(config, version, clock),
    clock,
    random,
    timers: realTimers,
    // the one instance of an embedded database takes up again what it held before it was killed
    holder: config.mode === 'embedded' ? 'embedded' : randomBytes(16).toString('base64url'),
    retryMs
  })
  countWebhooks(metrics, courier, endpoints)
  return {
    start() {
      for (const { number, url } of endpoints) log.info({ endpoint: number }, `webhooks: to ${shownUrl(url)}`)
      courier.start()
    },
    findings: () => endpoints.flatMap(endpoint => judgeStanding(endpoint, courier.standings)),
    async stop() {
      await courier.stop()
      await own?.close()
    }
  }
}

/** A database that hiccups now answered a moment ago, when the tables were looked after; it is no reason not to start. */
async function patiently(task: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await task()
    } catch (error) {
      if (!(error instanceof StoreError) || !error.retryable || tries === startTriesMax) throw error
      await delay(startPauseMs)
    }
  }
}
const startTriesMax = 10
const startPauseMs = 500

const lateMs = 600_000

function judgeStanding({ number, key }: Endpoint, standings: readonly EndpointStanding[]): Finding[] {
  const standing = standings.find(({ endpoint }) => endpoint === key)
  if (standing === undefined) return []
  const { gone, dead, waiting, oldestWaitingMs } = standing
  const findings: Finding[] = []
  const found = (code: string, what: string, advice: string): void =>
    void findings.push({ code, severity: 'warning', what, do: advice })
  if (gone) {
    found(
      'webhooks-gone',
      `Endpoint ${number} of WEBHOOK_URL answered 410 and is sent nothing any more.`,
      'Take it out of WEBHOOK_URL, or mend it and run `slotlock webhooks replay --dead`.'
    )
  } else if (dead > 0) {
    found(
      'webhooks-dead',
      `${dead} webhooks to endpoint ${number} were given up.`,
      '`slotlock webhooks` says why; mend it, then `slotlock webhooks replay --dead`, or `discard` them.'
    )
  }
  if (oldestWaitingMs > lateMs) {
    found(
      'webhooks-late',
      `${waiting} webhooks wait for endpoint ${number}, the oldest for ${Math.round(oldestWaitingMs / 60_000)} min.`,
      'Look at the endpoint: `slotlock webhooks test` tries it. They are tried for three days.'
    )
  }
  return findings
}

const countHelp: Record<keyof EndpointCounts, string> = {
  delivered: 'Webhooks that an endpoint of WEBHOOK_URL took, by its number',
  failed: 'Attempts at a webhook that failed, by the number of the endpoint',
  dead: 'Webhooks that were given up, by the number of the endpoint'
}

function countWebhooks(metrics: Metrics, courier: Courier, endpoints: readonly Endpoint[]): void {
  const labels = endpoints.map(({ number }) => ({ endpoint: String(number) }))
  const countsOf = (index: number): EndpointCounts => courier.counts.get(endpoints[index]!.key)!
  const standingOf = (index: number): EndpointStanding | undefined =>
    courier.standings.find(({ endpoint }) => endpoint === endpoints[index]!.key)
  for (const name of Object.keys(countHelp) as (keyof EndpointCounts)[]) {
    metrics.totals(`slotlock_webhooks_${name}_total`, countHelp[name], labels, index => countsOf(index)[name])
  }
  metrics.gauges(
    'slotlock_webhooks_waiting',
    'Webhooks that wait for an endpoint, counted up to 10,000',
    labels,
    index => standingOf(index)?.waiting ?? 0
  )
  metrics.gauges(
    'slotlock_webhooks_oldest_waiting_seconds',
    'How long the oldest webhook has been waiting for an endpoint',
    labels,
    index => (standingOf(index)?.oldestWaitingMs ?? 0) / 1_000
  )
  metrics.gauge('slotlock_webhooks_sending', '1 on the one instance that sends webhooks', () =>
    courier.leads ? 1 : 0
  )
  metrics.total(
    'slotlock_webhooks_found_late_total',
    'Webhooks that only the second reading of the audit trail found',
    () => courier.foundLate
  )
  metrics.total(
    'slotlock_webhooks_turns_failed_total',
    'Times that the database did not answer whoever sends webhooks',
    () => courier.failed
  )
}
