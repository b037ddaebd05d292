import type { Actor } from '../../domain/audit.js'
import type { LockId } from '../../domain/ids.js'
import type { LockRecord } from '../../domain/lock.js'
import type {
  EndOutcome,
  ExtendOutcome,
  ExtendRequest,
  ReleaseRequest,
  RevokeRequest
} from '../../domain/lock-store.js'
import type { SlotRow } from '../../domain/slot.js'
import { actorValues, auditLock, ownerAsActor } from './audit.js'
import {
  again,
  inTime,
  type LockFacts,
  type Stamp,
  type StoreContext,
  selectLock,
  stampValues
} from './context.js'
import type { Statement, Values } from './dialect.js'
import { bytesOf, numberOf, textOf, toLock } from './rows.js'
import { namedValues, nameList, textByCount } from './statement.js'

/**
 * Extend, release and revoke: one packet each, of the lock's row, its slots, the audit trail's row, and a look at the
 * lock's row, which says in the same round trip whether the change was made and, if not, why.
 *
 * While a lock is held its slots have the lock's own version, because every change gives both the same. So the
 * lock's row alone decides, and whether the version grows is asked of it alone.
 */
export class Lifecycle {
  readonly #context: StoreContext
  readonly #extendSlots: (count: number) => string
  readonly #freeSlots: (count: number) => string

  constructor(context: StoreContext) {
    this.#context = context
    const { byPrimaryKey } = context.db.dialect
    const ofThisLock = (count: number): string =>
      `WHERE calendar = :calendar AND slot IN (${nameList('s', count)}) AND token = :lock AND state = 'locked'
         AND EXISTS (SELECT 1 FROM locks WHERE locks.id = :lock AND locks.change_id = :change)`
    this.#extendSlots = textByCount(
      count => `UPDATE slots${byPrimaryKey}
        SET expires_ms = CASE WHEN expires_ms > :expires THEN expires_ms ELSE :expires END, ver = :ver, updated_ms = :now
        ${ofThisLock(count)}`
    )
    this.#freeSlots = textByCount(
      count => `UPDATE slots${byPrimaryKey}
        SET state = 'free', owner = '', expires_ms = 0, ver = :ver, updated_ms = :now
        ${ofThisLock(count)}`
    )
  }

  async extend(request: ExtendRequest): Promise<ExtendOutcome> {
    const facts = await this.#context.factsOf(request.lock)
    if (facts?.owner !== request.owner) return { status: 'NOT_FOUND' }
    return this.#context.attempts(
      'the extension',
      async (stamp, last): Promise<ExtendOutcome | typeof again> => {
        const values: Values = {
          ...stampValues(stamp),
          ...slotValues(request.lock, facts),
          owner: request.owner,
          expires: stamp.nowMs + request.ttlMs,
          life: request.lockLifeMaxMs,
          ...actorValues(request.by ?? ownerAsActor(request.owner))
        }
        const extendLock: Statement = {
          text: `UPDATE locks
          SET expires_ms = CASE WHEN expires_ms > :expires THEN expires_ms ELSE :expires END, ver = :ver, change_id = :change,
            updated_ms = :now
          WHERE id = :lock AND owner = :owner AND state = 'held' AND expires_ms > :now AND ver < :ver
            AND :expires <= created_ms + :life AND ${inTime}`,
          values
        }
        const extendSlots: Statement = { text: this.#extendSlots(facts.slots.length), values }
        const audit = auditLock('extended', values)
        const found = await this.#changeLock([extendLock, extendSlots, audit], request.lock, stamp)
        if (found === undefined) return { status: 'NOT_FOUND' }
        const { lock, nowMs, changed } = found
        if (changed) return { status: 'EXTENDED', lock, rows: heldRows(lock) }
        if (lock.state !== 'held') return { status: 'ENDED', lock }
        if (stamp.nowMs + request.ttlMs > lock.createdAt + request.lockLifeMaxMs)
          return { status: 'LIFE_LIMIT', lock }
        return this.#again(lock, nowMs, stamp, last)
      }
    )
  }

  async release(request: ReleaseRequest): Promise<EndOutcome> {
    const facts = await this.#context.factsOf(request.lock)
    if (facts?.owner !== request.owner) return { status: 'NOT_FOUND' }
    const by = request.by ?? ownerAsActor(request.owner)
    return this.#end(request.lock, facts, { state: 'released', by })
  }

  async revoke(request: RevokeRequest): Promise<EndOutcome> {
    const facts = await this.#context.factsOf(request.lock)
    if (facts === undefined) return { status: 'NOT_FOUND' }
    const by = request.by ?? { role: 'staff' }
    return this.#end(request.lock, facts, { state: 'revoked', reason: request.reason, by })
  }

  #end(
    lockId: LockId,
    facts: LockFacts,
    end: { state: 'released' | 'revoked'; reason?: string; by: Actor }
  ): Promise<EndOutcome> {
    return this.#context.attempts(
      'the end of the lock',
      async (stamp, last): Promise<EndOutcome | typeof again> => {
        const values: Values = {
          ...stampValues(stamp),
          ...slotValues(lockId, facts),
          state: end.state,
          reason: bytesOf(end.reason),
          ...actorValues(end.by)
        }
        const endLock: Statement = {
          text: `UPDATE locks SET state = :state, reason = :reason, ver = :ver, change_id = :change, updated_ms = :now
          WHERE id = :lock AND state = 'held' AND expires_ms > :now AND ver < :ver AND ${inTime}`,
          values
        }
        const freeSlots: Statement = { text: this.#freeSlots(facts.slots.length), values }
        const audit = auditLock(end.state, values)
        const found = await this.#changeLock([endLock, freeSlots, audit], lockId, stamp)
        if (found === undefined) return { status: 'NOT_FOUND' }
        const { lock, nowMs, changed } = found
        if (changed) return { status: 'ENDED', lock, rows: freedRows(lock) }
        if (lock.state !== 'held') return { status: 'ENDED', lock, rows: [] }
        return this.#again(lock, nowMs, stamp, last)
      }
    )
  }

  async #changeLock(
    statements: Statement[],
    lockId: LockId,
    stamp: Stamp
  ): Promise<{ lock: LockRecord; nowMs: number; changed: boolean } | undefined> {
    const results = await this.#context.change([...statements, selectLock(lockId)])
    const row = results.at(-1)!.rows[0]
    if (row === undefined) return undefined
    const nowMs = numberOf(row, 'now_ms')
    return { lock: toLock(row, nowMs), nowMs, changed: textOf(row, 'change_id') === stamp.changeId }
  }

  /** The lock lives and was not changed: late, or its version is ahead of ours. */
  async #again(
    lock: LockRecord,
    nowMs: number,
    stamp: Stamp,
    last: boolean
  ): Promise<{ status: 'LATE' } | typeof again> {
    if (!this.#context.isInTime(stamp, nowMs))
      return (await this.#context.late(stamp, last)) ? { status: 'LATE' } : again
    this.#context.versions.receive(lock.ver)
    return again
  }
}

const slotValues = (lock: LockId, facts: LockFacts): Values => ({
  lock,
  calendar: facts.calendar,
  ...namedValues('s', facts.slots)
})

const heldRows = (lock: LockRecord): SlotRow[] =>
  lock.slots.map(slot => ({
    calendar: lock.calendar,
    slot,
    state: 'locked',
    ver: lock.ver,
    owner: lock.owner,
    token: lock.id,
    expiresAt: lock.expiresAt
  }))

export const freedRows = (lock: LockRecord): SlotRow[] =>
  lock.slots.map(slot => ({
    calendar: lock.calendar,
    slot,
    state: 'free',
    ver: lock.ver,
    owner: null,
    token: lock.id,
    expiresAt: 0
  }))
