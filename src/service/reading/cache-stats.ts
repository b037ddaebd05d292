import type { ResultOf } from '../../protocol/operations.js'
import { done, type Handlers } from '../answers/refusal.js'
import type { FastPath } from '../lane/fast-path.js'
import type { CachedRows } from './cached-rows.js'
import type { SlotReader } from './reading.js'

/** For the metrics page; each only grows. */
export interface CacheCounts {
  hits: number
  misses: number
  bypassed: number
  shared: number
  distrusted: number
  daysFilled: number
}

export const cacheCounts = (rows: CachedRows, reader: SlotReader): CacheCounts => ({
  hits: rows.hits,
  misses: rows.misses,
  bypassed: rows.bypassed,
  shared: reader.own.shared,
  distrusted: rows.distrusted,
  daysFilled: rows.daysFilled
})

/** The memory of each key is asked for, so who asks again within this time gets the same answer. */
const freshMs = 1_000

/** What Redis says of the cache; while there is none, or it does not answer, what this process keeps by itself. */
export function cacheStatsHandlers(deps: {
  fastPath: FastPath
  reader: SlotReader
  clock: { monotonic(): number }
}): Pick<Handlers, 'readCacheStats'> {
  const { fastPath, reader, clock } = deps
  let last: { at: number; stats: Promise<ResultOf<'readCacheStats'>> } | undefined

  async function stats(): Promise<ResultOf<'readCacheStats'>> {
    const { own } = reader
    const kept = await fastPath.attempt(lane => lane.rows.stats())
    const { hits, misses } = kept ?? { hits: own.shared, misses: own.read }
    return {
      hits,
      misses,
      hitRate: hits + misses === 0 ? 0 : hits / (hits + misses),
      totalKeys: kept?.totalKeys ?? own.keys,
      memoryUsage: kept?.memoryBytes ?? own.bytes,
      keptIn: kept === undefined ? 'process' : 'redis',
      shared: own.shared
    }
  }

  return {
    async readCacheStats() {
      if (last === undefined || clock.monotonic() - last.at >= freshMs) {
        last = { at: clock.monotonic(), stats: stats() }
      }
      return done(await last.stats)
    }
  }
}
