import { parseSlotId } from '../../domain/ids.js'
import type { GrantRequest } from '../../domain/lock-store.js'
import { auditLockedText } from './audit.js'
import { inTime, type Stamp, stampValues } from './context.js'
import type { Dialect, Row, Statement, Value, ValuesTable } from './dialect.js'
import { bytesOf, textOf } from './rows.js'
import { namedValues, nameList, textByCount } from './statement.js'
import { inLockOrder, takeable } from './takeable.js'

/**
 * Many grants in one packet, one slot each. It is the packet of one grant with more rows:
 *
 *     the locks' rows are inserted if the packet is in time, each if its owner stays under its limits, if its slot is not
 *       seen to be in the way, and if the lock was not granted before; the others are left out
 *     the slots are taken, of each lock whose row is there; one that is in the way after all (somebody committed since)
 *       makes a NULL for a NOT NULL column, and the whole packet is rolled back
 *     the audit trail gets its rows
 *     one look says whose rows are there
 *
 * So there are members that are left out, which cost their neighbours nothing, and packets that are rolled back, which
 * nobody gained or lost anything by: who was in either is granted or refused alone. No two members may share a slot or
 * a lock id, or the packet would stand in its own way.
 */
export class GrantBatch {
  readonly #insertLocks: string
  readonly #takeSlots: string

  constructor(dialect: Dialect) {
    this.#insertLocks = insertLocksText(dialect)
    this.#takeSlots = takeSlotsText(dialect)
  }

  packet(members: readonly GrantRequest[], stamp: Stamp): Statement[] {
    const common = stampValues(stamp)
    // rows are taken in one order: locks by their id, slots by theirs
    const byLock = [...members].sort((a, b) => (a.lock < b.lock ? -1 : 1))
    const bySlot = members
      .map(({ lock, calendar, slots }) => ({ lock, calendar, slot: slots[0]! }))
      .sort(inLockOrder)
    const ids = {
      ...common,
      ...namedValues(
        'id',
        byLock.map(({ lock }) => lock)
      )
    }
    return [
      {
        text: this.#insertLocks,
        values: { ...common, created: stamp.nowMs },
        table: { columns: lockTableColumns, rows: byLock.map(member => lockTableRow(member, stamp)) }
      },
      {
        text: this.#takeSlots,
        values: common,
        table: {
          columns: slotTableColumns,
          rows: bySlot.map(({ lock, slot }) => [lock, parseSlotId(slot)?.startMs ?? 0])
        }
      },
      { text: auditText(members.length), values: ids },
      { text: lookText(members.length), values: ids }
    ]
  }

  /** The locks that were granted, from the rows of the packet's last statement. */
  granted(rows: readonly Row[]): Set<string> {
    return new Set(rows.map(row => textOf(row, 'id')))
  }
}

/** Whether a grant can be one of many: it takes one slot, replaces nothing, and its owner asks for it as a visitor. */
export function canBeOneOfMany({ slots, replaces, by, owner }: GrantRequest): boolean {
  if (slots.length !== 1 || replaces !== undefined) return false
  return by === undefined || (by.role === 'visitor' && by.session === owner)
}

/** What no two grants of one packet may share. */
export const keysOfGrant = ({ lock, calendar, slots }: GrantRequest): string[] => [
  lock,
  `${calendar} ${slots[0]}`
]

const lockTableColumns: ValuesTable['columns'] = [
  { name: 'i', key: true },
  { name: 'c', key: true },
  { name: 'o', key: true },
  { name: 's', key: true },
  { name: 'f' },
  { name: 'e' },
  { name: 'm' },
  { name: 'n' },
  { name: 'a' },
  { name: 'u' }
]

const lockTableRow = (of: GrantRequest, { nowMs }: Stamp): Value[] => [
  of.lock,
  of.calendar,
  of.owner,
  of.slots[0]!,
  of.fingerprint,
  nowMs + of.ttlMs,
  of.locksMax,
  of.lockedSlotsMax,
  bytesOf(of.address),
  bytesOf(of.userAgent)
]

const slotTableColumns: ValuesTable['columns'] = [{ name: 'i', key: true }, { name: 'b' }]

const insertLocksText = (dialect: Dialect): string => `
  INSERT INTO locks (id, calendar, owner, slots, slot_count, state, fingerprint, fence, ver, change_id, created_ms, expires_ms,
    updated_ms, reason, address, user_agent)
  SELECT x.i, x.c, x.o, x.s, 1, 'held', x.f, :ver, :ver, :change, :created, x.e, :now, NULL, x.a, x.u
  FROM (:table) x
  WHERE ${inTime}
    AND (SELECT COUNT(*) < x.m AND COALESCE(SUM(slot_count), 0) < x.n
      FROM locks${dialect.byOwner} WHERE owner = x.o AND state = 'held' AND expires_ms > :now)
    AND NOT EXISTS (SELECT 1 FROM slots${dialect.byPrimaryKey}
      WHERE slots.calendar = x.c AND slots.slot = x.s AND NOT (${takeable('x.i')}))
    AND NOT EXISTS (SELECT 1 FROM locks known WHERE known.id = x.i)`

/**
 * STRAIGHT_JOIN: the slots are taken in the order of `x`, whatever the optimizer thinks of it. With WHERE, so that no parser takes
 * the ON of what follows for its own.
 */
const takeSlotsText = (dialect: Dialect): string => `
  INSERT INTO slots (calendar, slot, start_ms, state, owner, token, ver, expires_ms, updated_ms)
  SELECT l.calendar, l.slots, x.b, 'locked', l.owner, l.id, :ver, l.expires_ms, :now
  FROM (:table) x STRAIGHT_JOIN locks l WHERE l.id = x.i AND l.change_id = :change
  ${dialect.upsert('calendar, slot')}
    token = CASE WHEN ${takeable(dialect.incoming('token'))} THEN ${dialect.incoming('token')} ELSE NULL END,
    state = ${dialect.incoming('state')}, owner = ${dialect.incoming('owner')}, ver = ${dialect.incoming('ver')},
    expires_ms = ${dialect.incoming('expires_ms')}, updated_ms = ${dialect.incoming('updated_ms')}`

const auditText = textByCount(count => auditLockedText(nameList('id', count)))

const lookText = textByCount(
  count => `SELECT id FROM locks WHERE id IN (${nameList('id', count)}) AND change_id = :change`
)
