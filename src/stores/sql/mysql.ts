import { setTimeout as delay } from 'node:timers/promises'
import mysql from 'mysql2'
import type { Clock, Random } from '../../domain/clock.js'
import { StoreBusy } from '../../domain/errors.js'
import { DbClock } from './db-clock.js'
import type {
  BatchOutcome,
  Database,
  Dialect,
  Inspection,
  Result,
  Row,
  SqlStats,
  Statement,
  ValuesTable
} from './dialect.js'
import { judgeMysql, readMysqlFacts, serverName } from './inspect-mysql.js'
import { readSchemaVersion, schemaTable, stepsAfter } from './migrations.js'
import { MysqlConnection, type MysqlTimeouts, type MysqlTls, mysqlNow } from './mysql-connection.js'
import { connectError, failureOf, keepsConnection, storeErrorOf } from './mysql-errors.js'
import { MysqlPool } from './mysql-pool.js'
import { boundValue, compile } from './statement.js'

/**
 * MySQL 8 and MariaDB 10.6 or later. Tested on MariaDB 10.11. The statements use only what MySQL 8 documents as well, but
 * no MySQL was at hand: VALUES() in ON DUPLICATE KEY UPDATE is deprecated there and still works, and that a NULL in it
 * fails the whole statement is documented for strict mode, which every session here is in.
 */
export const mysqlDialect: Dialect = {
  kind: 'mysql',
  forUpdate: ' FOR UPDATE',
  withUncommitted: ' LOCK IN SHARE MODE',
  byPrimaryKey: ' FORCE INDEX (PRIMARY)',
  byOwner: ' FORCE INDEX (locks_by_owner)',
  fromNothing: 'FROM DUAL',
  upsert: () => 'ON DUPLICATE KEY UPDATE',
  incoming: column => `VALUES(${column})`,
  leaveExisting: () => 'ON DUPLICATE KEY UPDATE ver = slots.ver'
}

export interface MysqlOptions extends MysqlTimeouts {
  connectionsMax: number
  waitersMax: number
  clock: Clock
  random: Random
  stats: SqlStats
  /** Absent: not encrypted. */
  tls?: MysqlTls | undefined
}

/** A deadlock's loser was rolled back whole, so the same packet may go again. */
const deadlockRetriesMax = 3
const deadlockPauseMaxMs = 10
/** The clock is read again after so long, when somebody asks for the time. */
const clockAgeMaxMs = 5000
/** Somebody else is migrating: one wait, and how often. */
const migrationLockWaitS = 1
const migrationLockTries = 60
/** For one DDL statement on a table that may be large. */
const migrationTimeoutMs = 600_000

export class MysqlDatabase implements Database {
  readonly dialect = mysqlDialect
  readonly #url: string
  readonly #options: MysqlOptions
  readonly #pool: MysqlPool
  readonly #dbClock: DbClock
  #readingClock = false

  constructor(url: string, options: MysqlOptions) {
    this.#url = url
    this.#options = options
    this.#dbClock = new DbClock(options.clock)
    this.#pool = new MysqlPool({
      connectionsMax: options.connectionsMax,
      waitersMax: options.waitersMax,
      clock: options.clock,
      open: onDeath => this.#open(options, onDeath),
      onTimeout: () => {
        options.stats.poolTimeouts += 1
      }
    })
  }

  nowMs(): number {
    if (this.#dbClock.ageMs() > clockAgeMaxMs && !this.#readingClock) {
      this.#readingClock = true
      // for the next who asks; whether the database is there is found out by those who need it
      this.ping()
        .catch(() => undefined)
        .finally(() => {
          this.#readingClock = false
        })
    }
    return this.#dbClock.nowMs()
  }

  monotonicMs(): number {
    return this.#options.clock.monotonic()
  }

  async ping(): Promise<{ nowMs: number; latencyMs: number }> {
    const { clock, connectTimeoutMs } = this.#options
    const from = clock.monotonic()
    return this.#withConnection(connectTimeoutMs, async connection => {
      const sentAt = clock.monotonic()
      const [row] = (await this.#send(connection, `SELECT ${mysqlNow} AS now_ms`, false)) as [Row]
      const receivedAt = clock.monotonic()
      const nowMs = Number(row.now_ms)
      this.#dbClock.observe(sentAt, receivedAt, nowMs)
      return { nowMs, latencyMs: receivedAt - from }
    })
  }

  async inspect(): Promise<Inspection> {
    const facts = await this.#withConnection(this.#options.acquireTimeoutMs, connection =>
      readMysqlFacts(text => this.#send(connection, text, false))
    )
    return { server: serverName(facts), findings: judgeMysql(facts, this.#options.connectionsMax) }
  }

  async read(statements: readonly Statement[]): Promise<Row[][]> {
    const text = statements.map(textOfStatement).join('; ')
    this.#options.stats.reads += 1
    return this.#withConnection(this.#options.acquireTimeoutMs, async connection => {
      const result = await this.#send(connection, text, false)
      return (statements.length === 1 ? [result] : result) as Row[][]
    })
  }

  async transact(statements: readonly Statement[]): Promise<BatchOutcome> {
    const { stats, acquireTimeoutMs, random } = this.#options
    const text = `START TRANSACTION; ${statements.map(textOfStatement).join('; ')}; COMMIT`
    return this.#withConnection(acquireTimeoutMs, async connection => {
      for (let deadlocks = 0; ; deadlocks += 1) {
        stats.writes += 1
        try {
          const [, ...results] = (await connection.query(text)) as unknown[]
          return { status: 'DONE', results: results.slice(0, -1).map(toResult) }
        } catch (error) {
          const failure = failureOf(error)
          if (failure === 'lost') stats.unknown += 1
          if (!keepsConnection(failure)) {
            connection.destroy()
            throw storeErrorOf(error, true)
          }
          // The packet stopped at the statement that failed, before its COMMIT; what came before it is taken back. If
          // that cannot be said to the server, losing the connection says it.
          await connection.query('ROLLBACK').catch(() => connection.destroy())
          if (failure === 'duplicate') return { status: 'DUPLICATE' }
          if (failure === 'refused') return { status: 'REFUSED' }
          if (failure !== 'deadlock' || deadlocks >= deadlockRetriesMax || connection.dead)
            throw storeErrorOf(error, true)
          stats.deadlocksRetried += 1
          await delay(random() * deadlockPauseMaxMs)
        }
      }
    })
  }

  /** On a connection of its own, because DDL on a large table takes longer than anything else here may. */
  async migrate(): Promise<void> {
    const connection = await this.#open(
      { ...this.#options, queryTimeoutMs: migrationTimeoutMs },
      () => undefined
    ).catch(error => {
      throw connectError(error)
    })
    const run = (text: string): Promise<unknown> => this.#send(connection, text, false)
    try {
      if (connection.isMariadb) await run('SET SESSION max_statement_time = 0')
      await this.#lockMigration(run)
      await run(schemaTable.mysql)
      const [row] = (await run(readSchemaVersion)) as [Row]
      for (const { version, step } of stepsAfter(Number(row.version))) {
        for (const statement of step.mysql) await run(statement)
        await run(`INSERT INTO slotlock_schema (version, applied_ms) VALUES (${version}, ${mysqlNow})`)
      }
    } finally {
      // the named lock goes with the connection
      await connection.end()
    }
  }

  close(): Promise<void> {
    return this.#pool.close(this.#options.queryTimeoutMs)
  }

  async #lockMigration(run: (text: string) => Promise<unknown>): Promise<void> {
    for (let tries = 0; tries < migrationLockTries; tries += 1) {
      const [row] = (await run(
        `SELECT GET_LOCK(CONCAT('slotlock:', LEFT(SHA1(DATABASE()), 20)), ${migrationLockWaitS}) AS locked`
      )) as [Row]
      if (Number(row.locked) === 1) return
    }
    throw new StoreBusy(`another instance has been migrating the database for ${migrationLockTries} s`)
  }

  #open(timeouts: MysqlTimeouts, onDeath: (connection: MysqlConnection) => void): Promise<MysqlConnection> {
    this.#options.stats.connectionsOpened += 1
    return MysqlConnection.open(
      { url: this.#url, tls: this.#options.tls },
      timeouts,
      this.#options.clock,
      (sentAt, receivedAt, dbNowMs) => this.#dbClock.observe(sentAt, receivedAt, dbNowMs),
      onDeath
    )
  }

  async #withConnection<T>(timeoutMs: number, use: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    const connection = await this.#pool.acquire(timeoutMs)
    try {
      return await use(connection)
    } finally {
      this.#pool.release(connection)
    }
  }

  async #send(connection: MysqlConnection, text: string, writes: boolean): Promise<unknown> {
    try {
      return await connection.query(text)
    } catch (error) {
      if (!keepsConnection(failureOf(error))) connection.destroy()
      throw storeErrorOf(error, writes)
    }
  }
}

/** The statement as it travels. */
export function textOfStatement(statement: Statement): string {
  const { parts, names } = compile(statement.text)
  let text = parts[0]!
  names.forEach((name, index) => {
    text += textOfName(name, statement) + parts[index + 1]!
  })
  return text
}

function textOfName(name: string, { values, table }: Statement): string {
  if (name === 'now') return mysqlNow
  if (name === 'table' && table !== undefined) return textOfTable(table)
  return mysql.escape(boundValue(values, name))
}

/** Rows one after another, which is the order in which MySQL and MariaDB go through them. */
function textOfTable({ columns, rows }: ValuesTable): string {
  let text = ''
  rows.forEach((row, index) => {
    text += index === 0 ? 'SELECT ' : ' UNION ALL SELECT '
    columns.forEach(({ name, key }, position) => {
      const value = mysql.escape(row[position])
      if (position > 0) text += ', '
      text += key ? `CONVERT(${value} USING ascii) COLLATE ascii_bin` : value
      if (index === 0) text += ` AS ${name}`
    })
  })
  return text
}

function toResult(result: unknown): Result {
  if (Array.isArray(result)) return { rows: result as Row[], changed: 0 }
  return { rows: [], changed: (result as { affectedRows: number }).affectedRows }
}
