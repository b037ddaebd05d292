import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { nowMs } from '../../load-tests/harness/time.js'
import type { Look } from './history.js'

const texts = {
  now: 'SELECT CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED) AS now_ms',
  slots: 'SELECT slot, state, token, ver, expires_ms FROM slots',
  locks: `SELECT id, slots, state, ver, expires_ms FROM locks
    WHERE state = 'held' OR id IN (SELECT token FROM slots WHERE state = 'locked')`,
  allLocks: 'SELECT id, slots, state, ver, expires_ms FROM locks',
  active: "SELECT id, lock_id, slots, state FROM bookings WHERE state = 'booked'",
  bookings: 'SELECT id, lock_id, slots, state FROM bookings'
}

/**
 * All rows that matter, in one consistent snapshot, with SQL and a connection of our own: whoever asked the service
 * whether the service was right would believe anything. Undefined while the database does not answer.
 */
export async function look(url: string, last = false): Promise<Look | undefined> {
  const connection = await createConnection({ uri: url, connectTimeout: 1_000 }).catch(() => undefined)
  if (connection === undefined) return undefined
  connection.on('error', () => {})
  const gaveUp = setTimeout(() => connection.destroy(), last ? 20_000 : 2_000)
  const read = async (text: string): Promise<RowDataPacket[]> =>
    (await connection.query<RowDataPacket[]>(text))[0]
  try {
    const from = nowMs()
    await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ')
    await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT')
    const [now] = await read(texts.now)
    const slots = await read(texts.slots)
    const locks = await read(last ? texts.allLocks : texts.locks)
    const bookings = await read(last ? texts.bookings : texts.active)
    const to = nowMs()
    await connection.query('COMMIT')
    return {
      kind: 'look',
      from,
      to,
      dbNowMs: Number(now!.now_ms),
      slots: slots.map(({ slot, state, token, ver, expires_ms }) => ({
        slot: String(slot),
        state: String(state),
        token: String(token),
        ver: Number(ver),
        expiresMs: Number(expires_ms)
      })),
      locks: locks.map(({ id, slots, state, ver, expires_ms }) => ({
        id: String(id),
        slots: String(slots).split(','),
        state: String(state),
        ver: Number(ver),
        expiresMs: Number(expires_ms)
      })),
      bookings: bookings.map(({ id, lock_id, slots, state }) => ({
        id: String(id),
        lock: String(lock_id),
        slots: String(slots).split(','),
        state: String(state)
      })),
      last
    }
  } catch {
    return undefined
  } finally {
    clearTimeout(gaveUp)
    connection.destroy()
  }
}
