import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { createConnection, type RowDataPacket } from 'mysql2/promise'

/**
 * The database, read behind the service's back: with SQL of our own, over a connection of our own. A load test that
 * asked the service whether the service was right would believe anything.
 */
export interface Truth {
  slots(calendar: string): Promise<TruthSlot[]>
  lock(id: string): Promise<TruthLock | undefined>
  locks(calendar: string): Promise<TruthLock[]>
  bookings(calendar: string): Promise<TruthBooking[]>
  effort(): Promise<Effort>
  close(): Promise<void>
}

export interface TruthSlot {
  slot: string
  state: string
  token: string
  ver: number
  expiresMs: number
}

export interface TruthLock {
  id: string
  slots: string[]
  state: string
  expiresMs: number
}

export interface TruthBooking {
  id: string
  lock: string
  slots: string[]
  state: string
}

/** What the database did since it started, everybody's work together. */
export interface Effort {
  /** MariaDB: rows it was asked to insert, update or delete. SQLite cannot say; there: committed write transactions. */
  rowsChanged: number
  /** MariaDB: statements received. SQLite: committed write transactions. */
  statements: number
}

const text = {
  slots: 'SELECT slot, state, token, ver, expires_ms FROM slots WHERE calendar = ? ORDER BY slot',
  lock: 'SELECT id, slots, state, expires_ms FROM locks WHERE id = ?',
  locks: 'SELECT id, slots, state, expires_ms FROM locks WHERE calendar = ?',
  bookings: 'SELECT id, lock_id, slots, state FROM bookings WHERE calendar = ?'
}

type Row = Record<string, unknown>

interface Reader {
  read(sql: string, values: string[]): Promise<Row[]>
  effort(): Promise<Effort>
  close(): Promise<void>
}

export async function openTruth(
  store: { kind: 'mysql'; url: string } | { kind: 'sqlite'; folder: string }
): Promise<Truth> {
  const reader = store.kind === 'mysql' ? await openMysql(store.url) : openSqlite(store.folder)
  const lockOf = (row: Row): TruthLock => ({
    id: String(row.id),
    slots: String(row.slots).split(','),
    state: String(row.state),
    expiresMs: Number(row.expires_ms)
  })
  return {
    slots: async calendar =>
      (await reader.read(text.slots, [calendar])).map(row => ({
        slot: String(row.slot),
        state: String(row.state),
        token: String(row.token),
        ver: Number(row.ver),
        expiresMs: Number(row.expires_ms)
      })),
    lock: async id => (await reader.read(text.lock, [id])).map(lockOf)[0],
    locks: async calendar => (await reader.read(text.locks, [calendar])).map(lockOf),
    bookings: async calendar =>
      (await reader.read(text.bookings, [calendar])).map(row => ({
        id: String(row.id),
        lock: String(row.lock_id),
        slots: String(row.slots).split(','),
        state: String(row.state)
      })),
    effort: () => reader.effort(),
    close: () => reader.close()
  }
}

async function openMysql(url: string): Promise<Reader> {
  const connection = await createConnection(url)
  return {
    read: async (sql, values) => (await connection.query<RowDataPacket[]>(sql, values))[0],
    effort: async () => {
      const [rows] = await connection.query<RowDataPacket[]>('SHOW GLOBAL STATUS')
      const status = new Map(rows.map(row => [String(row.Variable_name), Number(row.Value)]))
      const sum = (...names: string[]): number =>
        names.reduce((total, name) => total + (status.get(name) ?? Number.NaN), 0)
      return {
        rowsChanged: sum('Handler_write', 'Handler_update', 'Handler_delete'),
        statements: sum('Questions')
      }
    },
    close: () => connection.end()
  }
}

/** Where the counter of write transactions lies in SQLite's `-shm` file: `iChange` of the WAL index header. */
const changeCounterAt = 8

function openSqlite(folder: string): Reader {
  const path = join(folder, 'slotlock.db')
  const database = new DatabaseSync(path, { readOnly: true })
  database.exec('PRAGMA busy_timeout = 5000')
  return {
    read: async (sql, values) => database.prepare(sql).all(...values) as Row[],
    effort: async () => {
      const transactions = readFileSync(`${path}-shm`).readUInt32LE(changeCounterAt)
      return { rowsChanged: transactions, statements: transactions }
    },
    close: async () => database.close()
  }
}
