import { setImmediate as nextTurn } from 'node:timers/promises'
import { DatabaseSync, type StatementSyncInstance } from '@photostructure/sqlite'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/clock.js'
import { StoreBusy, StoreContractError, StoreError, StoreUnavailable } from '../../domain/errors.js'
import type {
  BatchOutcome,
  Database,
  Dialect,
  Inspection,
  Result,
  Row,
  SqlStats,
  Statement
} from './dialect.js'
import { migrateSqlite } from './migrations.js'
import { boundValue, compile } from './statement.js'

export const sqliteDialect: Dialect = {
  kind: 'sqlite',
  // one writer at a time: BEGIN IMMEDIATE holds everything
  forUpdate: '',
  withUncommitted: '',
  byPrimaryKey: '',
  byOwner: '',
  fromNothing: '',
  upsert: keyColumns => `ON CONFLICT (${keyColumns}) DO UPDATE SET`,
  incoming: column => `excluded.${column}`,
  leaveExisting: keyColumns => `ON CONFLICT (${keyColumns}) DO NOTHING`
}

/** One commit carries so many transactions at most; more wait for the next. */
const groupMax = 128
/** More than this waiting is StoreBusy: at a quarter of a millisecond per commit it is seconds of work. */
const waitingMax = 8192
const preparedMax = 256
/** Another process that writes blocks this one's event loop, so not for long. */
const busyTimeoutMs = 250

/** Extended result codes. */
const SQLITE_CONSTRAINT_NOTNULL = 1299
const SQLITE_CONSTRAINT_PRIMARYKEY = 1555
const SQLITE_CONSTRAINT_UNIQUE = 2067
/** Primary result codes. */
const SQLITE_ERROR = 1
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6
const SQLITE_MISUSE = 21

interface Waiting {
  statements: readonly Statement[]
  resolve(outcome: BatchOutcome): void
  reject(error: unknown): void
}

/**
 * SQLite in this process. Writes that arrive in the same turn of the event loop share one commit, because the commit
 * (an fsync) costs more than everything in it; each has a savepoint of its own, so one that is refused takes nothing
 * of its neighbours with it. Everybody is answered after the commit.
 */
export class SqliteDatabase implements Database {
  readonly dialect = sqliteDialect
  readonly #connection: InstanceType<typeof DatabaseSync>
  readonly #prepared = new LRUCache<string, StatementSyncInstance>({ max: preparedMax })
  readonly #clock: Clock
  readonly #stats: SqlStats
  #waiting: Waiting[] = []
  #flushing: Promise<void> | undefined
  #closed = false

  /** `path` may be `:memory:`. Throws StoreUnavailable when the file cannot be opened. */
  constructor(path: string, clock: Clock, stats: SqlStats) {
    this.#clock = clock
    this.#stats = stats
    try {
      this.#connection = new DatabaseSync(path, { timeout: busyTimeoutMs })
      // FULL: a commit that was acknowledged is on the disk. NORMAL is ten times faster and may lose the last of
      // them when the machine loses power.
      // secure_delete: what was erased is not left behind in the file.
      this.#connection.exec(
        'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA secure_delete = ON'
      )
    } catch (error) {
      throw new StoreUnavailable(`cannot open the SQLite database ${path}`, { cause: error })
    }
  }

  /** Whole milliseconds: the columns are integers, and strict about it. */
  nowMs(): number {
    return Math.floor(this.#clock.now())
  }

  monotonicMs(): number {
    return this.#clock.monotonic()
  }

  /** All of it is set here, so there is nothing that somebody could have set wrongly. */
  async inspect(): Promise<Inspection> {
    return { server: undefined, findings: [] }
  }

  async ping(): Promise<{ nowMs: number; latencyMs: number }> {
    const from = this.#clock.monotonic()
    await this.read([{ text: 'SELECT 1', values: {} }])
    return { nowMs: this.nowMs(), latencyMs: this.#clock.monotonic() - from }
  }

  async migrate(): Promise<void> {
    this.#assertOpen()
    try {
      migrateSqlite(this.#connection, this.nowMs())
    } catch (error) {
      throw asStoreError(error)
    }
  }

  async read(statements: readonly Statement[]): Promise<Row[][]> {
    this.#assertOpen()
    this.#stats.reads += 1
    try {
      const nowMs = this.nowMs()
      return statements.map(statement => this.#run(statement, nowMs).rows)
    } catch (error) {
      throw asStoreError(error)
    }
  }

  transact(statements: readonly Statement[]): Promise<BatchOutcome> {
    return new Promise((resolve, reject) => {
      this.#assertOpen()
      if (this.#waiting.length >= waitingMax)
        throw new StoreBusy('too many transactions are waiting for a commit')
      this.#waiting.push({ statements, resolve, reject })
      this.#flushing ??= this.#flush()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#flushing
    if (this.#connection.isOpen) this.#connection.close()
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreUnavailable('the SQLite database was closed')
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      await nextTurn()
      const group = this.#waiting.splice(0, groupMax)
      try {
        const outcomes = this.#commitTogether(group)
        group.forEach((waiting, index) => {
          const outcome = outcomes[index]!
          if (outcome instanceof Error) waiting.reject(outcome)
          else waiting.resolve(outcome)
        })
      } catch (error) {
        const storeError = asStoreError(error)
        for (const waiting of group) waiting.reject(storeError)
      }
    }
    this.#flushing = undefined
  }

  #commitTogether(group: readonly Waiting[]): (BatchOutcome | Error)[] {
    this.#stats.writes += group.length
    this.#execute('BEGIN IMMEDIATE')
    try {
      const outcomes = group.map(({ statements }) => this.#inSavepoint(statements))
      this.#execute('COMMIT')
      return outcomes
    } catch (error) {
      // a full disk may have rolled back already
      if (this.#connection.isTransaction) this.#execute('ROLLBACK')
      throw error
    }
  }

  #inSavepoint(statements: readonly Statement[]): BatchOutcome | Error {
    this.#execute('SAVEPOINT one')
    try {
      const nowMs = this.nowMs()
      const results = statements.map(statement => this.#run(statement, nowMs))
      this.#execute('RELEASE one')
      return { status: 'DONE', results }
    } catch (error) {
      // Anything that is no constraint may have ended the whole transaction (a full disk does): then no neighbour's
      // work stands either.
      if (!this.#connection.isTransaction) throw error
      this.#execute('ROLLBACK TO one')
      this.#execute('RELEASE one')
      switch (extendedCodeOf(error)) {
        case SQLITE_CONSTRAINT_PRIMARYKEY:
        case SQLITE_CONSTRAINT_UNIQUE:
          return { status: 'DUPLICATE' }
        case SQLITE_CONSTRAINT_NOTNULL:
          return { status: 'REFUSED' }
        default:
          return asStoreError(error)
      }
    }
  }

  #run(statement: Statement, nowMs: number): Result {
    const { parts, names } = compile(statement.text)
    let prepared = this.#prepared.get(statement.text)
    if (prepared === undefined) {
      prepared = this.#connection.prepare(parts.join('?'))
      this.#prepared.set(statement.text, prepared)
    }
    const values = names.map(name => (name === 'now' ? nowMs : boundValue(statement.values, name)))
    if (statement.text.startsWith('SELECT')) return { rows: prepared.all(...values) as Row[], changed: 0 }
    return { rows: [], changed: prepared.run(...values).changes }
  }

  #execute(text: string): void {
    this.#run({ text, values: {} }, 0)
  }
}

function extendedCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === 'number' ? errcode : undefined
}

/** A statement that SQLite does not understand is a bug; everything else is a database that does not work. */
function asStoreError(error: unknown): Error {
  if (error instanceof StoreError) return error
  const code = extendedCodeOf(error)
  // no code: it did not come from SQLite
  if (code === undefined) return error instanceof Error ? error : new Error(String(error))
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return new StoreBusy('another process is writing to the SQLite database', { cause: error })
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
      return new StoreContractError('SQLite refused a statement', { cause: error })
    default:
      return new StoreUnavailable('the SQLite database does not work', { cause: error })
  }
}
