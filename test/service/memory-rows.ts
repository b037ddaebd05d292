import type { CalendarId, SlotId } from '../../src/domain/ids.js'
import {
  type CachedDay,
  type CalendarDay,
  type Lease,
  type RowCache,
  type RowCacheStats,
  type UtcDay,
  utcDayOf
} from '../../src/domain/row-cache.js'
import type { SlotRow } from '../../src/domain/slot.js'

interface Day {
  lease: string | undefined
  asOfMs: number | undefined
  rows: Map<SlotId, SlotRow>
}

/** The row cache of one Redis, in this process: several lanes may have the same one. Leases end when they are used. */
export class MemoryRows implements RowCache {
  readonly days = new Map<string, Day>()
  readonly noted = new Map<string, number>()
  counts = { hits: 0, misses: 0 }
  /** What settles does not get here. */
  deaf = false
  /** Who fills waits for this before the rows arrive. */
  hold: Promise<void> | undefined
  #leases = 0

  settle(rows: readonly SlotRow[]): void {
    if (this.deaf) return
    for (const row of rows) {
      const day = this.days.get(keyOf({ calendar: row.calendar, day: utcDayOf(row.slot) }))
      if (day !== undefined) merge(day, row)
    }
  }

  async read(calendar: CalendarId, days: readonly UtcDay[]): Promise<Map<UtcDay, CachedDay>> {
    const found = new Map<UtcDay, CachedDay>()
    for (const day of days) {
      const there = this.days.get(keyOf({ calendar, day }))
      if (there?.asOfMs !== undefined) found.set(day, { asOfMs: there.asOfMs, rows: new Map(there.rows) })
    }
    return found
  }

  async lease(calendar: CalendarId, days: readonly UtcDay[]): Promise<Lease> {
    this.#leases += 1
    const nonce = `lease-${this.#leases}`
    const mine = days.filter(day => {
      const there = this.days.get(keyOf({ calendar, day }))
      if (there?.lease !== undefined) return false
      if (there === undefined) {
        this.days.set(keyOf({ calendar, day }), { lease: nonce, asOfMs: undefined, rows: new Map() })
      } else {
        there.lease = nonce
      }
      return true
    })
    return { nonce, days: mine }
  }

  async put(
    calendar: CalendarId,
    lease: Lease,
    rows: ReadonlyMap<UtcDay, readonly SlotRow[]>,
    asOfMs: number
  ): Promise<UtcDay[]> {
    await this.hold
    return lease.days.filter(name => {
      const day = this.days.get(keyOf({ calendar, day: name }))
      if (day?.lease !== lease.nonce) return false
      for (const row of rows.get(name) ?? []) merge(day, row)
      day.asOfMs = asOfMs
      day.lease = undefined
      return true
    })
  }

  async note(
    read: readonly (CalendarDay & { rows: number })[],
    { hits, misses }: { hits: number; misses: number }
  ): Promise<void> {
    for (const day of read) this.noted.set(keyOf(day), day.rows)
    this.counts = { hits: this.counts.hits + hits, misses: this.counts.misses + misses }
  }

  async lately(daysMax: number): Promise<CalendarDay[]> {
    return [...this.noted.keys()].slice(0, daysMax).map(key => {
      const [calendar, day] = key.split(' ') as [CalendarId, UtcDay]
      return { calendar, day }
    })
  }

  async stats(): Promise<RowCacheStats> {
    return { ...this.counts, totalKeys: this.days.size, memoryBytes: this.days.size * 100 }
  }
}

function merge(day: Day, row: SlotRow): void {
  if (row.ver > (day.rows.get(row.slot)?.ver ?? -1)) day.rows.set(row.slot, row)
}

const keyOf = ({ calendar, day }: CalendarDay): string => `${calendar} ${day}`
