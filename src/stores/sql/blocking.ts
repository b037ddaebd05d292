import { StoreBusy } from '../../domain/errors.js'
import { parseSlotId, type SlotId } from '../../domain/ids.js'
import type { BlockOutcome, BlockRequest } from '../../domain/lock-store.js'
import { actorValues, auditBlocking } from './audit.js'
import { again, inTime, nowOf, type StoreContext, selectNow, stampValues } from './context.js'
import type { Statement } from './dialect.js'
import { slotColumns, toSlotRow } from './rows.js'
import { namedValues, nameList } from './statement.js'

/**
 * Closes slots that are free, an expired hold included, or opens closed ones. Slot by slot, not all or nothing.
 * The rows come back as they are then, the untouched ones too. A LATE one has no word in the port: StoreBusy, unless
 * an attempt before it has changed some of them.
 */
export function setBlocked(context: StoreContext, request: BlockRequest): Promise<BlockOutcome> {
  const { calendar, slots, blocked } = request
  if (slots.length === 0) return Promise.resolve({ rows: [], changed: [] })
  const done = blocked ? 'blocked' : 'free'
  const changed = new Set<SlotId>()
  return context.attempts('the blocking', async (stamp, last): Promise<BlockOutcome | typeof again> => {
    const actor = actorValues(request.by ?? { role: 'staff' })
    const values = { ...stampValues(stamp), ...actor, calendar, ...namedValues('s', slots) }
    const named = `calendar = :calendar AND slot IN (${nameList('s', slots.length)})`
    const { dialect } = context.db
    const union = slots.map((_, index) => `SELECT :s${index} AS s, :b${index} AS b`).join(' UNION ALL ')
    // Rows that do not exist yet come first, as free ones of version 0. That statement also holds those that do, in
    // sorted order, so that the update after it cannot meet anybody who took them in another.
    const insertMissing: Statement = {
      text: `INSERT INTO slots (calendar, slot, start_ms, state, owner, token, ver, expires_ms, updated_ms)
        SELECT :calendar, x.s, x.b, 'free', '', '', 0, 0, :now FROM (${union}) x WHERE ${inTime}
        ${dialect.leaveExisting('calendar, slot')}`,
      values: {
        ...values,
        ...namedValues(
          'b',
          slots.map(slot => parseSlotId(slot)?.startMs ?? 0)
        )
      }
    }
    const change: Statement = {
      text: blocked
        ? `UPDATE slots${dialect.byPrimaryKey}
             SET state = 'blocked', owner = '', token = '', expires_ms = 0, ver = :ver, updated_ms = :now
             WHERE ${named} AND (state = 'free' OR (state = 'locked' AND expires_ms <= :now)) AND ver < :ver AND ${inTime}`
        : `UPDATE slots${dialect.byPrimaryKey} SET state = 'free', ver = :ver, updated_ms = :now
             WHERE ${named} AND state = 'blocked' AND ver < :ver AND ${inTime}`,
      values
    }
    const look: Statement = {
      text: `SELECT ${slotColumns} FROM slots WHERE ${named} ORDER BY slot`,
      values
    }
    const audit = auditBlocking(blocked ? 'blocked' : 'unblocked', named, values)
    const results = await context.change([
      ...(blocked ? [insertMissing] : []),
      change,
      audit,
      look,
      selectNow
    ])
    const nowMs = nowOf(results.at(-1)!.rows)
    const rows = results.at(-2)!.rows.map(toSlotRow)

    // The version alone is no proof: another instance may have granted one of these slots in the same microsecond.
    for (const row of rows) if (row.ver === stamp.ver && row.state === done) changed.add(row.slot)
    const undone = rows.filter(row =>
      blocked
        ? row.state === 'free' || (row.state === 'locked' && row.expiresAt <= nowMs)
        : row.state === 'blocked'
    )
    const incomplete = undone.length > 0 || (blocked && rows.length < slots.length)
    if (!incomplete || (last && changed.size > 0)) return { rows, changed: [...changed] }
    if (!context.isInTime(stamp, nowMs)) {
      if (await context.late(stamp, last)) {
        if (changed.size > 0) return { rows, changed: [...changed] }
        throw new StoreBusy('the blocking reached the database too late')
      }
      return again
    }
    for (const row of undone) context.versions.receive(row.ver)
    return again
  })
}
