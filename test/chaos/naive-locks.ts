import { createHash, randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { createPool, type Pool, type RowDataPacket } from 'mysql2/promise'
import { pause } from '../../load-tests/harness/time.js'

/**
 * The design that suggests itself: a lock is a key in Redis, and while Redis does not answer, a row in MySQL. Each
 * store alone would do. Between the two nobody is the judge, and what one store knows the other does not.
 */
export class NaiveLocks {
  readonly #redis: Redis
  readonly #pool: Pool
  readonly #locks = new Map<string, string[]>()
  readonly #booked = new Set<string>()

  constructor(redisUrl: string, mysqlUrl: string) {
    this.#redis = new Redis(redisUrl, {
      protocol: 2,
      // patient, so that a busy machine alone does not send it to the other store
      commandTimeout: 1_000,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      retryStrategy: () => 50
    })
    this.#redis.on('error', () => {})
    this.#pool = createPool({ uri: mysqlUrl, connectionLimit: 5 })
  }

  /** Both stores are waited for, whatever is done to them meanwhile: nothing differs from a clean start. */
  async prepare(): Promise<void> {
    // not `once` of node:events, which gives up at the first error
    if (this.#redis.status !== 'ready') await new Promise<void>(ready => this.#redis.once('ready', ready))
    for (;;) {
      try {
        return await this.#makeTables()
      } catch {
        await pause(50)
      }
    }
  }

  async #makeTables(): Promise<void> {
    await this.#pool.query(
      'CREATE TABLE IF NOT EXISTS naive_locks (slot VARCHAR(96) PRIMARY KEY, lock_id VARCHAR(32), expires_ms BIGINT)'
    )
    await this.#pool.query(
      'CREATE TABLE IF NOT EXISTS naive_bookings (slot VARCHAR(96), lock_id VARCHAR(32), KEY (slot))'
    )
  }

  /** All slots or none; undefined: one of them is taken. */
  async lock(
    session: string,
    slots: string[],
    ttlMs: number,
    requestId: string = randomUUID()
  ): Promise<string | undefined> {
    const hash = createHash('sha256').update(`${session} ${requestId}`).digest('base64url')
    const id = hash.slice(0, 22)
    const taken: string[] = []
    const giveUp = async (): Promise<undefined> => {
      for (const slot of taken) await this.#giveBack(slot, id)
      return undefined
    }
    for (const slot of slots) {
      if (!(await this.#take(slot, id, ttlMs))) return giveUp()
      taken.push(slot)
    }
    if (await this.#isBooked(slots)) return giveUp()
    this.#locks.set(id, slots)
    return id
  }

  async extend(id: string, ttlMs: number): Promise<boolean> {
    for (const slot of this.slotsOf(id)) {
      const extended = await this.#either(
        async () => (await this.#redis.get(slot)) === id && (await this.#redis.pexpire(slot, ttlMs)) === 1,
        () =>
          this.#changeRow(
            'UPDATE naive_locks SET expires_ms = ? WHERE slot = ? AND lock_id = ? AND expires_ms > ?',
            [Date.now() + ttlMs, slot, id, Date.now()]
          )
      )
      if (!extended) return false
    }
    return true
  }

  async release(id: string): Promise<void> {
    for (const slot of this.slotsOf(id)) await this.#giveBack(slot, id)
  }

  async book(id: string): Promise<boolean> {
    if (this.#booked.has(id)) return true
    const slots = this.slotsOf(id)
    for (const slot of slots) {
      const holds = await this.#either(
        async () => (await this.#redis.get(slot)) === id,
        () =>
          this.#changeRow('UPDATE naive_locks SET lock_id = lock_id WHERE slot = ? AND lock_id = ?', [
            slot,
            id
          ])
      )
      if (!holds) return false
    }
    for (const slot of slots)
      await this.#pool.query('INSERT INTO naive_bookings (slot, lock_id) VALUES (?, ?)', [slot, id])
    this.#booked.add(id)
    await this.release(id)
    return true
  }

  slotsOf(id: string): string[] {
    return this.#locks.get(id) ?? []
  }

  async #isBooked(slots: readonly string[]): Promise<boolean> {
    const [rows] = await this.#pool.query<RowDataPacket[]>('SELECT 1 FROM naive_bookings WHERE slot IN (?)', [
      slots
    ])
    return rows.length > 0
  }

  #take(slot: string, id: string, ttlMs: number): Promise<boolean> {
    return this.#either(
      async () =>
        (await this.#redis.set(slot, id, 'PX', ttlMs, 'NX')) === 'OK' || (await this.#redis.get(slot)) === id,
      () =>
        this.#changeRow(
          `INSERT INTO naive_locks (slot, lock_id, expires_ms) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE
           lock_id = IF(expires_ms < ?, VALUES(lock_id), lock_id), expires_ms = IF(lock_id = VALUES(lock_id), VALUES(expires_ms), expires_ms)`,
          [slot, id, Date.now() + ttlMs, Date.now()]
        )
    )
  }

  async #giveBack(slot: string, id: string): Promise<void> {
    await this.#either(
      async () => (await this.#redis.get(slot)) === id && (await this.#redis.del(slot)) === 1,
      () => this.#changeRow('DELETE FROM naive_locks WHERE slot = ? AND lock_id = ?', [slot, id])
    )
  }

  async #changeRow(text: string, values: (string | number)[]): Promise<boolean> {
    const [result] = await this.#pool.query(text, values)
    return 'affectedRows' in result && result.affectedRows > 0
  }

  async #either(redis: () => Promise<boolean>, mysql: () => Promise<boolean>): Promise<boolean> {
    try {
      return await redis()
    } catch {
      return mysql()
    }
  }
}
