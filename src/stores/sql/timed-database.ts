import type { BatchOutcome, Database, Dialect, Inspection, Row, Statement } from './dialect.js'

/** Told of every call that was answered or failed, with how long that took. */
export type CallObserver = (call: 'transaction' | 'read', tookMs: number) => void

/** A database that is watched while it works. */
export class TimedDatabase implements Database {
  readonly dialect: Dialect
  readonly #inner: Database
  readonly #observe: CallObserver

  constructor(inner: Database, observe: CallObserver) {
    this.dialect = inner.dialect
    this.#inner = inner
    this.#observe = observe
  }

  transact(statements: readonly Statement[]): Promise<BatchOutcome> {
    return this.#timed('transaction', () => this.#inner.transact(statements))
  }

  read(statements: readonly Statement[]): Promise<Row[][]> {
    return this.#timed('read', () => this.#inner.read(statements))
  }

  inspect = (): Promise<Inspection> => this.#inner.inspect()
  migrate = (): Promise<void> => this.#inner.migrate()
  nowMs = (): number => this.#inner.nowMs()
  monotonicMs = (): number => this.#inner.monotonicMs()
  ping = (): Promise<{ nowMs: number; latencyMs: number }> => this.#inner.ping()
  close = (): Promise<void> => this.#inner.close()

  async #timed<T>(call: 'transaction' | 'read', work: () => Promise<T>): Promise<T> {
    const from = this.#inner.monotonicMs()
    try {
      return await work()
    } finally {
      this.#observe(call, this.#inner.monotonicMs() - from)
    }
  }
}
