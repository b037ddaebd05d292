import { Redis } from 'ioredis'
import type { Cluster } from '../harness/cluster.js'
import { ask, mustAsk } from '../harness/http-client.js'
import { type Report, verdictOf } from '../harness/report.js'
import { formatNumber } from '../harness/stats.js'

const memoryMbMax = 256
const hitRateMin = 0.9
const inRedisMsMax = 1

/** What Redis itself says of the day: its memory, and how long the scripts of hovers and locks ran inside it. */
export async function redisFigures(
  url: string,
  instances: readonly string[],
  report: Report,
  isVoid: boolean
): Promise<void> {
  const redis = new Redis(url)
  const peakBytes = Number(/used_memory_peak:(\d+)/.exec(await redis.info('memory'))?.[1] ?? Number.NaN)
  const histogram = await redis.call('LATENCY', 'HISTOGRAM', 'evalsha')
  redis.disconnect()
  report.figure({
    what: 'Redis memory at its peak, MB',
    measured: formatNumber(peakBytes / 2 ** 20),
    target: `< ${memoryMbMax}`,
    verdict: verdictOf(peakBytes / 2 ** 20 < memoryMbMax, false)
  })
  const p99Us = p99Of(histogram)
  report.figure({
    what: 'one script inside Redis, selections among them, p99 at most, ms',
    measured: p99Us === undefined ? 'Redis before 7.0 does not say' : formatNumber(p99Us / 1000),
    target: `< ${inRedisMsMax}`,
    verdict: p99Us === undefined ? 'void' : verdictOf(p99Us / 1000 < inRedisMsMax, isVoid)
  })
  const latencies = await Promise.all(
    instances.map(async http => {
      const { services } = await mustAsk<{ services: { redis: { latencyMs?: number } } }>(`${http}/health`)
      return services.redis.latencyMs ?? Number.NaN
    })
  )
  report.figure({
    what: 'health check of Redis (write, read, own message back), ms, after the day',
    measured: latencies.map(formatNumber).join('; '),
    target: '< 1',
    verdict: verdictOf(Math.max(...latencies) < 1, isVoid || latencies.some(Number.isNaN))
  })
}

/** How many readings of slots, all day and on all instances, needed no database. */
export async function cacheFigures(
  cluster: Pick<Cluster, 'http' | 'adminToken'>,
  report: Report
): Promise<void> {
  const stats = await mustAsk<{
    hits: number
    misses: number
    hitRate: number
    totalKeys: number
    memoryUsage: number
  }>(`${cluster.http[0]}/v1/cache/stats`, { token: cluster.adminToken })
  const pages = await Promise.all(cluster.http.map(async http => (await ask(`${http}/metrics`)).text))
  const total = (name: string): number =>
    pages.reduce(
      (sum, page) => sum + Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1] ?? Number.NaN),
      0
    )
  const [hits, misses, shared] = ['hits', 'misses', 'shared'].map(name =>
    total(`slotlock_cache_${name}_total`)
  ) as [number, number, number]
  report.figure({
    what: 'hit rate of the read cache, all day',
    measured: `${formatNumber(stats.hitRate)} (${stats.hits} of ${stats.hits + stats.misses}; ${stats.totalKeys} days in ${formatNumber(stats.memoryUsage / 2 ** 20)} MB)`,
    target: `> ${hitRateMin}`,
    verdict: verdictOf(stats.hitRate > hitRateMin, false)
  })
  report.figure({
    what: 'readings of slots that the database was spared, share',
    measured: `${formatNumber((hits + shared) / (hits + misses + shared))} (${hits} by Redis, ${shared} shared, ${misses} read)`,
    target: `> ${hitRateMin}`,
    verdict: verdictOf((hits + shared) / (hits + misses + shared) > hitRateMin, false)
  })
}

/** Cumulative counts by upper bound in µs, powers of two: the bound below which 99 of 100 calls stayed. */
function p99Of(reply: unknown): number | undefined {
  const buckets: [boundUs: number, count: number][] = []
  const walk = (value: unknown): void => {
    if (value instanceof Map) for (const pair of value) walk(pair)
    else if (Array.isArray(value)) {
      if (value.length >= 2 && value.every(item => typeof item === 'number'))
        for (let at = 0; at + 1 < value.length; at += 2)
          buckets.push([value[at] as number, value[at + 1] as number])
      else for (const item of value) walk(item)
    } else if (typeof value === 'object' && value !== null)
      for (const [key, item] of Object.entries(value))
        if (/^\d+$/.test(key) && typeof item === 'number') buckets.push([Number(key), item])
        else walk(item)
  }
  walk(reply)
  const total = Math.max(0, ...buckets.map(([, count]) => count))
  return buckets.sort((a, b) => a[0] - b[0]).find(([, count]) => count >= 0.99 * total)?.[0]
}
