import type { CalendarDefinition } from '../../domain/calendar.js'
import { StoreBusy } from '../../domain/errors.js'
import type { CalendarId, LockId, SessionId, SlotId } from '../../domain/ids.js'
import type { LockRecord } from '../../domain/lock.js'
import { type ChangedLock, type ChangedSlot, rowsPerReadingMax } from '../../domain/lock-store.js'
import type { SlotRow } from '../../domain/slot.js'
import { again, inTime, nowOf, type StoreContext, selectLock, selectNow, stampValues } from './context.js'
import { jsonBytesOf, lockColumns, numberOf, slotColumns, toCalendar, toLock, toSlotRow } from './rows.js'
import { namedValues, nameList } from './statement.js'

const liveLocksMax = 1_000
/** An IN list of more is split; the texts stay short and the plans good. */
const slotsPerReadMax = 256

export async function readRange(
  context: StoreContext,
  calendar: CalendarId,
  fromMs: number,
  toMs: number,
  rowsMax = rowsPerReadingMax
): Promise<SlotRow[]> {
  const [rows] = await context.db.read([
    {
      text: `SELECT ${slotColumns} FROM slots WHERE calendar = :calendar AND start_ms >= :from AND start_ms < :to
        ORDER BY start_ms, slot LIMIT :most`,
      values: { calendar, from: fromMs, to: toMs, most: Math.min(rowsMax, rowsPerReadingMax) }
    }
  ])
  return rows!.map(toSlotRow)
}

export async function readSlots(
  context: StoreContext,
  calendar: CalendarId,
  slots: readonly SlotId[]
): Promise<SlotRow[]> {
  if (slots.length === 0) return []
  const statements = []
  for (let from = 0; from < slots.length; from += slotsPerReadMax) {
    const some = slots.slice(from, from + slotsPerReadMax)
    statements.push({
      text: `SELECT ${slotColumns} FROM slots WHERE calendar = :calendar AND slot IN (${nameList('s', some.length)}) ORDER BY slot`,
      values: { calendar, ...namedValues('s', some) }
    })
  }
  return (await context.db.read(statements)).flat().map(toSlotRow)
}

export async function readLock(context: StoreContext, lock: LockId): Promise<LockRecord | undefined> {
  const [rows] = await context.db.read([selectLock(lock)])
  const row = rows![0]
  if (row === undefined) return undefined
  const record = toLock(row, numberOf(row, 'now_ms'))
  context.remember(record.id, record)
  return record
}

export async function readLiveLocks(
  context: StoreContext,
  of: { owner: SessionId } | { calendar: CalendarId }
): Promise<LockRecord[]> {
  const [column, value] = 'owner' in of ? ['owner', of.owner] : ['calendar', of.calendar]
  const [now, rows] = await context.db.read([
    selectNow,
    {
      text: `SELECT ${lockColumns} FROM locks WHERE ${column} = :value AND state = 'held' AND expires_ms > :now
        ORDER BY created_ms, id LIMIT ${liveLocksMax}`,
      values: { value }
    }
  ])
  return rows!.map(row => toLock(row, nowOf(now)))
}

export async function readChanges(
  context: StoreContext,
  sinceMs: number,
  rowsMax: number,
  untilMs?: number
): Promise<{ rows: ChangedSlot[]; locks: ChangedLock[]; nowMs: number }> {
  const within =
    untilMs === undefined ? 'updated_ms >= :since' : 'updated_ms >= :since AND updated_ms < :until'
  const values = { since: sinceMs, most: rowsMax, ...(untilMs !== undefined && { until: untilMs }) }
  // the clock first: what changes after it was read belongs to the next call
  const [now, rows, locks] = await context.db.read([
    selectNow,
    {
      text: `SELECT ${slotColumns} FROM slots WHERE ${within} ORDER BY updated_ms, calendar, slot LIMIT :most`,
      values
    },
    {
      text: `SELECT ${lockColumns} FROM locks WHERE ${within} ORDER BY updated_ms, id LIMIT :most`,
      values
    }
  ])
  const nowMs = nowOf(now)
  return {
    rows: rows!.map(row => ({ ...toSlotRow(row), updatedAt: numberOf(row, 'updated_ms') })),
    locks: locks!.map(row => ({ ...toLock(row, nowMs), updatedAt: numberOf(row, 'updated_ms') })),
    nowMs
  }
}

export async function readCalendarChanges(
  context: StoreContext,
  calendar: CalendarId,
  sinceMs: number,
  fromMs: number,
  toMs: number
): Promise<{ rows: SlotRow[]; nowMs: number }> {
  const [now, rows] = await context.db.read([
    selectNow,
    {
      text: `SELECT ${slotColumns} FROM slots
        WHERE calendar = :calendar AND updated_ms >= :since AND start_ms >= :from AND start_ms < :to
        ORDER BY updated_ms, slot LIMIT ${rowsPerReadingMax}`,
      values: { calendar, since: sinceMs, from: fromMs, to: toMs }
    }
  ])
  return { rows: rows!.map(toSlotRow), nowMs: nowOf(now) }
}

export async function readCalendar(
  context: StoreContext,
  calendar: CalendarId
): Promise<CalendarDefinition | undefined> {
  const [rows] = await context.db.read([
    { text: 'SELECT definition FROM calendars WHERE id = :calendar', values: { calendar } }
  ])
  return rows![0] === undefined ? undefined : toCalendar(rows![0])
}

export async function listCalendars(context: StoreContext): Promise<CalendarDefinition[]> {
  const [rows] = await context.db.read([{ text: 'SELECT definition FROM calendars ORDER BY id', values: {} }])
  return rows!.map(toCalendar)
}

/** The port has no word for late here: StoreBusy, which says as well that nothing was changed. */
export async function putCalendar(context: StoreContext, definition: CalendarDefinition): Promise<void> {
  const { dialect } = context.db
  await context.attempts('the calendar', async (stamp, last): Promise<undefined | typeof again> => {
    const [put] = await context.change([
      {
        text: `INSERT INTO calendars (id, definition, updated_ms)
          SELECT :id, :definition, :now FROM (SELECT 1 AS one) x WHERE ${inTime}
          ${dialect.upsert('id')} definition = ${dialect.incoming('definition')}, updated_ms = ${dialect.incoming('updated_ms')}`,
        values: { ...stampValues(stamp), id: definition.id, definition: jsonBytesOf(definition) }
      }
    ])
    if (put!.changed > 0) return undefined
    if (await context.late(stamp, last)) throw new StoreBusy('the calendar reached the database too late')
    return again
  })
}
