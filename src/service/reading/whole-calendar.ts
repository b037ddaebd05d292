import type { CalendarId } from '../../domain/ids.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { SlotRow } from '../../domain/slot.js'

/** What the store gives at most in one reading; see LockStore.readRange. */
export const rowsPerReadingMax = 20_000
/** What has begun cannot be locked any more; a day leaves room for slots that last as long. */
const pastMs = 86_400_000
/** The last minute that a slot's name can spell, and one more. */
const endMs = Date.parse('9999-12-31T23:59Z') + 60_000
/** Past it the rows read so far have to do: a million of one calendar are ten years of fifty rooms. */
const rowsMax = 1_000_000

/** All rows of a calendar from yesterday on. */
export const readWholeCalendar = (
  store: Pick<LockStore, 'readRange' | 'nowMs'>,
  calendar: CalendarId
): Promise<SlotRow[]> => readAllRows(store, calendar, store.nowMs() - pastMs, endMs)

/**
 * All rows of a range. A reading that comes back full may have been cut off (a slot whose row is missing would look
 * free), and is done again in parts; most ranges take one.
 */
export async function readAllRows(
  store: Pick<LockStore, 'readRange'>,
  calendar: CalendarId,
  fromMs: number,
  toMs: number
): Promise<SlotRow[]> {
  const rows: SlotRow[] = []
  const ranges: [fromMs: number, toMs: number][] = [[fromMs, toMs]]
  for (let range = ranges.pop(); range !== undefined && rows.length < rowsMax; range = ranges.pop()) {
    const [from, to] = range
    const some = await store.readRange(calendar, from, to)
    if (some.length < rowsPerReadingMax || to - from <= 60_000) {
      for (const row of some) rows.push(row)
      continue
    }
    // Rows crowd in the weeks to come, not in the year 6000: the near part is the smaller one.
    const middle = from + Math.floor(Math.min((to - from) / 2, 366 * pastMs))
    ranges.push([middle, to], [from, middle])
  }
  return rows
}
