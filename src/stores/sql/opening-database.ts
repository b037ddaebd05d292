import type { BookingId } from '../../domain/ids.js'
import type { CustomerCipher } from './customer-cipher.js'
import type { BatchOutcome, Database, Dialect, Inspection, Row, Statement } from './dialect.js'
import { textOf } from './rows.js'

/**
 * A database whose rows of bookings come out readable, whoever selects them: where a row has an `id` and a `customer`,
 * that and `meta` are decrypted. Writing is the booking's own business.
 */
export class OpeningDatabase implements Database {
  readonly dialect: Dialect
  readonly #inner: Database
  readonly #cipher: CustomerCipher

  constructor(inner: Database, cipher: CustomerCipher) {
    this.dialect = inner.dialect
    this.#inner = inner
    this.#cipher = cipher
  }

  async transact(statements: readonly Statement[]): Promise<BatchOutcome> {
    const outcome = await this.#inner.transact(statements)
    if (outcome.status !== 'DONE') return outcome
    return {
      status: 'DONE',
      results: outcome.results.map(result => ({ ...result, rows: this.#opened(result.rows) }))
    }
  }

  async read(statements: readonly Statement[]): Promise<Row[][]> {
    return (await this.#inner.read(statements)).map(rows => this.#opened(rows))
  }

  inspect = (): Promise<Inspection> => this.#inner.inspect()
  migrate = (): Promise<void> => this.#inner.migrate()
  nowMs = (): number => this.#inner.nowMs()
  monotonicMs = (): number => this.#inner.monotonicMs()
  ping = (): Promise<{ nowMs: number; latencyMs: number }> => this.#inner.ping()
  close = (): Promise<void> => this.#inner.close()

  #opened(rows: Row[]): Row[] {
    const first = rows[0]
    return first !== undefined && 'customer' in first && 'id' in first
      ? rows.map(row => this.#openedRow(row))
      : rows
  }

  #openedRow(row: Row): Row {
    const booking = textOf(row, 'id') as BookingId
    const open = (column: 'customer' | 'meta'): unknown => {
      const stored = row[column]
      return stored instanceof Uint8Array ? this.#cipher.open(booking, column, stored) : stored
    }
    return { ...row, customer: open('customer'), ...('meta' in row ? { meta: open('meta') } : {}) }
  }
}
