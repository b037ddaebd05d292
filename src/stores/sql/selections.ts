import type { CalendarId } from '../../domain/ids.js'
import { selectionRowTtlMaxMs } from '../../domain/limits.js'
import type { Selection } from '../../domain/slot.js'
import { inTime, nowOf, type StoreContext, selectNow, stampValues } from './context.js'
import { selectionColumns, toSelection } from './rows.js'

/**
 * Hovers as rows, while Redis is out. Best effort: one that comes late is dropped without a word. The newer `seq` wins,
 * whatever order they come in; `seq` is assigned last, so that MySQL's left-to-right sees the old one all the while.
 */
export async function putSelection(context: StoreContext, selection: Selection): Promise<void> {
  const { dialect } = context.db
  const stamp = context.stamp()
  const newer = (column: string): string =>
    `${column} = CASE WHEN selections.seq < ${dialect.incoming('seq')} THEN ${dialect.incoming(column)} ELSE selections.${column} END`
  await context.change([
    {
      text: `INSERT INTO selections (calendar, viewer, slot, seq, expires_ms, updated_ms)
        SELECT :calendar, :viewer, :slot, :seq, :expires, :now FROM (SELECT 1 AS one) x WHERE ${inTime}
        ${dialect.upsert('calendar, viewer')}
          ${['slot', 'expires_ms', 'updated_ms', 'seq'].map(newer).join(', ')}`,
      values: {
        ...stampValues(stamp),
        calendar: selection.calendar,
        viewer: selection.viewer,
        slot: selection.slot ?? '',
        seq: selection.seq,
        expires: Math.min(Math.floor(selection.expiresAt), stamp.nowMs + selectionRowTtlMaxMs)
      }
    }
  ])
}

/** At most so many hovers of one calendar are read; more nobody could look at. */
const selectionsMax = 1_000

export async function readSelections(context: StoreContext, calendar: CalendarId): Promise<Selection[]> {
  const [rows] = await context.db.read([
    {
      text: `SELECT ${selectionColumns} FROM selections WHERE calendar = :calendar AND expires_ms > :now AND slot <> ''
        ORDER BY viewer LIMIT ${selectionsMax}`,
      values: { calendar }
    }
  ])
  return rows!.map(toSelection)
}

/** Those that ended with `slot: null` too: that they ended is the news. */
export async function readSelectionChanges(
  context: StoreContext,
  sinceMs: number,
  rowsMax: number
): Promise<{ selections: Selection[]; nowMs: number }> {
  const [now, rows] = await context.db.read([
    selectNow,
    {
      text: `SELECT ${selectionColumns} FROM selections WHERE updated_ms >= :since
        ORDER BY updated_ms, calendar, viewer LIMIT :most`,
      values: { since: sinceMs, most: rowsMax }
    }
  ])
  return { selections: rows!.map(toSelection), nowMs: nowOf(now) }
}
