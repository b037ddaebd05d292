import type { Service } from './service/service.js'
import type { RedisCounters } from './stores/redis/counters.js'
import type { SqlStats } from './stores/sql/dialect.js'
import type { Metrics } from './transport/metrics.js'

/** Shows what the layers below the transport count, under Prometheus' names, on the metrics page. */

const sqlHelp: Record<keyof SqlStats, string> = {
  writes: 'Transactions sent to the database',
  reads: 'Reads sent to the database',
  deadlocksRetried: 'Deadlocks that were tried again',
  late: 'Changes that the database refused because they came late',
  unknown: 'Changes whose answer was lost',
  poolTimeouts: 'Requests that got no connection in time',
  connectionsOpened: 'Connections opened to the database'
}

export function countSql(metrics: Metrics, stats: SqlStats): void {
  for (const name of namesOf(stats)) {
    metrics.total(`slotlock_sql_${snakeCase(name)}_total`, sqlHelp[name], () => stats[name])
  }
}

export function countRedis(metrics: Metrics, counters: RedisCounters): void {
  for (const name of namesOf(counters)) {
    const words = snakeCase(name)
    metrics.total(
      `slotlock_redis_${words}_total`,
      `Redis: ${words.replaceAll('_', ' ')}`,
      () => counters[name]
    )
  }
}

export function countService(metrics: Metrics, service: Service): void {
  for (const name of namesOf(service.counts())) {
    const words = snakeCase(name)
    metrics.total(`slotlock_${words}_total`, `${words.replaceAll('_', ' ')}`, () => service.counts()[name]!)
  }
}

/** What each part of the service is doing now. */
export function showLevels(
  metrics: Metrics,
  { monitor, lags, cacheCounts, sharedCounts, lane, revoked }: Service
): void {
  metrics.gauge('slotlock_available', '1 while locks can be taken, 0 while the database is out', () =>
    monitor.status === 'unavailable' ? 0 : 1
  )
  metrics.gauge(
    'slotlock_tail_lag_seconds',
    'How far the reading of changes is behind the present; 0 while it keeps up',
    () => lags().tail / 1_000
  )
  metrics.gauge(
    'slotlock_expiry_lag_seconds',
    'From the end of the lock that expired last to when that was announced here',
    () => lags().expiry / 1_000
  )
  metrics.total(
    'slotlock_cache_hits_total',
    'Readings of slots that Redis answered, without the database',
    () => cacheCounts().hits
  )
  metrics.total(
    'slotlock_cache_misses_total',
    'Readings of slots that were asked of the database',
    () => cacheCounts().misses
  )
  metrics.total(
    'slotlock_cache_shared_total',
    'Readings of slots that were answered by one that somebody else had asked for at the same time',
    () => cacheCounts().shared
  )
  metrics.gauge(
    'slotlock_revocations',
    'Sessions that were ended before their time, and whose tokens are still remembered',
    () => revoked.size
  )
  if (lane === undefined) return
  metrics.total(
    'slotlock_cache_bypassed_total',
    'Readings of slots, among the misses, that did not ask Redis because it was out',
    () => cacheCounts().bypassed
  )
  metrics.total(
    'slotlock_cache_distrusted_total',
    'Days found in Redis that could not be shown to be up to date, and were read from the database',
    () => cacheCounts().distrusted
  )
  metrics.total(
    'slotlock_cache_filled_total',
    'Days of which the rows were brought to Redis',
    () => cacheCounts().daysFilled
  )
  metrics.gauge('slotlock_redis_in_use', '1 while requests go through Redis', () =>
    monitor.services().redis?.available ? 1 : 0
  )
  metrics.gauge('slotlock_limits_shared', '1 while limits are counted by all instances together', () =>
    sharedCounts?.shared ? 1 : 0
  )
}

/** How long the stores take: each call to one of them is a stage of some request. */
export function storeObserver(
  metrics: Metrics
): (store: 'sql' | 'redis') => (call: string, tookMs: number) => void {
  const histogram = metrics.histogram(
    'slotlock_store_call_duration_seconds',
    'How long calls to a store took, answered or failed, by store (sql, redis) and call',
    ['store', 'call']
  )
  return store => {
    // looked up once for each call there is, and not each time
    const known = new Map<string, { observe(seconds: number): void }>()
    return (call, tookMs) => {
      let own = known.get(call)
      if (own === undefined) {
        own = histogram.labels({ store, call })
        known.set(call, own)
      }
      own.observe(tookMs / 1_000)
    }
  }
}

const namesOf = <T extends object>(counts: T): (keyof T & string)[] =>
  Object.keys(counts) as (keyof T & string)[]

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
