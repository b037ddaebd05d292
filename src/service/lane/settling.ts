import { setImmediate as nextTurn } from 'node:timers/promises'
import type { CalendarId, SlotId } from '../../domain/ids.js'
import type { SlotRow } from '../../domain/slot.js'
import type { FastPath } from './fast-path.js'

/** One script call takes that many in about a millisecond. */
const rowsPerCallMax = 250
/** Rows that wait for Redis, all calendars together. */
const rowsWaitingMax = 20_000

/**
 * Brings committed rows to Redis, behind the back of whoever committed them: an answer never waits for Redis.
 *
 * Natural batching: one call per calendar is under way, and what is committed meanwhile goes together in the next,
 * the newest state of each slot only. A quiet calendar is settled at once, a busy one costs fewer commands.
 *
 * At the bound, and when Redis does not answer, the rows are dropped and counted: Redis is a copy. Other instances
 * get them from the tail, which settles what it had to repair.
 */
export class Settling {
  readonly #fastPath: FastPath
  readonly #nowMs: () => number
  readonly #waiting = new Map<CalendarId, Map<SlotId, SlotRow>>()
  readonly #underway = new Map<CalendarId, Promise<void>>()
  #rowsWaiting = 0
  settled = 0
  dropped = 0

  constructor(fastPath: FastPath, nowMs: () => number) {
    this.#fastPath = fastPath
    this.#nowMs = nowMs
  }

  put(calendar: CalendarId, rows: readonly SlotRow[]): void {
    if (!this.#fastPath.open) return
    const waiting = this.#waiting.get(calendar) ?? new Map<SlotId, SlotRow>()
    for (const row of rows) {
      const other = waiting.get(row.slot)
      if (other === undefined && this.#rowsWaiting >= rowsWaitingMax) {
        this.dropped += 1
        continue
      }
      if (other === undefined) this.#rowsWaiting += 1
      if (other === undefined || other.ver < row.ver) waiting.set(row.slot, row)
    }
    if (waiting.size === 0) return
    this.#waiting.set(calendar, waiting)
    if (!this.#underway.has(calendar)) this.#underway.set(calendar, this.#work(calendar))
  }

  /** Resolves when nothing is waiting or under way. */
  async drained(): Promise<void> {
    while (this.#underway.size > 0) await Promise.all(this.#underway.values())
  }

  async #work(calendar: CalendarId): Promise<void> {
    try {
      // who made the change is answered first: what follows is a tenth of a millisecond of this process
      await nextTurn()
      for (let rows = this.#take(calendar); rows.length > 0; rows = this.#take(calendar)) {
        const ok = await this.#fastPath.attempt(async lane => {
          await lane.settle(calendar, rows, this.#nowMs())
          return true
        })
        if (ok) this.settled += rows.length
        else this.dropped += rows.length
      }
    } finally {
      this.#underway.delete(calendar)
    }
  }

  #take(calendar: CalendarId): SlotRow[] {
    const waiting = this.#waiting.get(calendar)
    if (waiting === undefined) return []
    const rows: SlotRow[] = []
    for (const [slot, row] of waiting) {
      if (rows.length === rowsPerCallMax) break
      waiting.delete(slot)
      rows.push(row)
    }
    if (waiting.size === 0) this.#waiting.delete(calendar)
    this.#rowsWaiting -= rows.length
    return rows
  }
}
