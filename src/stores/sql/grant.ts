import { type CalendarId, type LockId, parseSlotId, type SlotId, sortedSlots } from '../../domain/ids.js'
import type { LockRecord } from '../../domain/lock.js'
import type { GrantOutcome, GrantRequest } from '../../domain/lock-store.js'
import type { SlotRow } from '../../domain/slot.js'
import { actorValues, auditLock, auditReplacing, ownerAsActor } from './audit.js'
import {
  again,
  inTime,
  type LockFacts,
  nowOf,
  type Stamp,
  type StoreContext,
  selectLock,
  stampValues
} from './context.js'
import type { Dialect, Row, Statement, Value } from './dialect.js'
import { GrantsTogether } from './grants-together.js'
import { OwnerClaims } from './owner-claims.js'
import { bytesOf, joinSlots, lockColumns, numberOf, slotColumns, textOf, toLock, toSlotRow } from './rows.js'
import { namedValues, nameList, textByCount } from './statement.js'
import { inLockOrder, takeable } from './takeable.js'

type Granted = Extract<GrantOutcome, { status: 'GRANTED' }>

/**
 * The grant, in one packet:
 *
 *     [replaces]  the old lock's row is held, so that it cannot end or be booked meanwhile
 *     the lock's row is inserted if the packet is in time, the owner stays under its limits, the old lock lives, and
 *       no slot is seen to be in the way; if the two share a slot, the life of the old one goes on in it
 *     [replaces]  the old lock becomes `released`, if the new row is there
 *     the slots are taken in one statement, if the lock's row is there; a slot that is in the way after all (somebody
 *       committed since) makes a NULL for a NOT NULL column, and the whole packet is rolled back
 *     the audit trail gets its row, if the lock's row is there
 *
 * The slots are looked at twice. The first look takes no row locks, so that of a crowd that wants one slot all but a
 * few are turned away without waiting for each other and without an error to clean up after. The second look decides.
 *
 * Of one slot that are many at once go in one packet: grants-together.ts.
 */
export class Granting {
  readonly #context: StoreContext
  readonly #claims = new OwnerClaims()
  readonly #insertLock: (count: number, replacing: boolean) => string
  readonly #takeSlots: (count: number, replacing: boolean) => string
  readonly #together: GrantsTogether

  constructor(context: StoreContext) {
    this.#context = context
    const dialect = context.db.dialect
    this.#together = new GrantsTogether(context, {
      alone: request => this.#alone(request),
      diagnose: (request, stamp) => this.#diagnose(request, stamp, false),
      granted: (request, stamp) => this.#granted(request, stamp)
    })
    this.#insertLock = byReplacing(replacing =>
      textByCount(count => insertLockText(dialect, count, replacing))
    )
    this.#takeSlots = byReplacing(replacing => textByCount(count => takeSlotsText(dialect, count, replacing)))
  }

  grant(request: GrantRequest): Promise<GrantOutcome> {
    return this.#claims.during(request.owner, request.slots.length, async earlier => {
      const { locks, slots, settled } = earlier()
      if (locks === 0) return this.#grant(request)
      const outcome = await this.#grant({
        ...request,
        locksMax: request.locksMax - locks,
        lockedSlotsMax: request.lockedSlotsMax - slots
      })
      if (outcome.status !== 'LIMIT') return outcome
      await settled
      return this.#grant(request)
    })
  }

  #grant(request: GrantRequest): Promise<GrantOutcome> {
    return this.#together.accepts(request) ? this.#together.grant(request) : this.#alone(request)
  }

  #alone(request: GrantRequest): Promise<GrantOutcome> {
    return this.#context.attempts('the grant', (stamp, last) => this.#attempt(request, stamp, last))
  }

  async #attempt(request: GrantRequest, stamp: Stamp, last: boolean): Promise<GrantOutcome | typeof again> {
    const context = this.#context
    const old = request.replaces === undefined ? undefined : await context.factsOf(request.replaces)
    // without the old lock there is nothing to send, but the request may be one that succeeded before
    if (request.replaces !== undefined && old?.owner !== request.owner)
      return this.#diagnose(request, stamp, last)

    const outcome = await context.db.transact(this.#packet(request, old, stamp))
    if (outcome.status !== 'DONE') return this.#diagnose(request, stamp, last)
    const inserted = outcome.results[old === undefined ? 0 : 1]!
    if (inserted.changed === 0) return this.#diagnose(request, stamp, last)

    const oldLock = old === undefined ? undefined : toLock(outcome.results[0]!.rows[0]!, 0)
    const granted = this.#granted(request, stamp, old, oldLock)
    return oldLock === undefined
      ? granted
      : { ...granted, replaced: { ...oldLock, state: 'released', ver: stamp.ver } }
  }

  /** What the packet with this stamp has made of it. */
  #granted(request: GrantRequest, stamp: Stamp, old?: LockFacts, oldLock?: LockRecord): Granted {
    const life = lifeOf(request, oldLock, stamp.nowMs)
    const lock: LockRecord = {
      id: request.lock,
      calendar: request.calendar,
      owner: request.owner,
      slots: request.slots,
      state: 'held',
      fence: stamp.ver,
      ver: stamp.ver,
      ...life,
      ...(request.address === undefined ? {} : { address: request.address }),
      ...(request.userAgent === undefined ? {} : { userAgent: request.userAgent })
    }
    this.#context.remember(lock.id, lock)
    const rows = targetsOf(request, old).map(target => rowAfter(target, request, stamp, life.expiresAt))
    return { status: 'GRANTED', lock, rows }
  }

  #packet(request: GrantRequest, old: LockFacts | undefined, stamp: Stamp): Statement[] {
    const { dialect } = this.#context.db
    const replacing = old !== undefined
    const common: Record<string, Value> = {
      ...stampValues(stamp),
      lock: request.lock,
      owner: request.owner,
      calendar: request.calendar,
      expires: stamp.nowMs + request.ttlMs,
      replaces: request.replaces ?? '',
      ...actorValues(request.by ?? ownerAsActor(request.owner))
    }
    const insertLock: Statement = {
      text: this.#insertLock(request.slots.length, replacing),
      values: {
        ...common,
        ...namedValues('s', request.slots),
        slots: joinSlots(request.slots),
        count: request.slots.length,
        fingerprint: request.fingerprint,
        created: stamp.nowMs,
        goesOn: old !== undefined && goesOnWith(request, old) ? 1 : 0,
        life: request.lockLifeMaxMs,
        locksMax: request.locksMax,
        lockedSlotsMax: request.lockedSlotsMax,
        address: bytesOf(request.address),
        userAgent: bytesOf(request.userAgent)
      }
    }
    const targets = targetsOf(request, old)
    const takeSlots: Statement = {
      text: this.#takeSlots(targets.length, replacing),
      values: {
        ...common,
        ...namedValues(
          's',
          targets.map(target => target.slot)
        ),
        ...namedValues(
          'b',
          targets.map(target => parseSlotId(target.slot)?.startMs ?? 0)
        ),
        ...(replacing
          ? {
              ...namedValues(
                'c',
                targets.map(target => target.calendar)
              ),
              ...namedValues(
                'k',
                targets.map(target => (target.taken ? 1 : 0))
              )
            }
          : {})
      }
    }
    if (!replacing) return [insertLock, takeSlots, auditLock('locked', common)]
    const holdOld: Statement = {
      text: `SELECT ${lockColumns} FROM locks WHERE id = :replaces${dialect.forUpdate}`,
      values: common
    }
    const releaseOld: Statement = {
      // A subquery on the updated table must be a derived one for MySQL. No look at the clock: the row was live when the
      // new lock's row was inserted, and is held since.
      text: `UPDATE locks SET state = 'released', ver = :ver, change_id = :change, updated_ms = :now
        WHERE id = :replaces AND owner = :owner AND state = 'held'
          AND EXISTS (SELECT 1 FROM (SELECT id FROM locks WHERE id = :lock AND change_id = :change) fresh)`,
      values: common
    }
    return [holdOld, insertLock, releaseOld, takeSlots, auditReplacing(common)]
  }

  /** One read that says why nothing was taken. */
  async #diagnose(request: GrantRequest, stamp: Stamp, last: boolean): Promise<GrantOutcome | typeof again> {
    const context = this.#context
    const { lock, owner, calendar } = request
    const { dialect } = context.db
    const replaces = request.replaces ?? ''
    const [own, old, counts, slots] = await context.db.read([
      selectLock(lock),
      selectLock(replaces as LockId),
      {
        text: `SELECT ${ofLiveLocks('COUNT(*)', dialect)} AS locks_live,
          ${ofLiveLocks('COALESCE(SUM(slot_count), 0)', dialect)} AS slots_live, :now AS now_ms`,
        values: { owner, replaces }
      },
      {
        text: `SELECT ${slotColumns} FROM slots WHERE calendar = :calendar AND slot IN (${nameList('s', request.slots.length)}) ORDER BY slot`,
        values: { calendar, ...namedValues('s', request.slots) }
      }
    ])
    const nowMs = nowOf(counts)

    const ownRow = own![0]
    if (ownRow !== undefined) {
      const record = toLock(ownRow, nowMs)
      const same = record.owner === owner && textOf(ownRow, 'fingerprint') === request.fingerprint
      if (same) context.remember(record.id, record)
      return same ? { status: 'REPLAYED', lock: record } : { status: 'MISMATCH' }
    }
    if (request.replaces !== undefined) {
      const oldRow = old![0]
      if (oldRow === undefined || textOf(oldRow, 'owner') !== owner) return { status: 'REPLACED_NOT_FOUND' }
      if (toLock(oldRow, nowMs).state !== 'held') return { status: 'REPLACED_EXPIRED' }
    }
    const limit = limitReached(request, counts![0]!)
    if (limit !== undefined) return limit

    const rows = slots!.map(toSlotRow)
    const inTheWay = rows.filter(row => isInTheWay(row, request, nowMs))
    if (inTheWay.length > 0) return { status: 'CONFLICT', rows: inTheWay }
    if (!context.isInTime(stamp, nowMs)) return (await context.late(stamp, last)) ? { status: 'LATE' } : again

    // Free now, all of them: either they were not a moment ago, or their versions were ahead of ours.
    for (const row of rows) context.versions.receive(row.ver)
    for (const row of old!) context.versions.receive(numberOf(row, 'ver'))
    return last ? { status: 'CONFLICT', rows: [] } : again
  }
}

/**
 * What the owner's live locks add up to, the one that gives way not counted. The index is named because finding it
 * costs more than using it: MariaDB looks into every index that might do.
 */
const ofLiveLocks = (sum: string, { byOwner }: Dialect): string =>
  `(SELECT ${sum} FROM locks${byOwner} WHERE owner = :owner AND state = 'held' AND expires_ms > :now AND id <> :replaces)`

/**
 * The same as `takeable`, of a row that was read. A slot that was last held under this very lock id is in the way too:
 * the lock was granted before and is over, and its row was purged meanwhile. A request sent again never locks anew.
 */
function isInTheWay(row: SlotRow, request: GrantRequest, nowMs: number): boolean {
  if (request.replaces !== undefined && row.state === 'locked' && row.token === request.replaces) return false
  if (row.token === request.lock) return true
  return !(row.state === 'free' || (row.state === 'locked' && row.expiresAt <= nowMs))
}

function limitReached(request: GrantRequest, counts: Row): GrantOutcome | undefined {
  if (numberOf(counts, 'locks_live') + 1 > request.locksMax) {
    return { status: 'LIMIT', limit: 'locksPerSession', max: request.locksMax }
  }
  if (numberOf(counts, 'slots_live') + request.slots.length > request.lockedSlotsMax) {
    return { status: 'LIMIT', limit: 'lockedSlotsPerSession', max: request.lockedSlotsMax }
  }
  return undefined
}

/** The same as lifeOf. */
const lifeEndText =
  'CASE WHEN old.expires_ms > old.created_ms + :life THEN old.expires_ms ELSE old.created_ms + :life END'
const lifeText = {
  created: 'CASE WHEN :goesOn = 1 THEN old.created_ms ELSE :created END',
  expires: `CASE WHEN :goesOn = 1 AND (${lifeEndText}) < :expires THEN (${lifeEndText}) ELSE :expires END`
}

const insertLockText = (dialect: Dialect, count: number, replacing: boolean): string => `
  INSERT INTO locks (id, calendar, owner, slots, slot_count, state, fingerprint, fence, ver, change_id, created_ms, expires_ms,
    updated_ms, reason, address, user_agent)
  SELECT :lock, :calendar, :owner, :slots, :count, 'held', :fingerprint, :ver, :ver, :change,
    ${replacing ? `${lifeText.created}, ${lifeText.expires}` : ':created, :expires'},
    :now, NULL, :address, :userAgent
  ${replacing ? 'FROM locks old' : dialect.fromNothing} WHERE ${inTime}
    AND ${ofLiveLocks('COUNT(*) + 1 <= :locksMax AND COALESCE(SUM(slot_count), 0) + :count <= :lockedSlotsMax', dialect)}
    AND NOT EXISTS (SELECT 1 FROM slots${dialect.byPrimaryKey}
      WHERE slots.calendar = :calendar AND slots.slot IN (${nameList('s', count)}) AND NOT (${takeable(':lock', replacing)}))
    ${
      replacing
        ? "AND old.id = :replaces AND old.owner = :owner AND old.state = 'held' AND old.expires_ms > :now"
        : ''
    }`

/**
 * `token` is assigned first: MySQL assigns from left to right, and the condition must see the row as it was.
 * The columns of `x` have names that `slots` does not have, so that neither dialect has to ask which is meant.
 */
const takeSlotsText = (dialect: Dialect, count: number, replacing: boolean): string => {
  const row = (index: number): string =>
    replacing
      ? `SELECT :s${index} AS s, :b${index} AS b, :c${index} AS c, :k${index} AS k`
      : `SELECT :s${index} AS s, :b${index} AS b`
  const union = Array.from({ length: count }, (_, index) => row(index)).join(' UNION ALL ')
  // one slot is nearly always all there is, and a derived table costs more than its row
  const from = count === 1 && !replacing ? dialect.fromNothing : `FROM (${union}) x`
  const [slot, start] = count === 1 && !replacing ? [':s0', ':b0'] : ['x.s', 'x.b']
  const chosen = (taken: string, freed: string): string =>
    replacing ? `CASE WHEN x.k = 1 THEN ${taken} ELSE ${freed} END` : taken
  const incoming = (column: string): string => dialect.incoming(column)
  return `
  INSERT INTO slots (calendar, slot, start_ms, state, owner, token, ver, expires_ms, updated_ms)
  SELECT ${replacing ? 'x.c' : ':calendar'}, ${slot}, ${start}, ${chosen("'locked'", "'free'")}, ${chosen(':owner', "''")},
    ${chosen(':lock', ':replaces')}, :ver, ${chosen(replacing ? endOfNew : ':expires', '0')}, :now
  ${from} WHERE EXISTS (SELECT 1 FROM locks WHERE locks.id = :lock AND locks.change_id = :change)
  ${dialect.upsert('calendar, slot')}
    token = CASE WHEN ${takeable(':lock', replacing)} THEN ${incoming('token')} ELSE NULL END,
    state = ${incoming('state')}, owner = ${incoming('owner')}, ver = ${incoming('ver')},
    expires_ms = ${incoming('expires_ms')}, updated_ms = ${incoming('updated_ms')}`
}

const endOfNew = '(SELECT expires_ms FROM locks WHERE locks.id = :lock)'

const goesOnWith = (request: GrantRequest, old: Pick<LockRecord, 'calendar' | 'slots'>): boolean =>
  old.calendar === request.calendar && old.slots.some(slot => request.slots.includes(slot))

/**
 * A lock that shares a slot with the one it replaces ends when that one's life does. One that lives longer than a lock
 * may now (the setting was another when it was granted) keeps its end: nobody loses a hold by changing it.
 */
function lifeOf(
  request: GrantRequest,
  old: LockRecord | undefined,
  nowMs: number
): Pick<LockRecord, 'createdAt' | 'expiresAt'> {
  const expiresAt = nowMs + request.ttlMs
  if (old === undefined || !goesOnWith(request, old)) return { createdAt: nowMs, expiresAt }
  const lifeEndsAt = Math.max(old.createdAt + request.lockLifeMaxMs, old.expiresAt)
  return { createdAt: old.createdAt, expiresAt: Math.min(expiresAt, lifeEndsAt) }
}

interface Target {
  calendar: CalendarId
  slot: SlotId
  /** By the new lock; otherwise the old one gives it back. */
  taken: boolean
}

/** What becomes of every slot of both locks, in the order of the primary key. */
function targetsOf(request: GrantRequest, old: LockFacts | undefined): Target[] {
  const taken = request.slots.map(slot => ({ calendar: request.calendar, slot, taken: true }))
  if (old === undefined) return taken
  const kept = new Set(old.calendar === request.calendar ? request.slots : [])
  const freed = sortedSlots(old.slots.filter(slot => !kept.has(slot)))
  const all = [...taken, ...freed.map(slot => ({ calendar: old.calendar, slot, taken: false }))]
  return all.sort(inLockOrder)
}

function rowAfter(target: Target, request: GrantRequest, stamp: Stamp, expiresAt: number): SlotRow {
  const { calendar, slot } = target
  return target.taken
    ? {
        calendar,
        slot,
        state: 'locked',
        ver: stamp.ver,
        owner: request.owner,
        token: request.lock,
        expiresAt
      }
    : {
        calendar,
        slot,
        state: 'free',
        ver: stamp.ver,
        owner: null,
        token: request.replaces ?? null,
        expiresAt: 0
      }
}

function byReplacing(
  make: (replacing: boolean) => (count: number) => string
): (count: number, replacing: boolean) => string {
  const plain = make(false)
  const replacing = make(true)
  return (count, isReplacing) => (isReplacing ? replacing(count) : plain(count))
}
