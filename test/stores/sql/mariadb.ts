import type { Connection } from 'mysql2/promise'
import type { Test } from 'tap'
import type { SqlLockStore } from '../../../src/stores/sql/lock-store.js'
import { type MysqlStoreOptions, openMysqlStore } from '../../../src/stores/sql/open-mysql.js'
import type { MariadbServer } from '../../helpers/mariadb.js'
import { until } from '../../helpers/process.js'
import { SetClock } from './set-clock.js'

let count = 0

export interface Bench {
  name: string
  url: string
  /** The test's own look at the rows. */
  look: Connection
  /** A store of its own over the same database; migrated already. */
  open(options?: Partial<MysqlStoreOptions>, url?: string): Promise<SqlLockStore>
}

/** A database of the test's own on a server that the tests of a file share. */
export async function benchOn(t: Test, server: MariadbServer): Promise<Bench> {
  count += 1
  const name = `bench${count}`
  const url = await server.createDatabase(name)
  const look = await server.connect(name)
  look.on('error', () => undefined)
  const stores: SqlLockStore[] = []
  const open = async (options: Partial<MysqlStoreOptions> = {}, via = url): Promise<SqlLockStore> => {
    const store = await openMysqlStore(via, { clock: new SetClock(), random: Math.random, ...options })
    stores.push(store)
    return store
  }
  await (await open()).migrate()
  t.teardown(async () => {
    await Promise.all(stores.map(store => store.close()))
    look.destroy()
  })
  return { name, url, look, open }
}

/** A frozen server that was thawed works off what lies in its sockets; this waits until it has. */
export async function settled(server: MariadbServer, database: string): Promise<void> {
  const look = await server.connect('')
  try {
    await until('the server has worked off what was sent to it', async () => {
      const [rows] = await look.query(
        `SELECT COUNT(*) AS busy FROM information_schema.processlist WHERE db = '${database}' AND command <> 'Sleep'`
      )
      return Number((rows as { busy: number }[])[0]!.busy) === 0
    })
  } finally {
    await look.end()
  }
}

export async function countOf(look: Connection, what: string): Promise<number> {
  const [rows] = await look.query(`SELECT COUNT(*) AS n FROM ${what}`)
  return Number((rows as { n: number }[])[0]!.n)
}

/** Does any transaction wait for a row? From the monitor: the table innodb_trx is refreshed ten times a second at most. */
export async function waitsForRow(look: Connection): Promise<boolean> {
  const [rows] = await look.query('SHOW ENGINE INNODB STATUS')
  return (rows as { Status: string }[])[0]!.Status.includes('LOCK WAIT')
}
