import type { LogEntry, Service } from './cluster.js'
import { cameTrue, nowMs } from './time.js'

/** One filling of Redis from the database, as an instance logged it. */
export interface Resynced {
  locks: number
  ms: number
  /** On the clock of `nowMs`. */
  fromMs: number
  toMs: number
}

const syncedWithinMs = 60_000

/** Fillings of a calendar that ended after `afterMs`, per instance. */
export function resyncsOf(service: Service, calendar: string, afterMs: number): Resynced[][] {
  const wallToMonotonic = nowMs() - Date.now()
  return service.logged().map(entries =>
    entries.flatMap((entry: LogEntry) => {
      const told = /^synced (\d+) locks of calendar (\S+) in (\d+) ms$/.exec(entry.msg)
      const toMs = entry.time + wallToMonotonic
      if (told === null || told[2] !== calendar || toMs < afterMs) return []
      const ms = Number(told[3])
      return [{ locks: Number(told[1]), ms, fromMs: toMs - ms, toMs }]
    })
  )
}

/** The first filling of each instance after `afterMs`. Throws when one of them does not come. */
export async function allResynced(service: Service, calendar: string, afterMs: number): Promise<Resynced[]> {
  const done = await cameTrue(
    () => resyncsOf(service, calendar, afterMs).every(fillings => fillings.length > 0),
    syncedWithinMs
  )
  if (!done) throw new Error(`not every instance has synced ${calendar} within ${syncedWithinMs} ms`)
  return resyncsOf(service, calendar, afterMs).map(fillings => fillings[0]!)
}
