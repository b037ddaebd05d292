import { LRUCache } from 'lru-cache'
import type { CalendarId, LockId, SlotId } from '../../domain/ids.js'
import type { SlotRow } from '../../domain/slot.js'

/** Who wants which slots, as far as it matters to what stands in the way. */
export interface Want {
  calendar: CalendarId
  slots: readonly SlotId[]
  lock: LockId
  replaces?: LockId | undefined
}

/**
 * Whether a row keeps a request from being granted, by a clock that is nearly the database's. The lock's own rows do
 * not: the same request sent again is answered with its lock. What it replaces gives way in the same step.
 */
export function standsInTheWay(row: SlotRow, want: Want, nowMs: number): boolean {
  if (row.state === 'free' || (row.state === 'locked' && row.expiresAt <= nowMs)) return false
  return row.token === null || (row.token !== want.lock && row.token !== want.replaces)
}

interface Belief {
  token: LockId | null
  ver: number
  /** Epoch milliseconds of the database's clock; Infinity: booked or blocked. */
  untilMs: number
}

/**
 * Which slots are thought to be taken, from what this instance granted and from what it was told. Only that: to be
 * believed taken costs a read, to be believed free wrongly costs a statement. So it may forget and it may be wrong.
 */
export class Beliefs {
  readonly #taken: LRUCache<string, Belief>

  constructor(beliefsMax: number) {
    this.#taken = new LRUCache({ max: beliefsMax })
  }

  learn(rows: Iterable<SlotRow>): void {
    for (const row of rows) {
      const key = keyOf(row.calendar, row.slot)
      const known = this.#taken.peek(key)
      if (known !== undefined && known.ver > row.ver) continue
      if (row.state === 'free') this.#taken.delete(key)
      else {
        const untilMs = row.state === 'locked' ? row.expiresAt : Number.POSITIVE_INFINITY
        this.#taken.set(key, { token: row.token, ver: row.ver, untilMs })
      }
    }
  }

  /** A read said that nothing is there. */
  forget(calendar: CalendarId, slot: SlotId): void {
    this.#taken.delete(keyOf(calendar, slot))
  }

  /** At least one of the slots is believed to be taken by somebody else. */
  doubt({ calendar, slots, lock, replaces }: Want, nowMs: number): boolean {
    return slots.some(slot => {
      const belief = this.#taken.get(keyOf(calendar, slot))
      if (belief === undefined || belief.untilMs <= nowMs) return false
      return belief.token === null || (belief.token !== lock && belief.token !== replaces)
    })
  }
}

export const keyOf = (calendar: CalendarId, slot: SlotId): string => `${calendar} ${slot}`
