import type { SlotId } from '../../domain/ids.js'
import { type CachedDay, type CalendarDay, cachedDayTtlMs, utcDayOf } from '../../domain/row-cache.js'
import type { SlotRow } from '../../domain/slot.js'

/** Slots whose last change is remembered, all calendars together: some 10 MB. */
const slotsMax = 50_000

interface SeenDay {
  versions: Map<SlotId, number>
  /** By the database's clock, when this instance last learned of a change in it. */
  learnedAtMs: number
}

/**
 * What this instance has seen change in the last hour, whichever way it came: made here, heard from Redis, read by the
 * tail. Any copy of rows is compared with it, so that nothing older than what is known here is ever shown, whatever
 * became of the messages that should have mended the copy.
 *
 * At the bound the day that changed longest ago is forgotten, and with it the right to believe any copy from before
 * its last change: `forgottenAtMs`.
 */
export class SeenChanges {
  readonly #nowMs: () => number
  readonly #slotsMax: number
  /** In the order of their last change. */
  readonly #days = new Map<string, SeenDay>()
  #slots = 0
  /** A copy that is not younger may lack a change that was forgotten. By the database's clock. */
  forgottenAtMs = Number.NEGATIVE_INFINITY

  constructor(nowMs: () => number, bounds: { slotsMax: number } = { slotsMax }) {
    this.#nowMs = nowMs
    this.#slotsMax = bounds.slotsMax
  }

  learn(rows: readonly SlotRow[]): void {
    if (rows.length === 0) return
    const nowMs = this.#nowMs()
    for (const row of rows) {
      const key = keyOf({ calendar: row.calendar, day: utcDayOf(row.slot) })
      const seen: SeenDay = this.#days.get(key) ?? { versions: new Map(), learnedAtMs: nowMs }
      const known = seen.versions.get(row.slot)
      // the tail reads each change several times; only what is new makes a day young again
      if (known !== undefined && known >= row.ver) continue
      if (known === undefined) this.#slots += 1
      seen.versions.set(row.slot, row.ver)
      seen.learnedAtMs = nowMs
      this.#days.delete(key)
      this.#days.set(key, seen)
    }
    this.#forget(nowMs)
  }

  /** Whether a change is known here that is not in this copy. */
  isBehind(day: CalendarDay, { rows }: Pick<CachedDay, 'rows'>): boolean {
    const seen = this.#days.get(keyOf(day))
    if (seen === undefined) return false
    for (const [slot, ver] of seen.versions) if ((rows.get(slot)?.ver ?? -1) < ver) return true
    return false
  }

  #forget(nowMs: number): void {
    for (const [key, { versions, learnedAtMs }] of this.#days) {
      const outlived = learnedAtMs < nowMs - cachedDayTtlMs
      if (!outlived && this.#slots <= this.#slotsMax) return
      this.#days.delete(key)
      this.#slots -= versions.size
      this.forgottenAtMs = Math.max(this.forgottenAtMs, learnedAtMs)
    }
  }
}

const keyOf = ({ calendar, day }: CalendarDay): string => `${calendar} ${day}`
