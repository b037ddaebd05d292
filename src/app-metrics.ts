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

const namesOf = <T extends object>(counts: T): (keyof T & string)[] =>
  Object.keys(counts) as (keyof T & string)[]

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
