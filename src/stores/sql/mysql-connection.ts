import mysql, { type Connection } from 'mysql2'
import type { Clock } from '../../domain/clock.js'
import { QueryTimeout } from './mysql-errors.js'

export interface MysqlTimeouts {
  connectTimeoutMs: number
  /** After it the connection is destroyed: mysql2's own timeout leaves the connection stuck and the query running. */
  queryTimeoutMs: number
  /** How long a request waits for a connection of the pool. */
  acquireTimeoutMs: number
}

export const defaultMysqlTimeouts: MysqlTimeouts = {
  connectTimeoutMs: 1000,
  queryTimeoutMs: 1500,
  acquireTimeoutMs: 300
}

/** Whom to believe that they are the database, and who we are. PEM texts. */
export interface MysqlTls {
  /** Absent: the authorities that Node knows. */
  ca?: string
  cert?: string
  key?: string
  /** The certificate must be for the host that the URL names. The driver cannot do that for an address. */
  verifyIdentity: boolean
}

export const mysqlNow = 'FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000)'

/**
 * Strict in every session, whatever the server's default: a NULL that a lenient server turns into '' would be a lock.
 * Without NO_BACKSLASH_ESCAPES, because that is how the values are escaped.
 * GROUP_CONCAT for all slots of a blocking, in one row of the audit trail; MySQL would cut it off after 1,024 bytes.
 * UTC, because UNIX_TIMESTAMP(NOW()) goes through local time, and in the hour that winter time repeats it would jump.
 */
const sessionSettings = [
  "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', time_zone = '+00:00', innodb_lock_wait_timeout = 1, autocommit = 1, group_concat_max_len = 65535",
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'
]
/**
 * Frees the rows of a sender that froze between a refused statement and its ROLLBACK. MySQL has no such setting (the
 * rows are free when its wait_timeout or keepalive ends the connection), and neither is tested there.
 */
const mariadbSettings = 'SET SESSION idle_transaction_timeout = 2, max_statement_time = 2'

/** One connection whose session is set up; `query` is the only way to use it. */
export class MysqlConnection {
  dead = false
  isMariadb = false
  /** On the monotonic clock. */
  idleSince = 0
  readonly #connection: Connection
  readonly #queryTimeoutMs: number

  private constructor(
    connection: Connection,
    queryTimeoutMs: number,
    onDeath: (self: MysqlConnection) => void
  ) {
    this.#connection = connection
    this.#queryTimeoutMs = queryTimeoutMs
    const die = (): void => {
      if (this.dead) return
      this.dead = true
      onDeath(this)
    }
    connection.on('error', die)
    connection.on('end', die)
  }

  /** Rejects with the driver's error. `observe` gets the reading of the clock that the setup makes anyway. */
  static async open(
    { url, tls }: { url: string; tls?: MysqlTls | undefined },
    timeouts: MysqlTimeouts,
    clock: Clock,
    observe: (sentAt: number, receivedAt: number, dbNowMs: number) => void,
    onDeath: (self: MysqlConnection) => void
  ): Promise<MysqlConnection> {
    const driver = mysql.createConnection({
      uri: url,
      ...(tls !== undefined && { ssl: { ...tls, minVersion: 'TLSv1.2' } }),
      connectTimeout: timeouts.connectTimeoutMs,
      multipleStatements: true,
      charset: 'utf8mb4',
      supportBigNumbers: true,
      bigNumberStrings: false,
      decimalNumbers: true,
      dateStrings: true,
      // The values are in the text already; the driver would search all of it for placeholders.
      queryFormat: text => text,
      enableKeepAlive: true,
      keepAliveInitialDelay: 5000
    })
    const connection = new MysqlConnection(driver, timeouts.queryTimeoutMs, onDeath)
    try {
      await connection.#connected(timeouts.connectTimeoutMs)
      const sentAt = clock.monotonic()
      const [row] = (await connection.query(`SELECT VERSION() AS version, ${mysqlNow} AS now_ms`)) as [
        { version: string; now_ms: number }
      ]
      observe(sentAt, clock.monotonic(), Number(row.now_ms))
      connection.isMariadb = row.version.toLowerCase().includes('mariadb')
      const settings = connection.isMariadb ? [...sessionSettings, mariadbSettings] : sessionSettings
      await connection.query(settings.join('; '))
      return connection
    } catch (error) {
      connection.destroy()
      throw error
    }
  }

  /** The driver's own timeout ends with the TCP connection; a server that accepts and never greets would hang us. */
  #connected(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new QueryTimeout(`no greeting within ${timeoutMs} ms`)),
        timeoutMs
      )
      this.#connection.connect(error => {
        clearTimeout(timer)
        if (error) reject(error)
        else resolve()
      })
    })
  }

  /**
   * The result of one statement, or an array of results of several. Rejects with the driver's error, or QueryTimeout;
   * after that one the connection is destroyed, because its answer would come to the next who asks.
   */
  query(text: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let settled = false
      const timer = setTimeout(() => {
        // This process may have been the one that stood still, and the answer lies in the socket: let it be read first.
        setImmediate(() => {
          if (settled) return
          settled = true
          this.destroy()
          reject(new QueryTimeout(`no answer within ${this.#queryTimeoutMs} ms`))
        })
      }, this.#queryTimeoutMs)
      this.#connection.query(text, (error, result) => {
        if (settled) return
        settled = true
        clearTimeout(timer)
        if (error) reject(error)
        else resolve(result)
      })
    })
  }

  destroy(): void {
    this.#connection.destroy()
    this.#connection.emit('end')
  }

  /** Says goodbye; destroys what does not listen. */
  end(): Promise<void> {
    if (this.dead) return Promise.resolve()
    return new Promise(resolve => {
      const timer = setTimeout(() => {
        this.destroy()
        resolve()
      }, goodbyeTimeoutMs)
      this.#connection.end(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

const goodbyeTimeoutMs = 500
