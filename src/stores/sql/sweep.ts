import type { CalendarId, LockId, SlotId } from '../../domain/ids.js'
import { sortedSlots } from '../../domain/ids.js'
import type { LockRecord } from '../../domain/lock.js'
import type { SlotRow } from '../../domain/slot.js'
import { auditExpired } from './audit.js'
import { inTime, nowOf, type StoreContext, selectNow, stampValues } from './context.js'
import type { Row } from './dialect.js'
import { lockColumns, numberOf, slotColumns, toLock, toSlotRow } from './rows.js'
import { namedValues, nameList } from './statement.js'

/** One packet ends so many locks: it holds their rows only briefly, and a full one is some 100 kB at most. */
const locksPerPacketMax = 32

export interface Swept {
  ended: LockRecord[]
  rows: SlotRow[]
  nextExpiryAt: number | undefined
}

/**
 * Frees what has expired, for the eyes of those who watch; safety does not need it, because a grant takes an expired
 * slot by itself. That is also why it must look closely: by the time it comes, a slot of an expired lock may be
 * somebody else's. Each slot is freed only while it bears the token of a lock that this very packet ended, and what is
 * reported is read back, not assumed.
 */
export async function sweep(context: StoreContext, locksMax: number): Promise<Swept> {
  const [now, candidates] = await context.db.read([
    selectNow,
    {
      text: `SELECT ${lockColumns} FROM locks WHERE state = 'held' AND expires_ms <= :now ORDER BY expires_ms LIMIT :most`,
      values: { most: locksMax }
    }
  ])
  const ended: LockRecord[] = []
  const rows: SlotRow[] = []
  for (const group of groups(candidates!.map(row => toLock(row, nowOf(now))))) {
    for (const lock of group) context.versions.receive(lock.ver)
    const swept = await sweepGroup(context, group)
    ended.push(...swept.ended)
    rows.push(...swept.rows)
  }
  const [next] = await context.db.read([
    {
      text: "SELECT MIN(expires_ms) AS next_ms FROM locks WHERE state = 'held' AND expires_ms > :now",
      values: {}
    }
  ])
  const nextRow = next![0] as Row
  return { ended, rows, nextExpiryAt: nextRow.next_ms === null ? undefined : numberOf(nextRow, 'next_ms') }
}

/** All lock rows first, then all slots, both sorted: the order in which everybody takes them. */
async function sweepGroup(
  context: StoreContext,
  group: LockRecord[]
): Promise<{ ended: LockRecord[]; rows: SlotRow[] }> {
  const calendar = group[0]!.calendar
  const ids = group.map(lock => lock.id).sort()
  const slots = sortedSlots([...new Set<SlotId>(group.flatMap(lock => lock.slots))])
  const stamp = context.stamp()
  const values = { ...stampValues(stamp), calendar, ...namedValues('l', ids), ...namedValues('s', slots) }
  const idList = nameList('l', ids.length)
  const slotList = nameList('s', slots.length)
  const results = await context.change([
    {
      text: `UPDATE locks SET state = 'expired', ver = :ver, change_id = :change, updated_ms = :now
        WHERE id IN (${idList}) AND state = 'held' AND expires_ms <= :now AND ver < :ver AND ${inTime}`,
      values
    },
    {
      text: `UPDATE slots${context.db.dialect.byPrimaryKey}
        SET state = 'free', owner = '', expires_ms = 0, ver = :ver, updated_ms = :now
        WHERE calendar = :calendar AND slot IN (${slotList}) AND token IN (${idList}) AND state = 'locked'
          AND EXISTS (SELECT 1 FROM locks WHERE locks.id = slots.token AND locks.change_id = :change)`,
      values
    },
    auditExpired(idList, values),
    {
      text: `SELECT ${lockColumns}, :now AS now_ms FROM locks WHERE id IN (${idList}) AND change_id = :change`,
      values
    },
    {
      text: `SELECT ${slotColumns} FROM slots WHERE calendar = :calendar AND slot IN (${slotList}) AND ver = :ver
        AND state = 'free' AND token IN (SELECT id FROM locks WHERE id IN (${idList}) AND change_id = :change)`,
      values
    }
  ])
  return {
    ended: results[3]!.rows.map(row => toLock(row, numberOf(row, 'now_ms'))),
    rows: results[4]!.rows.map(toSlotRow)
  }
}

/** Of one calendar each, at most locksPerPacketMax, oldest end first. */
function groups(locks: readonly LockRecord[]): LockRecord[][] {
  const byCalendar = new Map<CalendarId, LockRecord[][]>()
  const seen = new Set<LockId>()
  for (const lock of locks) {
    if (seen.has(lock.id)) continue
    seen.add(lock.id)
    const lists = byCalendar.get(lock.calendar) ?? [[]]
    byCalendar.set(lock.calendar, lists)
    if (lists.at(-1)!.length >= locksPerPacketMax) lists.push([])
    lists.at(-1)!.push(lock)
  }
  return [...byCalendar.values()].flat()
}
