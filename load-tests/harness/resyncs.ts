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

/**
 * The first filling of each instance that did one after `afterMs`: of those that miss a calendar in one moment one fills it.
 * Throws when none of them does.
 */
export async function resynced(service: Service, calendar: string, afterMs: number): Promise<Resynced[]> {
  const fillings = (): Resynced[] =>
    resyncsOf(service, calendar, afterMs).flatMap(ofInstance => ofInstance.slice(0, 1))
  if (!(await cameTrue(() => fillings().length > 0, syncedWithinMs)))
    throw new Error(`no instance has synced ${calendar} within ${syncedWithinMs} ms`)
  return fillings()
}
