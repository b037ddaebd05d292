import { requestIdTtlMs } from '../../domain/limits.js'
import { deliveredKeptMs } from '../../domain/webhook-store.js'
import { inTime, type StoreContext, stampValues } from './context.js'
import type { Row, Statement } from './dialect.js'
import { numberOf, textOf } from './rows.js'
import { namedValues, nameList } from './statement.js'

/** An hour more than a requestId is honoured, for clocks that disagree. */
const endedLockAgeMs = requestIdTtlMs + 3_600_000
/** A hover that ended so long ago is told to nobody any more. */
const selectionAgeMs = 60_000
/** A slot that began so long ago is in nobody's view. */
const slotAgeMs = 30 * 86_400_000
/** Rows per packet: a purge must not hold anybody up. */
const rowsPerPacketMax = 200

/**
 * Deletes what nobody can ask for any more.
 *
 * A purged slot's version is forgotten with it, and a client that still remembers one must never meet a lower one.
 * It cannot: versions are times in microseconds, the row was last changed at least a day ago (asked for in the WHERE),
 * and whatever is written to that slot later gets a version of its own day.
 */
export class Purge {
  readonly #context: StoreContext

  constructor(context: StoreContext) {
    this.#context = context
  }

  async purge(rowsMax: number): Promise<{ deleted: number }> {
    const locks = await this.#purgeLocks(rowsMax)
    const selections = await this.#purgeSelections(rowsMax)
    const slots = await this.#purgeSlots(rowsMax)
    const audit = await this.#purgeAudit(rowsMax)
    const revocations = await this.#purgeRevocations(rowsMax)
    const deliveries = await this.#purgeDeliveries(rowsMax)
    return { deleted: locks + selections + slots + audit + revocations + deliveries }
  }

  /** Each says itself when it is over. */
  async #purgeRevocations(rowsMax: number): Promise<number> {
    const before = this.#before(0)
    const [rows] = await this.#context.db.read([
      {
        text: 'SELECT session FROM revoked_sessions WHERE until_ms < :before ORDER BY until_ms LIMIT :most',
        values: { before, most: rowsMax }
      }
    ])
    const sessions = rows!.map(row => textOf(row, 'session')).sort()
    return this.#deleteInPackets(sessions, some => ({
      text: `DELETE FROM revoked_sessions WHERE session IN (${nameList('i', some.length)}) AND until_ms < :before AND ${inTime}`,
      values: { ...namedValues('i', some), before }
    }))
  }

  /** Webhooks that were delivered some time ago, and those whose event the audit trail has no more. */
  async #purgeDeliveries(rowsMax: number): Promise<number> {
    const before = this.#before(deliveredKeptMs)
    const over = [
      "d.state = 'delivered' AND d.due_ms < :before",
      'd.seq < (SELECT MIN(id) FROM audit) AND d.since_ms < :before'
    ]
    const found = await this.#context.db.read(
      over.map(where => ({
        text: `SELECT d.endpoint, d.seq FROM webhook_endpoints e
          INNER JOIN webhook_deliveries d ON d.endpoint = e.endpoint AND ${where} LIMIT :most`,
        values: { before, most: rowsMax }
      }))
    )
    return this.#deleteInPackets(found.flat().slice(0, rowsMax), some => ({
      // one that was sent for again meanwhile waits since then
      text: `DELETE FROM webhook_deliveries WHERE (${pairs('endpoint', 'seq', some.length)}) AND since_ms < :before AND ${inTime}`,
      values: {
        ...namedValues(
          'p',
          some.map(row => textOf(row, 'endpoint'))
        ),
        ...namedValues(
          'q',
          some.map(row => numberOf(row, 'seq'))
        ),
        before
      }
    }))
  }

  /**
   * From the oldest on: ids grow with time, so no index is needed that every change would pay for. The newest entry stays,
   * so that no id is ever given again.
   */
  async #purgeAudit(rowsMax: number): Promise<number> {
    const before = this.#before(this.#context.settings.auditRetentionMs)
    const [rows] = await this.#context.db.read([
      {
        text: 'SELECT id, at_ms FROM audit WHERE id < (SELECT MAX(id) FROM audit) ORDER BY id LIMIT :most',
        values: { most: rowsMax }
      }
    ])
    const ids = rows!.filter(row => numberOf(row, 'at_ms') < before).map(row => numberOf(row, 'id'))
    return this.#deleteInPackets(ids, some => ({
      text: `DELETE FROM audit WHERE id IN (${nameList('i', some.length)}) AND at_ms < :before AND ${inTime}`,
      values: { ...namedValues('i', some), before }
    }))
  }

  async #purgeLocks(rowsMax: number): Promise<number> {
    // One state at a time, so that each reads its own stretch of the index. By the planned end, which never lies before
    // the request: a request younger than that is not lost. Booked locks belong to their booking. What may not go yet is
    // not looked for either: `rowsMax` of those in front would keep the purge from all that may.
    const values = { before: this.#before(endedLockAgeMs), most: rowsMax }
    const found = await this.#context.db.read(
      ['expired', 'released', 'revoked'].map(state => ({
        text: `SELECT id FROM locks WHERE state = '${state}' AND expires_ms < :before AND updated_ms < :before
          ORDER BY expires_ms LIMIT :most`,
        values
      }))
    )
    const ids = found
      .flat()
      .slice(0, rowsMax)
      .map(row => textOf(row, 'id'))
      .sort()
    return this.#deleteInPackets(ids, some => ({
      text: `DELETE FROM locks WHERE id IN (${nameList('i', some.length)}) AND state IN ('expired', 'released', 'revoked')
        AND updated_ms < :before AND ${inTime}`,
      values: { ...namedValues('i', some), before: this.#before(endedLockAgeMs) }
    }))
  }

  async #purgeSelections(rowsMax: number): Promise<number> {
    const before = this.#before(selectionAgeMs)
    const [rows] = await this.#context.db.read([
      {
        text: 'SELECT calendar, viewer FROM selections WHERE expires_ms < :before ORDER BY expires_ms LIMIT :most',
        values: { before, most: rowsMax }
      }
    ])
    return this.#deleteInPackets(rows!, some => ({
      text: `DELETE FROM selections WHERE (${pairs('calendar', 'viewer', some.length)}) AND expires_ms < :before AND ${inTime}`,
      values: { ...pairValues(some, 'calendar', 'viewer'), before }
    }))
  }

  async #purgeSlots(rowsMax: number): Promise<number> {
    const values = { before: this.#before(slotAgeMs), changedBefore: this.#before(endedLockAgeMs) }
    // Free ones only, from their own stretch of the index: the years of booked slots before them stay for good.
    const [rows] = await this.#context.db.read([
      {
        text: `SELECT calendar, slot FROM slots WHERE state = 'free' AND start_ms < :before AND updated_ms < :changedBefore
          ORDER BY start_ms LIMIT :most`,
        values: { ...values, most: rowsMax }
      }
    ])
    return this.#deleteInPackets(rows!, some => ({
      text: `DELETE FROM slots WHERE (${pairs('calendar', 'slot', some.length)}) AND state = 'free'
        AND updated_ms < :changedBefore AND start_ms < :before AND ${inTime}`,
      values: { ...pairValues(some, 'calendar', 'slot'), ...values }
    }))
  }

  #before(ageMs: number): number {
    return Math.floor(this.#context.db.nowMs()) - ageMs
  }

  async #deleteInPackets<T>(
    all: readonly T[],
    statementFor: (some: readonly T[]) => Statement
  ): Promise<number> {
    let deleted = 0
    for (let from = 0; from < all.length; from += rowsPerPacketMax) {
      const { text, values } = statementFor(all.slice(from, from + rowsPerPacketMax))
      const [result] = await this.#context.change([
        { text, values: { ...values, ...stampValues(this.#context.stamp()) } }
      ])
      deleted += result!.changed
    }
    return deleted
  }
}

/** Spelled out, because MariaDB does not use the key for `(a, b) IN (…)` in a DELETE. */
const pairs = (first: string, second: string, count: number): string =>
  Array.from({ length: count }, (_, index) => `(${first} = :p${index} AND ${second} = :q${index})`).join(
    ' OR '
  )

const pairValues = (rows: readonly Row[], first: string, second: string): Record<string, string> =>
  ({
    ...namedValues(
      'p',
      rows.map(row => textOf(row, first))
    ),
    ...namedValues(
      'q',
      rows.map(row => textOf(row, second))
    )
  }) as Record<string, string>
