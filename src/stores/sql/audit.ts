import type { Actor, AuditEntry, AuditType } from '../../domain/audit.js'
import {
  type BookingId,
  type CalendarId,
  type LockId,
  type SessionId,
  sortedSlots
} from '../../domain/ids.js'
import type { LockRecord } from '../../domain/lock.js'
import type { AuditQuery, LockStore } from '../../domain/lock-store.js'
import { nowOf, type StoreContext, selectNow } from './context.js'
import type { Row, Statement, Value, Values } from './dialect.js'
import { bytesOf, lockColumns, numberOf, splitSlots, textOf, toLock } from './rows.js'
import { namedValues, nameList } from './statement.js'

/**
 * The audit trail: one row for each change, written by the packet that makes the change, as its last statement but for
 * a look. It selects what the packet changed, by the packet's name (`change_id`); so a change that is refused, late, a
 * repetition or rolled back writes none, and one that is carried out writes one, whoever dies afterwards.
 *
 * A row of its own rather than a history of the `locks` table: those rows are deleted after a day, and say only how it
 * ended. `id` and the columns are also what an outbox of events needs.
 */

const columns =
  'calendar, at_ms, type, slots, ver, change_id, lock_id, booking_id, owner, fence, expires_ms, actor, actor_session, actor_address, reason'

/** What the statements below name, beside the values of the change itself. */
export const actorValues = ({ role, session, address }: Actor): Values => ({
  actor: role,
  actorSession: session ?? '',
  actorAddress: role === 'staff' || role === 'admin' ? bytesOf(address) : null
})

/** Who changes a lock is its owner, unless the request says who else. */
export const ownerAsActor = (owner: SessionId): Actor => ({ role: 'visitor', session: owner })

const namedActor = ':actor, :actorSession, :actorAddress'

const written = (
  type: string,
  from: string,
  order = 'id',
  actor = namedActor
): string => `INSERT INTO audit (${columns})
  SELECT calendar, :now, ${type}, slots, ver, change_id, id, '', owner, fence, expires_ms,
    ${actor}, reason FROM locks WHERE ${from} AND change_id = :change ORDER BY ${order}`

const lockTypes = ['locked', 'extended', 'released', 'revoked'] as const
const ofLock = Object.fromEntries(
  lockTypes.map(type => [type, written(`'${type}'`, 'id = :lock')])
) as Record<(typeof lockTypes)[number], string>
const ofReplacing = written(
  "CASE id WHEN :lock THEN 'locked' ELSE 'released' END",
  'id IN (:lock, :replaces)',
  'CASE id WHEN :lock THEN 1 ELSE 0 END'
)

/** The change of one lock's row. */
export const auditLock = (type: (typeof lockTypes)[number], values: Values): Statement => ({
  text: ofLock[type],
  values
})

/** New locks of one packet, each taken by its owner as a visitor; `ids` is their IN list. */
export const auditLockedText = (ids: string): string =>
  written("'locked'", `id IN (${ids})`, 'id', "'visitor', owner, NULL")

/** A new lock, and the one that gave way to it. */
export const auditReplacing = (values: Values): Statement => ({ text: ofReplacing, values })

/** Locks whose time ran out; `ids` is their IN list. Nobody did it, so there is no session beside the owner's. */
export const auditExpired = (ids: string, values: Values): Statement => ({
  text: written("'expired'", `id IN (${ids})`),
  values: { ...values, ...actorValues({ role: 'slotlock' }) }
})

export const auditBooking = (type: 'booked' | 'cancelled', values: Values): Statement => ({
  text: `INSERT INTO audit (${columns})
    SELECT b.calendar, :now, '${type}', b.slots, b.ver, b.change_id, b.lock_id, b.id, b.owner, l.fence, 0,
      :actor, :actorSession, :actorAddress, NULL
    FROM bookings b INNER JOIN locks l ON l.id = b.lock_id WHERE b.id = :booking AND b.change_id = :change`,
  values
})

/**
 * All slots of one packet in one row. They bear no `change_id`, so they are known by the packet's version, the state that
 * it gives, and that no lock had them. The worst of it: two instances that close one slot in one microsecond are both named.
 */
export const auditBlocking = (type: 'blocked' | 'unblocked', named: string, values: Values): Statement => ({
  text: `INSERT INTO audit (${columns})
    SELECT :calendar, :now, '${type}', GROUP_CONCAT(slot), :ver, :change, '', '', '', 0, 0,
      :actor, :actorSession, :actorAddress, NULL
    FROM slots WHERE ${named} AND state = '${type === 'blocked' ? 'blocked' : 'free'}' AND token = '' AND ver = :ver
    HAVING COUNT(*) > 0`,
  values
})

export const auditColumns = `id, ${columns}`

/** Newest first, at most `entriesMax`; `before` is where the last page ended. */
export async function readAudit(context: StoreContext, of: AuditQuery): Promise<AuditEntry[]> {
  const { calendar, fromMs, toMs, before, entriesMax } = of
  const values: Record<string, Value> = { calendar, from: fromMs, to: toMs, most: entriesMax }
  const older = before === undefined ? '' : 'AND (at_ms < :at OR (at_ms = :at AND id < :id))'
  const [rows] = await context.db.read([
    {
      text: `SELECT ${auditColumns} FROM audit
        WHERE calendar = :calendar AND at_ms >= :from AND at_ms < :to ${older} ORDER BY at_ms DESC, id DESC LIMIT :most`,
      values: before === undefined ? values : { ...values, to: Math.min(toMs, before.at + 1), ...before }
    }
  ])
  return rows!.map(toAuditEntry)
}

/** Oldest first, from `sinceMs` of the database's clock on, at most `entriesMax`, with the locks that they speak of. */
export async function readAuditSince(
  context: StoreContext,
  of: Parameters<LockStore['readAuditSince']>[0]
): ReturnType<LockStore['readAuditSince']> {
  const { calendar, sinceMs, entriesMax, known } = of
  const [now, rows] = await context.db.read([
    selectNow,
    {
      text: `SELECT ${auditColumns} FROM audit WHERE calendar = :calendar AND at_ms >= :since
        ORDER BY at_ms, id LIMIT :most`,
      values: { calendar, since: sinceMs, most: entriesMax }
    }
  ])
  const fresh = rows!.filter(row => !known.has(numberOf(row, 'id')))
  const entries = fresh.map(toAuditEntry)
  const ids = [...new Set(entries.flatMap(({ lock }) => (lock === undefined ? [] : [lock])))]
  const full = rows!.length >= entriesMax
  const reachedMs = full ? numberOf(rows!.at(-1)!, 'at_ms') : nowOf(now)
  return { entries, locks: await readLocks(context, ids), reachedMs, full }
}

/** An IN list of more is split. */
const locksPerReadMax = 256

async function readLocks(context: StoreContext, ids: readonly LockId[]): Promise<LockRecord[]> {
  if (ids.length === 0) return []
  const statements: Statement[] = []
  for (let from = 0; from < ids.length; from += locksPerReadMax) {
    const some = ids.slice(from, from + locksPerReadMax)
    statements.push({
      text: `SELECT ${lockColumns}, :now AS now_ms FROM locks WHERE id IN (${nameList('l', some.length)})`,
      values: namedValues('l', some)
    })
  }
  return (await context.db.read(statements)).flat().map(row => toLock(row, numberOf(row, 'now_ms')))
}

export function toAuditEntry(row: Row): AuditEntry {
  const text = (column: string): string => textOf(row, column)
  const [session, owner, lock, booking] = ['actor_session', 'owner', 'lock_id', 'booking_id'].map(text)
  const address = row.actor_address === null ? undefined : text('actor_address')
  const reason = row.reason === null ? undefined : text('reason')
  return {
    id: numberOf(row, 'id'),
    type: text('type') as AuditType,
    at: numberOf(row, 'at_ms'),
    calendar: text('calendar') as CalendarId,
    slots: sortedSlots(splitSlots(text('slots'))),
    ver: numberOf(row, 'ver'),
    by: {
      role: text('actor') as Actor['role'],
      ...(session ? { session: session as SessionId } : {}),
      ...(address === undefined ? {} : { address })
    },
    ...(owner ? { owner: owner as SessionId } : {}),
    ...(lock ? { lock: lock as LockId } : {}),
    ...(booking ? { booking: booking as BookingId } : {}),
    ...(lock ? { fence: numberOf(row, 'fence'), expiresAt: numberOf(row, 'expires_ms') } : {}),
    ...(reason === undefined ? {} : { reason })
  }
}
