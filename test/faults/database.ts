import type { Connection } from 'mysql2/promise'
import type { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import type { Answer } from '../helpers/ws-client.js'
import { calendar, slot, type World } from './world.js'

/** What the stories about MariaDB share: an own look at the rows, and visitors who do not give up. */

/** A session of the administrator in the world's database, past every proxy. Several statements may go at once. */
export async function lookInto(
  t: { teardown(end: () => unknown): void },
  server: MariadbServer,
  world: Pick<World, 'database'>
): Promise<Connection> {
  const look = await server.connect(world.database)
  look.on('error', () => undefined)
  t.teardown(() => look.destroy())
  return look
}

/** `what`: a table, perhaps with a WHERE. */
export async function countOf(look: Connection, what: string): Promise<number> {
  const [rows] = await look.query(`SELECT COUNT(*) AS n FROM ${what}`)
  return Number((rows as { n: number }[])[0]!.n)
}

/** Somebody has sent a statement that waits for a row of another transaction. (innodb_trx lags when it is polled.) */
export const untilRowWaits = (look: Connection): Promise<void> =>
  until('a statement waits for a row', async () => {
    const [rows] = await look.query("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
    return Number((rows as { Value: string }[])[0]!.Value) > 0
  })

/** A server that was thawed works off what lies in its sockets; this waits until it has. */
export const untilWorkedOff = (look: Connection): Promise<void> =>
  until(
    'the server has worked off what was sent to it',
    async () =>
      (await countOf(
        look,
        "information_schema.processlist WHERE db = DATABASE() AND command <> 'Sleep' AND id <> CONNECTION_ID()"
      )) === 0
  )

/** Sends the same request again while the answer says that this may help, as the contract asks a client to. */
export async function insist(ask: () => Promise<Answer>, boundMs = 30_000): Promise<Answer> {
  let answer = await ask()
  await until(
    'a request is answered for good',
    async () => {
      if (answer.ok || !answer.error!.retryable) return true
      answer = await ask()
      return false
    },
    boundMs
  )
  return answer
}

/** The error number of a statement that is refused; 0: it was not. */
export const errnoOf = (statement: Promise<unknown>): Promise<number> =>
  statement.then(
    () => 0,
    (error: { errno: number }) => error.errno
  )

/** The nth slot's row, found by its key: a condition that walks the table would hold every row it meets. */
export const rowOf = (n: number): string => `calendar = '${calendar}' AND slot = '${slot(n)}'`
