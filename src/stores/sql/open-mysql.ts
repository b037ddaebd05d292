import type { Clock, Random } from '../../domain/clock.js'
import { defaultStoreSettings, type StoreSettings } from './context.js'
import { newSqlStats, type SqlStats } from './dialect.js'
import { SqlLockStore } from './lock-store.js'
import { MysqlDatabase } from './mysql.js'
import { defaultMysqlTimeouts, type MysqlTimeouts, type MysqlTls } from './mysql-connection.js'
import { type CallObserver, TimedDatabase } from './timed-database.js'

export interface MysqlStoreOptions extends Partial<StoreSettings>, Partial<MysqlTimeouts> {
  /** Measures; the time itself is the database's. */
  clock: Clock
  random: Random
  /** Default 10. Two to four per core of the database, over all instances, is plenty. */
  connectionsMax?: number
  /** Requests that may wait for a connection. Default 2,000: what ten connections do in the time one may wait. */
  waitersMax?: number
  /** Absent: not encrypted. */
  tls?: MysqlTls | undefined
  observe?: CallObserver | undefined
  /** Counted into, if given. */
  stats?: SqlStats
}

/** `mysql://` or `mariadb://`. Connects when first used; migrate() throws StoreUnavailable when the database is not there. */
export async function openMysqlStore(url: string, options: MysqlStoreOptions): Promise<SqlLockStore> {
  const { stats = newSqlStats(), observe, ...rest } = options
  const settings = { ...defaultStoreSettings, ...rest }
  const database = new MysqlDatabase(url, {
    ...defaultMysqlTimeouts,
    connectionsMax: 10,
    waitersMax: 2000,
    stats,
    ...rest
  })
  return new SqlLockStore(
    observe === undefined ? database : new TimedDatabase(database, observe),
    stats,
    settings
  )
}
