import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { createPool, type RowDataPacket } from 'mysql2/promise'

/** The way every textbook takes several rows: a transaction, SELECT … FOR UPDATE in order, UPDATE, COMMIT. */
export interface Textbook {
  /** The slots, or nothing when one of them is taken. */
  take(slots: readonly string[]): Promise<string[] | undefined>
  release(slots: readonly string[]): Promise<void>
  deadlocks(): number
  close(): Promise<void>
}

const DEADLOCK = 1213
const table = 'CREATE TABLE IF NOT EXISTS textbook (slot VARCHAR(128) PRIMARY KEY, taken INT NOT NULL)'

export async function openTextbook(
  { mysqlUrl, folder }: { mysqlUrl: string | undefined; folder: string },
  slots: readonly string[]
): Promise<Textbook> {
  return mysqlUrl === undefined ? sqliteTextbook(folder, slots) : mysqlTextbook(mysqlUrl, slots)
}

async function mysqlTextbook(url: string, all: readonly string[]): Promise<Textbook> {
  const pool = createPool({ uri: url, connectionLimit: 16 })
  let deadlocks = 0
  await pool.query(table)
  await pool.query('INSERT INTO textbook (slot, taken) VALUES ?', [all.map(slot => [slot, 0])])
  return {
    async take(slots) {
      const sorted = [...slots].sort()
      const connection = await pool.getConnection()
      try {
        await connection.beginTransaction()
        const [rows] = await connection.query<RowDataPacket[]>(
          'SELECT slot, taken FROM textbook WHERE slot IN (?) ORDER BY slot FOR UPDATE',
          [sorted]
        )
        if (rows.some(row => row.taken !== 0)) {
          await connection.rollback()
          return undefined
        }
        await connection.query('UPDATE textbook SET taken = 1 WHERE slot IN (?)', [sorted])
        await connection.commit()
        return sorted
      } catch (error) {
        await connection.rollback()
        if ((error as { errno?: number }).errno !== DEADLOCK) throw error
        deadlocks += 1
        return undefined
      } finally {
        connection.release()
      }
    },
    release: async slots =>
      void (await pool.query('UPDATE textbook SET taken = 0 WHERE slot IN (?)', [slots])),
    deadlocks: () => deadlocks,
    close: () => pool.end()
  }
}

function sqliteTextbook(folder: string, all: readonly string[]): Textbook {
  const database = new DatabaseSync(join(folder, 'textbook.sqlite'))
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;')
  database.exec(table)
  const insert = database.prepare('INSERT INTO textbook (slot, taken) VALUES (?, 0)')
  for (const slot of all) insert.run(slot)
  const read = database.prepare('SELECT taken FROM textbook WHERE slot = ?')
  const write = database.prepare('UPDATE textbook SET taken = ? WHERE slot = ?')
  const change = (slots: readonly string[], taken: 0 | 1): boolean => {
    database.exec('BEGIN IMMEDIATE')
    const free = taken === 0 || slots.every(slot => (read.get(slot) as { taken: number }).taken === 0)
    if (free) for (const slot of slots) write.run(taken, slot)
    database.exec(free ? 'COMMIT' : 'ROLLBACK')
    return free
  }
  return {
    take: async slots => {
      // in process and synchronous: the others get their turn only between the calls
      await new Promise(setImmediate)
      return change(slots, 1) ? [...slots] : undefined
    },
    release: async slots => void change(slots, 0),
    deadlocks: () => 0,
    close: async () => database.close()
  }
}
