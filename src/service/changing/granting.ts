import type { LockId, SessionId } from '../../domain/ids.js'
import type { GrantOutcome, GrantRequest, LockStore } from '../../domain/lock-store.js'
import type { SlotRow } from '../../domain/slot.js'
import type { FastPath } from '../lane/fast-path.js'
import { type Announcer, announceChange } from '../live/announcer.js'
import { CoalescedReads } from '../tools/coalesced-reads.js'
import { standsInTheWay } from './beliefs.js'
import type { Gate } from './gate.js'

/** After so many conflicts with rows that had gone a moment later, the request is BUSY. */
const conflictRetriesMax = 2

/** Whether a lock id is known is asked for so many at once, so that a crowd of losers leaves the pool to others. */
const lockReadsAtOnceMax = 8
const lockReadsWaitingMax = 8_192

export interface GrantingParts {
  store: LockStore
  gate: Pick<Gate, 'enter' | 'rowsInTheWay' | 'learn'>
  fastPath: FastPath
  announcer: Announcer
  /** Redis came back without this calendar. */
  requestResync: (calendar: GrantRequest['calendar']) => void
}

interface KnownLock {
  live: boolean
  owner: SessionId
}

/** What the store can answer, and what the way to it can. */
export type TakeOutcome =
  | Exclude<GrantOutcome, { status: 'CONFLICT' }>
  /** At least one row. */
  | { status: 'CONFLICT'; rows: SlotRow[] }
  /** Granted so long ago that the lock's own row is gone; only its slots remember its id. */
  | { status: 'FORGOTTEN' }
  | { status: 'BUSY' }

/**
 * The way of a grant: gate, Redis, database. Only the database grants. The two in front of it can say that a request
 * would lose, and then a read of the rows has to agree; they can be silent, and then the database is asked.
 *
 *   gate       ADMITTED, or REFUSED by the rows, or BUSY
 *   Redis      RESERVED: go on · TAKEN: a read of the rows decides · STALE: have it filled, go on · LATE, no answer: go on
 *   database   GRANTED: announce, and do not wait for Redis · anything else: take the marks back, in the background
 *
 * A refusal by the rows is not yet the answer, for two kinds of request have a better one: what was granted before is
 * answered with its lock however taken its slots are now, and who names a lock in `replaces` that is over is told that.
 * The database knows both, so it is asked.
 */
export class Granting {
  readonly #parts: GrantingParts
  readonly #locks: CoalescedReads<LockId, KnownLock>

  constructor(parts: GrantingParts) {
    this.#parts = parts
    const { store } = parts
    this.#locks = new CoalescedReads(
      async locks => {
        const records = await Promise.all(locks.map(lock => store.readLock(lock)))
        return records.flatMap(lock =>
          lock === undefined ? [] : [[lock.id, { live: lock.state === 'held', owner: lock.owner }] as const]
        )
      },
      { keysPerReadMax: lockReadsAtOnceMax, keysWaitingMax: lockReadsWaitingMax }
    )
  }

  /** Was this id ever granted? Then the database has an answer to the request that no rule of today has. */
  async knows(lock: LockId): Promise<boolean> {
    return (await this.#locks.read([lock])).has(lock)
  }

  /** `resent`: the id follows from the request, so it may have been granted before. */
  async take(request: GrantRequest, resent: boolean): Promise<TakeOutcome> {
    const admission = await this.#parts.gate.enter(request)
    switch (admission.status) {
      case 'BUSY':
        return admission
      case 'REFUSED':
        return await this.#refusedBy(admission.rows, request, resent)
      case 'ADMITTED':
        try {
          return await this.#takeByRedis(request, resent)
        } finally {
          admission.leave()
        }
      default:
        return admission satisfies never
    }
  }

  /** Without gate and Redis. */
  async ask(request: GrantRequest): Promise<TakeOutcome> {
    const { store, gate } = this.#parts
    for (let retries = 0; ; retries++) {
      const outcome = await store.grant(request)
      if (outcome.status === 'GRANTED') this.#announce(outcome)
      if (outcome.status !== 'CONFLICT') return outcome
      gate.learn(outcome.rows)
      if (outcome.rows.some(row => row.token === request.lock)) return { status: 'FORGOTTEN' }
      const rows = outcome.rows.filter(row => standsInTheWay(row, request, store.nowMs()))
      if (rows.length > 0) return { status: 'CONFLICT', rows }
      if (retries === conflictRetriesMax) return { status: 'BUSY' }
    }
  }

  async #takeByRedis(request: GrantRequest, resent: boolean): Promise<TakeOutcome> {
    const { fastPath, gate, requestResync } = this.#parts
    const { calendar, slots, lock, replaces } = request
    const asked = fastPath.open
    const reserved = await fastPath.attempt(lane => lane.reserve({ calendar, slots, lock, replaces }))
    if (reserved?.status === 'STALE') requestResync(calendar)
    if (reserved?.status === 'TAKEN') {
      const rows = await gate.rowsInTheWay(request)
      if (rows.length > 0) return await this.#refusedBy(rows, request, resent)
    }
    // no answer is no proof that nothing was marked: it may come to pass yet
    const marked = reserved?.status === 'RESERVED' || (asked && reserved === undefined)
    let holds = false
    try {
      const outcome = await this.ask(request)
      holds = outcome.status === 'GRANTED' || (outcome.status === 'REPLAYED' && outcome.lock.state === 'held')
      return outcome
    } finally {
      if (marked && !holds) void fastPath.attempt(lane => lane.unreserve({ calendar, slots, lock }))
    }
  }

  async #refusedBy(rows: SlotRow[], request: GrantRequest, resent: boolean): Promise<TakeOutcome> {
    const { lock, replaces, owner } = request
    const asked = [...(resent ? [lock] : []), ...(replaces === undefined ? [] : [replaces])]
    if (asked.length > 0) {
      const known = await this.#locks.read(asked)
      const replaced = replaces === undefined ? undefined : known.get(replaces)
      const replacesNothing = replaces !== undefined && !(replaced?.live === true && replaced.owner === owner)
      if ((resent && known.has(lock)) || replacesNothing) return await this.ask(request)
    }
    return { status: 'CONFLICT', rows }
  }

  #announce({ lock, rows, replaced }: Extract<GrantOutcome, { status: 'GRANTED' }>): void {
    announceChange(this.#parts, rows, lock, ...(replaced === undefined ? [] : [replaced]))
  }
}
