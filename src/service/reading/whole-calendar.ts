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

/** What is read of a whole calendar. */
export const wholeRange = (nowMs: number): [fromMs: number, toMs: number] => [nowMs - pastMs, endMs]

/** All rows of a calendar from yesterday on. */
export const readWholeCalendar = (
  store: Pick<LockStore, 'readRange' | 'nowMs'>,
  calendar: CalendarId
): Promise<SlotRow[]> => readAllRows(store, calendar, ...wholeRange(store.nowMs()))

/** All rows of a range. */
export async function readAllRows(
  store: Pick<LockStore, 'readRange'>,
  calendar: CalendarId,
  fromMs: number,
  toMs: number
): Promise<SlotRow[]> {
  const rows: SlotRow[] = []
  for await (const some of readingsOf(store, calendar, [fromMs, toMs])) {
    for (const row of some) rows.push(row)
    if (rows.length >= rowsMax) break
  }
  return rows
}

/**
 * The rows of a range, reading by reading. One that comes back full may have been cut off in the middle of a minute (a slot
 * whose row is missing would look free), so the next begins with that minute again. Where that would be most of it, the
 * readings become longer; more slots in one minute than the longest holds are read as far as it goes.
 */
export async function* readingsOf(
  store: Pick<LockStore, 'readRange'>,
  calendar: CalendarId,
  [fromMs, toMs]: readonly [fromMs: number, toMs: number],
  rowsPerReading = rowsPerReadingMax
): AsyncGenerator<SlotRow[]> {
  let most = rowsPerReading
  for (let from = fromMs; from < toMs; ) {
    const some = await store.readRange(calendar, from, toMs, most)
    const full = some.length >= most
    const lastMs = full ? startOf(some.at(-1)!) : toMs
    let whole = some.length
    while (full && whole > 0 && startOf(some[whole - 1]!) === lastMs) whole -= 1
    if (full && whole < most / 2 && most < rowsPerReadingMax) {
      most = Math.min(most * 2, rowsPerReadingMax)
      continue
    }
    yield whole > 0 ? some.slice(0, whole) : some
    from = whole > 0 ? lastMs : lastMs + minuteMs
  }
}

export const startOf = (row: SlotRow): number => parseSlotId(row.slot)?.startMs ?? Number.NaN
