import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { VersionClock } from '../../domain/clock.js'
import { StoreBusy } from '../../domain/errors.js'
import type { CalendarId, LockId, SessionId, SlotId } from '../../domain/ids.js'
import { addressRetentionDays, auditRetentionDays } from '../../domain/limits.js'
import { CustomerCipher } from './customer-cipher.js'
import type { Database, Row, SqlStats, Statement, Values } from './dialect.js'
import { OpeningDatabase } from './opening-database.js'
import { lockColumns, numberOf, splitSlots, textOf } from './rows.js'

export interface StoreSettings {
  /** A change that reaches the database's clock later than this after it was made does nothing. */
  deadlineMs: number
  /** How far this side's estimate of the database's clock may be ahead of it before a change is refused. */
  clockErrorMaxMs: number
  /** How long the audit trail is kept. */
  auditRetentionMs: number
  /** 32 bytes each; the first encrypts customer data, all decrypt. Empty: it is kept as it comes. */
  customerKeys: readonly Buffer[]
  /** Customer data goes so long after the appointment; 0: it stays until somebody erases it. */
  customerRetentionMs: number
  /** Network addresses and browsers' names of those who booked, and of staff in the audit trail, go after so long. */
  addressRetentionMs: number
}

export const defaultStoreSettings: StoreSettings = {
  deadlineMs: 1000,
  clockErrorMaxMs: 250,
  auditRetentionMs: auditRetentionDays * 86_400_000,
  customerKeys: [],
  customerRetentionMs: 0,
  addressRetentionMs: addressRetentionDays * 86_400_000
}

/** A change is computed anew so often at most: another version, another reading of the clock. */
export const attemptsMax = 3

/** What never changes about a lock, and what every statement about it needs. */
export interface LockFacts {
  calendar: CalendarId
  owner: SessionId
  slots: SlotId[]
}

/** The facts of so many locks are remembered; of the others they are read, one round trip. */
const factsMax = 20_000

/** What one attempt at a change is made of: fixed before anything is sent, so that one round trip is enough. */
export interface Stamp {
  /** On the monotonic clock. */
  madeAt: number
  nowMs: number
  ver: number
  /**
   * Names the packet. Later statements of a packet, and whoever reads its answer, know by it that the earlier ones were
   * carried out. The version would not do: two instances may hand out the same one, and then a lock that one of them
   * granted in this very microsecond would look to the other as if its own, refused, booking had been made.
   */
  changeId: string
  deadlineMs: number
  earliestMs: number
}

/** In the WHERE of every change: executed in time, and with a clock estimate that was not ahead of the clock. */
export const inTime = ':now <= :deadline AND :now >= :earliest'

export const stampValues = (stamp: Stamp): Values => ({
  ver: stamp.ver,
  change: stamp.changeId,
  deadline: stamp.deadlineMs,
  earliest: stamp.earliestMs
})

/** One attempt found that it must be made again with what it learned. */
export const again = Symbol('again')

/** What the operations share. */
export class StoreContext {
  /** Customer data comes out of it readable. */
  readonly db: Database
  /** The same, with every row as it is stored. */
  readonly stored: Database
  readonly cipher: CustomerCipher
  readonly stats: SqlStats
  readonly settings: StoreSettings
  readonly versions: VersionClock
  readonly #instance = randomBytes(12).toString('base64url')
  #changes = 0
  readonly #facts = new LRUCache<LockId, LockFacts>({ max: factsMax })

  constructor(db: Database, stats: SqlStats, settings: StoreSettings) {
    this.cipher = new CustomerCipher(settings.customerKeys)
    this.stored = db
    this.db = new OpeningDatabase(db, this.cipher)
    this.stats = stats
    this.settings = settings
    this.versions = new VersionClock(() => db.nowMs())
  }

  stamp(): Stamp {
    const nowMs = Math.floor(this.db.nowMs())
    return {
      madeAt: this.db.monotonicMs(),
      nowMs,
      ver: this.versions.next(),
      changeId: `${this.#instance}${(this.#changes++).toString(36)}`,
      deadlineMs: nowMs + this.settings.deadlineMs,
      earliestMs: nowMs - this.settings.clockErrorMaxMs
    }
  }

  /** Makes attempts until one is an answer. */
  async attempts<T>(
    what: string,
    attempt: (stamp: Stamp, last: boolean) => Promise<T | typeof again>
  ): Promise<T> {
    for (let count = 1; count <= attemptsMax; count += 1) {
      const answer = await attempt(this.stamp(), count === attemptsMax)
      if (answer !== again) return answer
    }
    throw new StoreBusy(`${what} met a newer version ${attemptsMax} times`)
  }

  /** A transaction none of whose statements can be refused. */
  async change(statements: readonly Statement[]): Promise<{ rows: Row[]; changed: number }[]> {
    const outcome = await this.db.transact(statements)
    if (outcome.status === 'DONE') return outcome.results
    throw new StoreBusy(`the database refused a change as ${outcome.status}`)
  }

  /**
   * The same for statements that are bound to their time. Out of it they change nothing and say nothing of that, so it is
   * asked for: throws StoreBusy then, unless another attempt is in time. `what` begins its message.
   */
  async changeInTime(
    what: string,
    statements: (values: Values) => Statement[]
  ): Promise<{ rows: Row[]; changed: number }[]> {
    return this.attempts(what, async (stamp, last) => {
      const values = stampValues(stamp)
      const isInTime = { text: `SELECT CASE WHEN ${inTime} THEN 1 ELSE 0 END AS in_time`, values }
      // on both sides: the first may come too early, the last too late
      const results = await this.change([isInTime, ...statements(values), isInTime])
      const [before, after] = [results.shift()!, results.at(-1)!]
      if ([before, after].every(({ rows }) => numberOf(rows[0]!, 'in_time') === 1)) return results
      if (await this.late(stamp, last)) throw new StoreBusy(`${what} reached the database too late`)
      return again
    })
  }

  /**
   * The change was outside its time. Either it really was late, or the clock was estimated wrongly: then, now that it
   * was read again, it is worth another attempt.
   */
  async late(stamp: Stamp, last: boolean): Promise<boolean> {
    await this.db.ping()
    const elapsedMs = this.db.monotonicMs() - stamp.madeAt
    const wrongByMs = Math.abs(this.db.nowMs() - stamp.nowMs - elapsedMs)
    if (!last && wrongByMs > this.settings.clockErrorMaxMs / 2) return false
    this.stats.late += 1
    return true
  }

  isInTime(stamp: Stamp, nowMs: number): boolean {
    return nowMs <= stamp.deadlineMs && nowMs >= stamp.earliestMs
  }

  remember(lock: LockId, facts: LockFacts): void {
    this.#facts.set(lock, { calendar: facts.calendar, owner: facts.owner, slots: facts.slots })
  }

  async factsOf(lock: LockId): Promise<LockFacts | undefined> {
    const known = this.#facts.get(lock)
    if (known !== undefined) return known
    const [rows] = await this.db.read([
      { text: 'SELECT calendar, owner, slots FROM locks WHERE id = :lock', values: { lock } }
    ])
    const row = rows![0]
    if (row === undefined) return undefined
    const facts = {
      calendar: textOf(row, 'calendar') as CalendarId,
      owner: textOf(row, 'owner') as SessionId,
      slots: splitSlots(textOf(row, 'slots'))
    }
    this.#facts.set(lock, facts)
    return facts
  }
}

/** The database's clock, as a result of its own. */
export const selectNow: Statement = { text: 'SELECT :now AS now_ms', values: {} }

export const nowOf = (rows: readonly Row[] | undefined): number => numberOf(rows![0]!, 'now_ms')

/** The lock's row with the clock beside it; at the end of a change it tells in the same round trip what became of it. */
export const selectLock = (lock: LockId): Statement => ({
  text: `SELECT ${lockColumns}, :now AS now_ms FROM locks WHERE id = :lock`,
  values: { lock }
})
