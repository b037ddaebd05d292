import { parseSlotId } from '../../domain/ids.js'
import type { GrantRequest } from '../../domain/lock-store.js'
import { auditLockedText } from './audit.js'
import { inTime, type Stamp, stampValues } from './context.js'
import type { Dialect, Row, Statement, Value } from './dialect.js'
import { bytesOf, textOf } from './rows.js'
import { namedValues, nameList, textByCount } from './statement.js'

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
  readonly #insertLocks: (count: number) => string
  readonly #takeSlots: (count: number) => string

  constructor(dialect: Dialect) {
    this.#insertLocks = textByCount(count => insertLocksText(dialect, count))
    this.#takeSlots = textByCount(count => takeSlotsText(dialect, count))
  }

  packet(members: readonly GrantRequest[], stamp: Stamp): Statement[] {
    const count = members.length
    // rows are taken in one order: locks by their id, slots by theirs
    const byLock = [...members].sort((a, b) => (a.lock < b.lock ? -1 : 1))
    const bySlot = [...members].sort((a, b) =>
      a.calendar === b.calendar ? (a.slots[0]! < b.slots[0]! ? -1 : 1) : a.calendar < b.calendar ? -1 : 1
    )
    const common = stampValues(stamp)
    const ids = namedValues(
      'id',
      byLock.map(({ lock }) => lock)
    )
    return [
      {
        text: this.#insertLocks(count),
        values: { ...common, created: stamp.nowMs, ...lockValues(byLock, stamp) }
      },
      { text: this.#takeSlots(count), values: { ...common, ...slotValues(bySlot) } },
      { text: auditText(count), values: { ...common, ...ids } },
      { text: lookText(count), values: { ...common, ...ids } }
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

function lockValues(members: readonly GrantRequest[], { nowMs }: Stamp): Record<string, Value> {
  const values: Record<string, Value> = {}
  members.forEach((member, index) => {
    values[`id${index}`] = member.lock
    values[`calendar${index}`] = member.calendar
    values[`owner${index}`] = member.owner
    values[`slot${index}`] = member.slots[0]!
    values[`fingerprint${index}`] = member.fingerprint
    values[`expires${index}`] = nowMs + member.ttlMs
    values[`locksMax${index}`] = member.locksMax
    values[`slotsMax${index}`] = member.lockedSlotsMax
    values[`address${index}`] = bytesOf(member.address)
    values[`agent${index}`] = bytesOf(member.userAgent)
  })
  return values
}

function slotValues(members: readonly GrantRequest[]): Record<string, Value> {
  const values: Record<string, Value> = {}
  members.forEach((member, index) => {
    values[`id${index}`] = member.lock
    values[`start${index}`] = parseSlotId(member.slots[0]!)?.startMs ?? 0
  })
  return values
}

/** A table of values: `columns` are its names, each with what stands for it in a row. */
function valuesTable(
  count: number,
  columns: readonly (readonly [name: string, value: (index: number) => string])[]
): string {
  const row = (index: number): string =>
    columns.map(([name, value]) => (index === 0 ? `${value(index)} AS ${name}` : value(index))).join(', ')
  return Array.from({ length: count }, (_, index) => `SELECT ${row(index)}`).join(' UNION ALL ')
}

/** Compared byte by byte, as the tables' own columns are, and without a conversion that would keep an index from being used. */
const key =
  (name: string) =>
  (index: number): string =>
    `CONVERT(:${name}${index} USING ascii) COLLATE ascii_bin`
const plain =
  (name: string) =>
  (index: number): string =>
    `:${name}${index}`

const insertLocksText = (dialect: Dialect, count: number): string => `
  INSERT INTO locks (id, calendar, owner, slots, slot_count, state, fingerprint, fence, ver, change_id, created_ms, expires_ms,
    updated_ms, reason, address, user_agent)
  SELECT x.i, x.c, x.o, x.s, 1, 'held', x.f, :ver, :ver, :change, :created, x.e, :now, NULL, x.a, x.u
  FROM (${valuesTable(count, [
    ['i', key('id')],
    ['c', key('calendar')],
    ['o', key('owner')],
    ['s', key('slot')],
    ['f', plain('fingerprint')],
    ['e', plain('expires')],
    ['m', plain('locksMax')],
    ['n', plain('slotsMax')],
    ['a', plain('address')],
    ['u', plain('agent')]
  ])}) x
  WHERE ${inTime}
    AND (SELECT COUNT(*) < x.m AND COALESCE(SUM(slot_count), 0) < x.n
      FROM locks${dialect.byOwner} WHERE owner = x.o AND state = 'held' AND expires_ms > :now)
    AND NOT EXISTS (SELECT 1 FROM slots${dialect.byPrimaryKey}
      WHERE slots.calendar = x.c AND slots.slot = x.s AND NOT (${takeable('x.i')}))
    AND NOT EXISTS (SELECT 1 FROM locks known WHERE known.id = x.i)`

/** STRAIGHT_JOIN: the slots are taken in the order of `x`, whatever the optimizer thinks of it. */
const takeSlotsText = (dialect: Dialect, count: number): string => `
  INSERT INTO slots (calendar, slot, start_ms, state, owner, token, ver, expires_ms, updated_ms)
  SELECT l.calendar, l.slots, x.b, 'locked', l.owner, l.id, :ver, l.expires_ms, :now
  FROM (${valuesTable(count, [
    ['i', key('id')],
    ['b', plain('start')]
  ])}) x STRAIGHT_JOIN locks l ON l.id = x.i AND l.change_id = :change
  ${dialect.upsert('calendar, slot')}
    token = CASE WHEN ${takeable(dialect.incoming('token'))} THEN ${dialect.incoming('token')} ELSE NULL END,
    state = ${dialect.incoming('state')}, owner = ${dialect.incoming('owner')}, ver = ${dialect.incoming('ver')},
    expires_ms = ${dialect.incoming('expires_ms')}, updated_ms = ${dialect.incoming('updated_ms')}`

/** The same as for one grant that replaces nothing. */
const takeable = (lock: string): string => `slots.ver < :ver AND slots.token <> ${lock}
       AND (slots.state = 'free' OR (slots.state = 'locked' AND slots.expires_ms <= :now))`

const auditText = textByCount(count => auditLockedText(nameList('id', count)))

const lookText = textByCount(
  count => `SELECT id FROM locks WHERE id IN (${nameList('id', count)}) AND change_id = :change`
)
