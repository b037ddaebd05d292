import type { Finding } from '../../domain/finding.js'

/**
 * What the store asks of a database, and the few words in which the two dialects differ.
 *
 * Statements are written once, with named values (`:lock`). `:now` is the database's own clock and is no value of
 * the caller's: MySQL reads it in the statement, SQLite gets it from the clock it was opened with.
 */
export type Value = string | number | Buffer | null
export type Values = Readonly<Record<string, Value>>

export interface Statement {
  text: string
  values: Values
  /** What `:table` in the text stands for; MySQL's dialect alone has it. */
  table?: ValuesTable
}

/**
 * Rows of values that a statement reads like a table. A `key` is compared byte by byte, as the tables' own columns are, and
 * without a conversion that would keep an index from being used.
 */
export interface ValuesTable {
  columns: readonly { name: string; key?: true }[]
  rows: readonly (readonly Value[])[]
}

export type Row = Readonly<Record<string, unknown>>

/** `changed`: rows inserted, or found by an update. `rows`: what a SELECT gave. */
export interface Result {
  rows: Row[]
  changed: number
}

export type BatchOutcome =
  | { status: 'DONE'; results: Result[] }
  /** Some row exists already; rolled back. */
  | { status: 'DUPLICATE' }
  /** An assertion did not hold (NULL for a NOT NULL column); rolled back. */
  | { status: 'REFUSED' }

export interface Inspection {
  /** What it is, for a person; undefined: nothing that is not known anyway. */
  server: string | undefined
  findings: Finding[]
}

export interface Dialect {
  readonly kind: 'mysql' | 'sqlite'
  /** After a SELECT: keeps the row from changing until the transaction ends. */
  readonly forUpdate: string
  /**
   * After a SELECT: waits for whoever has written one of its rows and not committed, and reads what came of it. A plain
   * SELECT leaves such a row out.
   */
  readonly withUncommitted: string
  /**
   * After the table of an UPDATE that names slots: rows are taken in primary key order. Left to itself MySQL may walk
   * another index of a small table, and two walkers in different orders deadlock.
   */
  readonly byPrimaryKey: string
  /** After the table `locks` of a SELECT that names an owner. */
  readonly byOwner: string
  /** Between the columns and the WHERE of a SELECT that reads no table. */
  readonly fromNothing: string
  /** Begins the part of an INSERT that says what becomes of a row that exists. */
  upsert(keyColumns: string): string
  /** In that part: the value that would have been inserted. */
  incoming(column: string): string
  /** Instead of that part: a row that exists stays as it is, but is held until the transaction ends. */
  leaveExisting(keyColumns: string): string
}

export interface Database {
  readonly dialect: Dialect

  /**
   * One transaction that travels as a whole. Throws StoreError; the outcomes that a caller expects are values.
   * Resolves only after commit.
   */
  transact(statements: readonly Statement[]): Promise<BatchOutcome>

  /** SELECTs, in one round trip, each with a snapshot of its own. */
  read(statements: readonly Statement[]): Promise<Row[][]>

  migrate(): Promise<void>

  /** The database's clock as best known here; may have a fraction. */
  nowMs(): number

  /** This process' clock that never steps. */
  monotonicMs(): number

  /** How the server is set up, and what of it may hurt. Throws StoreError. */
  inspect(): Promise<Inspection>

  /** Asks the database for its clock again. */
  ping(): Promise<{ nowMs: number; latencyMs: number }>

  close(): Promise<void>
}

/** Counts for metrics; they only grow. */
export interface SqlStats {
  /** Transactions that were sent. */
  writes: number
  reads: number
  /** Deadlocks and conflicts that were tried again. */
  deadlocksRetried: number
  /** Changes that the database refused because their deadline had passed. */
  late: number
  /** Answers that were lost. */
  unknown: number
  /** Requests that got no connection in time. */
  poolTimeouts: number
  connectionsOpened: number
}

export const newSqlStats = (): SqlStats => ({
  writes: 0,
  reads: 0,
  deadlocksRetried: 0,
  late: 0,
  unknown: 0,
  poolTimeouts: 0,
  connectionsOpened: 0
})
