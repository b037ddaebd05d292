import type { CalendarId } from '../domain/ids.js'
import type { LockStore } from '../domain/lock-store.js'
import type { SlotRow } from '../domain/slot.js'

/** What the store gives at most in one reading; see LockStore.readRange. */
export const rowsPerReadingMax = 20_000
/** What has begun cannot be locked any more; a day leaves room for slots that last as long. */
const pastMs = 86_400_000
/** The last minute that a slot's name can spell, and one more. */
const endMs = Date.parse('9999-12-31T23:59Z') + 60_000
/** Past it the rows read so far have to do: a million of one calendar are ten years of fifty rooms. */
const rowsMax = 1_000_000

/**
 * All rows of a calendar from yesterday on. A reading that comes back full may have been cut off, and is done again
 * in halves; most calendars take one.
 */
export async function readWholeCalendar(
  store: Pick<LockStore, 'readRange' | 'nowMs'>,
  calendar: CalendarId
): Promise<SlotRow[]> {
  const rows: SlotRow[] = []
  const ranges: [fromMs: number, toMs: number][] = [[store.nowMs() - pastMs, endMs]]
  for (let range = ranges.pop(); range !== undefined && rows.length < rowsMax; range = ranges.pop()) {
    const [fromMs, toMs] = range
    const some = await store.readRange(calendar, fromMs, toMs)
    if (some.length < rowsPerReadingMax || toMs - fromMs <= 60_000) {
      for (const row of some) rows.push(row)
      continue
    }
    // Rows crowd in the weeks to come, not in the year 6000: the near part is taken smaller each time.
    const middle = fromMs + Math.floor(Math.min((toMs - fromMs) / 2, 2 * pastMs * 366))
    ranges.push([middle, toMs], [fromMs, middle])
  }
  return rows
}
