import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { Redis } from 'ioredis'
import { createPool } from 'mysql2/promise'

/** What one raw call to a store costs from Node: the floor under everything that is built on it. */

export interface RawLock {
  take(slot: string, owner: string): Promise<boolean>
  close(): void
}

declare module 'ioredis' {
  interface RedisCommander {
    takeRaw(key: string, owner: string): Promise<'OK' | null>
  }
}

/** One EVALSHA of the shortest lock script there is, over one connection with stock settings. */
export function openRawLock(url: string): RawLock {
  const redis = new Redis(url, {
    scripts: {
      takeRaw: { numberOfKeys: 1, lua: "return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', 600000)" }
    }
  })
  return {
    take: async (slot, owner) => (await redis.takeRaw(`reference:${slot}`, owner)) !== null,
    close: () => redis.disconnect()
  }
}

export interface RawCommit {
  insert(slot: string): Promise<void>
  close(): Promise<void>
}

const table = 'CREATE TABLE IF NOT EXISTS reference_lock (slot VARCHAR(128) PRIMARY KEY, owner VARCHAR(32))'
const insert = 'INSERT INTO reference_lock (slot, owner) VALUES (?, ?)'

/** One prepared single-row INSERT, committed by itself, as durable as the store's defaults make it. */
export async function openRawCommit(store: {
  mysqlUrl?: string | undefined
  sqlitePath?: string | undefined
}): Promise<RawCommit> {
  if (store.mysqlUrl !== undefined) {
    const pool = createPool({ uri: store.mysqlUrl, connectionLimit: 10 })
    await pool.query(table)
    return {
      insert: async slot => void (await pool.execute(insert, [slot, 'reference'])),
      close: () => pool.end()
    }
  }
  if (store.sqlitePath === undefined) return { insert: async () => {}, close: async () => {} }
  const database = new DatabaseSync(store.sqlitePath)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;')
  database.exec(table)
  const statement = database.prepare(insert)
  return {
    insert: async slot => void statement.run(slot, 'reference'),
    close: async () => database.close()
  }
}

/** Beside the embedded database, not in it: the same disk, and nobody waits for the other's write lock. */
export const referencePath = (folder: string): string => join(folder, 'reference.sqlite')
