import type { AuditType } from '../../domain/audit.js'
import {
  type Attempted,
  type DeadLetter,
  type Delivery,
  type EndpointKey,
  type EndpointStanding,
  type Outbox,
  standingCountMax,
  type WebhookStore
} from '../../domain/webhook-store.js'
import { auditColumns, toAuditEntry } from './audit.js'
import { nowOf, type StoreContext, selectNow } from './context.js'
import type { Row, Statement } from './dialect.js'
import { bytesOf, numberOf, textOf } from './rows.js'
import { scratchPrefix } from './scratch.js'
import { namedValues, nameList } from './statement.js'

/** Rows of one statement of the commands that go through many. */
const rowsPerPacketMax = 500
/** Instances that step their clocks, and changes that commit late, are written under an earlier time than their id says. */
const timeAgainstIdMs = 600_000

const deliveryColumns = 'endpoint, seq, state, attempts, due_ms, since_ms, answer'
const withEvent = `${prefixed('a', auditColumns)}, d.endpoint, d.attempts, d.due_ms, d.since_ms, d.answer
  FROM webhook_deliveries d INNER JOIN audit a ON a.id = d.seq`

/** WebhookStore over either dialect. */
export class SqlWebhookStore implements WebhookStore {
  readonly #context: StoreContext

  constructor(context: StoreContext) {
    this.#context = context
  }

  async register(endpoints: readonly EndpointKey[]): Promise<void> {
    const [outbox, known] = await this.#context.db.read([
      { text: 'SELECT id FROM webhook_outbox', values: {} },
      { text: 'SELECT endpoint FROM webhook_endpoints', values: {} }
    ])
    // Instances that start together meet here; the row of one is as good as the other's.
    const { dialect } = this.#context.db
    const leaveOther = (column: string): string =>
      `${dialect.upsert(column)} ${column} = ${dialect.incoming(column)}`
    const missing: Statement[] = endpoints
      .filter(endpoint => !known!.some(row => textOf(row, 'endpoint') === endpoint))
      .map(endpoint => ({
        text: `INSERT INTO webhook_endpoints (endpoint, gone, settled)
          VALUES (:endpoint, 0, (SELECT COALESCE(MAX(id), 0) FROM audit)) ${leaveOther('endpoint')}`,
        values: { endpoint }
      }))
    if (outbox!.length === 0) {
      missing.push({
        text: `INSERT INTO webhook_outbox (id, holder, until_ms) VALUES (1, '', 0) ${leaveOther('id')}`,
        values: {}
      })
    }
    // one packet each, so that none waits for two rows
    for (const statement of missing) await this.#change(statement)
  }

  async takeLease(holder: string, ttlMs: number): Promise<boolean> {
    const changed = await this.#change({
      text: `UPDATE webhook_outbox SET holder = :holder, until_ms = :now + :ttl
        WHERE id = 1 AND (holder = :holder OR until_ms <= :now)`,
      values: { holder, ttl: ttlMs }
    })
    return changed > 0
  }

  async giveBackLease(holder: string): Promise<void> {
    await this.#change({
      text: "UPDATE webhook_outbox SET holder = '', until_ms = 0 WHERE id = 1 AND holder = :holder",
      values: { holder }
    })
  }

  async readOutbox(endpoints: readonly EndpointKey[]): Promise<Outbox> {
    const [outbox, newest, gone] = await this.#context.db.read([
      {
        text: `SELECT MIN(settled) AS settled FROM webhook_endpoints WHERE endpoint IN (${nameList('e', endpoints.length)})`,
        values: namedValues('e', endpoints)
      },
      { text: 'SELECT COALESCE(MAX(id), 0) AS newest FROM audit', values: {} },
      { text: 'SELECT endpoint FROM webhook_endpoints WHERE gone = 1', values: {} }
    ])
    return {
      settled: numberOf(outbox![0]!, 'settled'),
      newest: numberOf(newest![0]!, 'newest'),
      gone: new Set(gone!.map(row => textOf(row, 'endpoint') as EndpointKey))
    }
  }

  /**
   * Ids may commit out of their order, so a reader who goes on from the greatest id it saw would step over those still
   * under way. The share lock waits for each that has been written; the rows of ids that nobody has written yet are the
   * reason for reading a second time before `settle` (MySQL hands out an id shortly before it writes the row).
   */
  async collect(of: Parameters<WebhookStore['collect']>[0]): Promise<number> {
    const { endpoints, types, after, to, ageMaxMs } = of
    return this.#change({
      text: `INSERT INTO webhook_deliveries (${deliveryColumns})
        SELECT e.endpoint, a.id, 'waiting', 0, :now, :now, NULL
        FROM audit a INNER JOIN webhook_endpoints e ON e.endpoint IN (${nameList('e', endpoints.length)})
        WHERE a.id > :after AND a.id <= :to AND a.id > e.settled AND a.at_ms > :now - :age AND a.type IN (${nameList('t', types.length)})
          AND a.calendar NOT LIKE '${scratchPrefix}%'
          AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint = e.endpoint AND d.seq = a.id)
        ${this.#context.db.dialect.withUncommitted}`,
      values: { ...namedValues('e', endpoints), ...namedValues('t', types), after, to, age: ageMaxMs }
    })
  }

  async settle(to: number, endpoints: readonly EndpointKey[]): Promise<void> {
    await this.#change({
      text: `UPDATE webhook_endpoints SET settled = :to
        WHERE endpoint IN (${nameList('e', endpoints.length)}) AND settled < :to`,
      values: { ...namedValues('e', endpoints), to }
    })
  }

  async readDue(endpoint: EndpointKey, deliveriesMax: number): Promise<{ due: Delivery[]; nowMs: number }> {
    const [now, rows] = await this.#context.db.read([
      selectNow,
      {
        text: `SELECT ${withEvent} WHERE d.endpoint = :endpoint AND d.state = 'waiting' AND d.due_ms <= :now
          ORDER BY d.due_ms, d.seq LIMIT :most`,
        values: { endpoint, most: deliveriesMax }
      }
    ])
    const due = rows!.map(row => ({
      endpoint,
      event: toAuditEntry(row),
      changeId: textOf(row, 'change_id'),
      attempts: numberOf(row, 'attempts'),
      sinceMs: numberOf(row, 'since_ms')
    }))
    return { due, nowMs: nowOf(now) }
  }

  async record(attempts: readonly Attempted[]): Promise<void> {
    if (attempts.length === 0) return
    await this.#context.change(
      attempts.map(({ endpoint, seq, attempts, answer, became }) => ({
        text: `UPDATE webhook_deliveries SET state = :state, attempts = :attempts + 1, due_ms = :now + :dueIn, answer = :answer
          WHERE endpoint = :endpoint AND seq = :seq AND state = 'waiting' AND attempts = :attempts`,
        values: {
          endpoint,
          seq,
          attempts,
          state: became.state,
          dueIn: became.state === 'waiting' ? Math.ceil(became.dueInMs) : 0,
          answer: bytesOf(answer)
        }
      }))
    )
  }

  async hurry(endpoint: EndpointKey, deliveriesMax: number): Promise<number> {
    const seqs = await this.#seqsOf(endpoint, "state = 'waiting' AND due_ms > :now", deliveriesMax)
    return this.#update(endpoint, seqs, "due_ms = :now WHERE state = 'waiting'")
  }

  async giveUp(
    endpoint: EndpointKey,
    { dueForMs, answer, deliveriesMax }: Parameters<WebhookStore['giveUp']>[1]
  ): Promise<number> {
    const waiting = dueForMs === 0 ? "state = 'waiting'" : "state = 'waiting' AND due_ms < :now - :dueFor"
    const values = { dueFor: dueForMs }
    const seqs = await this.#seqsOf(endpoint, waiting, deliveriesMax, values)
    return this.#update(
      endpoint,
      seqs,
      `state = 'dead', due_ms = :now, answer = COALESCE(answer, :answer) WHERE state = 'waiting'`,
      { answer: bytesOf(answer) }
    )
  }

  async setGone(endpoint: EndpointKey, gone: boolean): Promise<void> {
    await this.#change({
      text: 'UPDATE webhook_endpoints SET gone = :gone WHERE endpoint = :endpoint',
      values: { endpoint, gone: gone ? 1 : 0 }
    })
  }

  async readStandings(of?: readonly EndpointKey[]): Promise<EndpointStanding[]> {
    const [rows] = await this.#context.db.read([
      { text: 'SELECT endpoint, gone FROM webhook_endpoints ORDER BY endpoint', values: {} }
    ])
    const standings: EndpointStanding[] = []
    for (const row of rows!) {
      if (of !== undefined && !of.some(endpoint => endpoint === textOf(row, 'endpoint'))) continue
      const endpoint = textOf(row, 'endpoint') as EndpointKey
      // counted up to a bound: a long outage leaves more than anybody wants to count every few seconds
      const counted = (state: string): Statement => ({
        text: `SELECT COUNT(*) AS n, COALESCE(MIN(since_ms), :now) AS oldest_ms, :now AS now_ms FROM (
          SELECT since_ms FROM webhook_deliveries WHERE endpoint = :endpoint AND state = '${state}'
          ORDER BY due_ms LIMIT ${standingCountMax}) AS some`,
        values: { endpoint }
      })
      const [waiting, dead] = await this.#context.db.read([counted('waiting'), counted('dead')])
      const [some] = waiting as [Row]
      standings.push({
        endpoint,
        gone: numberOf(row, 'gone') === 1,
        waiting: numberOf(some, 'n'),
        dead: numberOf(dead![0]!, 'n'),
        oldestWaitingMs: Math.max(0, numberOf(some, 'now_ms') - numberOf(some, 'oldest_ms'))
      })
    }
    return standings
  }

  async readDead(endpoint: EndpointKey, deadMax: number): Promise<DeadLetter[]> {
    const [rows] = await this.#context.db.read([
      {
        text: `SELECT ${withEvent} WHERE d.endpoint = :endpoint AND d.state = 'dead' ORDER BY d.due_ms DESC, d.seq DESC LIMIT :most`,
        values: { endpoint, most: deadMax }
      }
    ])
    return rows!.map(row => ({
      event: toAuditEntry(row),
      changeId: textOf(row, 'change_id'),
      attempts: numberOf(row, 'attempts'),
      answer: row.answer === null ? '' : textOf(row, 'answer'),
      diedAtMs: numberOf(row, 'due_ms')
    }))
  }

  async replayDead(endpoint: EndpointKey): Promise<number> {
    return this.#allOf(endpoint, "state = 'dead'", seqs =>
      this.#update(
        endpoint,
        seqs,
        "state = 'waiting', attempts = 0, due_ms = :now, since_ms = :now, answer = NULL WHERE state = 'dead'"
      )
    )
  }

  async discardDead(endpoint: EndpointKey): Promise<number> {
    return this.#allOf(endpoint, "state = 'dead'", seqs =>
      this.#change({
        text: `DELETE FROM webhook_deliveries WHERE endpoint = :endpoint AND seq IN (${nameList('s', seqs.length)})
          AND state = 'dead'`,
        values: { endpoint, ...namedValues('s', seqs) }
      })
    )
  }

  async replay(
    endpoint: EndpointKey,
    of: { seq: number } | { sinceMs: number; types: readonly AuditType[] }
  ): Promise<number> {
    if ('seq' in of) {
      const [rows] = await this.#context.db.read([
        { text: 'SELECT id FROM audit WHERE id = :seq', values: { seq: of.seq } }
      ])
      return rows!.length === 0 ? 0 : this.#sendAgain(endpoint, [of.seq])
    }
    // Backwards from the newest, because ids are an index and times are none.
    let count = 0
    for (let before = Number.MAX_SAFE_INTEGER; ; ) {
      const [rows] = await this.#context.db.read([
        {
          text: 'SELECT id, at_ms, type, calendar FROM audit WHERE id < :before ORDER BY id DESC LIMIT :most',
          values: { before, most: rowsPerPacketMax }
        }
      ])
      const wanted = rows!.filter(
        row =>
          numberOf(row, 'at_ms') >= of.sinceMs &&
          of.types.includes(textOf(row, 'type') as AuditType) &&
          !textOf(row, 'calendar').startsWith(scratchPrefix)
      )
      if (wanted.length > 0)
        count += await this.#sendAgain(
          endpoint,
          wanted.map(row => numberOf(row, 'id'))
        )
      const newest = Math.max(...rows!.map(row => numberOf(row, 'at_ms')))
      if (rows!.length < rowsPerPacketMax || newest < of.sinceMs - timeAgainstIdMs) return count
      before = numberOf(rows!.at(-1)!, 'id')
    }
  }

  /** Whether or not there was a delivery of it before. */
  async #sendAgain(endpoint: EndpointKey, seqs: readonly number[]): Promise<number> {
    const { dialect } = this.#context.db
    const set = ['state', 'attempts', 'due_ms', 'since_ms', 'answer']
      .map(column => `${column} = ${dialect.incoming(column)}`)
      .join(', ')
    await this.#change({
      text: `INSERT INTO webhook_deliveries (${deliveryColumns}) VALUES
        ${seqs.map((_, index) => `(:endpoint, :s${index}, 'waiting', 0, :now, :now, NULL)`).join(', ')}
        ${dialect.upsert('endpoint, seq')} ${set}`,
      values: { endpoint, ...namedValues('s', seqs) }
    })
    return seqs.length
  }

  async #allOf(
    endpoint: EndpointKey,
    where: string,
    act: (seqs: readonly number[]) => Promise<number>
  ): Promise<number> {
    for (let count = 0; ; ) {
      const seqs = await this.#seqsOf(endpoint, where, rowsPerPacketMax)
      if (seqs.length === 0) return count
      count += await act(seqs)
    }
  }

  async #seqsOf(
    endpoint: EndpointKey,
    where: string,
    most: number,
    more: Record<string, number> = {}
  ): Promise<number[]> {
    const [rows] = await this.#context.db.read([
      {
        text: `SELECT seq FROM webhook_deliveries WHERE endpoint = :endpoint AND ${where} ORDER BY due_ms LIMIT :most`,
        values: { endpoint, most, ...more }
      }
    ])
    return rows!.map(row => numberOf(row, 'seq'))
  }

  /** `set` ends in the WHERE that holds for each of them still. */
  async #update(
    endpoint: EndpointKey,
    seqs: readonly number[],
    set: string,
    more: Record<string, Buffer | null> = {}
  ): Promise<number> {
    if (seqs.length === 0) return 0
    return this.#change({
      text: `UPDATE webhook_deliveries SET ${set} AND endpoint = :endpoint AND seq IN (${nameList('s', seqs.length)})`,
      values: { endpoint, ...namedValues('s', seqs), ...more }
    })
  }

  async #change(statement: Statement): Promise<number> {
    const [result] = await this.#context.change([statement])
    return result!.changed
  }
}

function prefixed(table: string, columns: string): string {
  return columns
    .split(', ')
    .map(column => `${table}.${column}`)
    .join(', ')
}
