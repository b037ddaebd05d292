import { type CalendarId, parseSlotId } from '../../domain/ids.js'
import { type LockStore, rowsPerReadingMax } from '../../domain/lock-store.js'
import type { SlotRow } from '../../domain/slot.js'

const minuteMs = 60_000
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
 * All rows of a range. A reading that comes back full may have been cut off in the middle of a minute (a slot whose
 * row is missing would look free), so the next begins with that minute again. More slots in one minute than a reading
 * holds are read as far as it goes.
 */
export async function readAllRows(
  store: Pick<LockStore, 'readRange'>,
  calendar: CalendarId,
  fromMs: number,
  toMs: number
): Promise<SlotRow[]> {
  const rows: SlotRow[] = []
  for (let from = fromMs; from < toMs && rows.length < rowsMax; ) {
    const some = await store.readRange(calendar, from, toMs)
    const lastMs = some.length < rowsPerReadingMax ? toMs : startOf(some.at(-1)!)
    const next = lastMs > from ? lastMs : lastMs + minuteMs
    let whole = some.length
    while (whole > 0 && startOf(some[whole - 1]!) >= next) whole -= 1
    for (let index = 0; index < whole; index++) rows.push(some[index]!)
    from = next
  }
  return rows
}

const startOf = (row: SlotRow): number => parseSlotId(row.slot)?.startMs ?? Number.NaN
