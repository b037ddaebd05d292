import type { Clock } from '../../domain/clock.js'
import { defaultStoreSettings, type StoreSettings } from './context.js'
import { newSqlStats, type SqlStats } from './dialect.js'
import { SqlLockStore } from './lock-store.js'
import { SqliteDatabase } from './sqlite.js'
import { type CallObserver, TimedDatabase } from './timed-database.js'

export interface SqliteStoreOptions extends Partial<StoreSettings> {
  /** The database's clock: SQLite has none of its own. */
  clock: Clock
  observe?: CallObserver | undefined
  /** Counted into, if given. */
  stats?: SqlStats
}

/** Opens the file, or a database in memory for `:memory:`. Throws StoreUnavailable when it cannot be opened. */
export async function openSqliteStore(path: string, options: SqliteStoreOptions): Promise<SqlLockStore> {
  const { clock, stats = newSqlStats(), observe, ...settings } = options
  const database = new SqliteDatabase(path, clock, stats)
  return new SqlLockStore(observe === undefined ? database : new TimedDatabase(database, observe), stats, {
    ...defaultStoreSettings,
    ...settings
  })
}
