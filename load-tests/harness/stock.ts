import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { createConnection } from 'mysql2/promise'
import type { CalendarId, SlotId } from '../../src/domain/ids.js'
import { RedisKeys } from '../../src/stores/redis/keys.js'
import { firstDayMs, slotAt } from './slots.js'

/** One lock of the stock: live, of one slot, written behind the service's back. */
export interface StockLock {
  slot: SlotId
  lock: string
}

const minuteMs = 60_000
const rowsPerStatement = 1_000
const keysPerLook = 1_000
/** Each resource of the stock has that many slots, a minute apart. */
const slotsPerResource = 10_000
/** Longer than any scenario. */
const liveMs = 30 * minuteMs
/** Written so long ago that no tail takes them for news. */
const ageMs = minuteMs
const locksPerOwner = 50

/** The resources that a stock of so many locks is spread over. */
export const stockResources = (locks: number): string[] =>
  Array.from({ length: Math.ceil(locks / slotsPerResource) }, (_, index) => `shelf-${index}`)

/**
 * A hundred thousand live locks take the service minutes to grant, and it is not their granting that is measured: they
 * are written as the rows that it would have left. They begin `afterMinutes` after the first day, out of the watchers'
 * sight. `already`: how many there are from an earlier filling.
 */
export async function fillStock(
  mysqlUrl: string,
  calendar: string,
  count: number,
  afterMinutes: number,
  already = 0
): Promise<StockLock[]> {
  const createdMs = Date.now() - ageMs
  const endsMs = createdMs + liveMs
  const ver = createdMs * 1000
  const stock: StockLock[] = []
  const connection = await createConnection(mysqlUrl)
  try {
    for (let from = already; from < already + count; from += rowsPerStatement) {
      const slots: unknown[][] = []
      const locks: unknown[][] = []
      for (let index = from; index < Math.min(already + count, from + rowsPerStatement); index++) {
        const at = afterMinutes + (index % slotsPerResource)
        const slot = slotAt(`shelf-${Math.floor(index / slotsPerResource)}`, at)
        const lock = idOf()
        const owner = ownerOf(Math.floor(index / locksPerOwner))
        stock.push({ slot, lock })
        const startMs = firstDayMs + at * minuteMs
        slots.push([calendar, slot, startMs, 'locked', owner, lock, ver, endsMs, createdMs])
        locks.push([
          lock,
          calendar,
          owner,
          slot,
          1,
          'held',
          'stock',
          ver,
          ver,
          'stock',
          createdMs,
          endsMs,
          createdMs
        ])
      }
      await connection.query(
        'INSERT INTO slots (calendar, slot, start_ms, state, owner, token, ver, expires_ms, updated_ms) VALUES ?',
        [slots]
      )
      await connection.query(
        `INSERT INTO locks (id, calendar, owner, slots, slot_count, state, fingerprint, fence, ver, change_id,
           created_ms, expires_ms, updated_ms) VALUES ?`,
        [locks]
      )
    }
  } finally {
    await connection.end()
  }
  return stock
}

/** How many of the stock have no mark in Redis that names their own lock. */
export async function missingMarks(
  redisUrl: string,
  calendar: string,
  stock: readonly StockLock[]
): Promise<number> {
  const keys = new RedisKeys('slotlock:')
  const redis = new Redis(redisUrl)
  let missing = 0
  try {
    for (let from = 0; from < stock.length; from += keysPerLook) {
      const some = stock.slice(from, from + keysPerLook)
      const marks = await redis.mget(some.map(({ slot }) => keys.slot(calendar as CalendarId, slot)))
      missing += some.filter(({ lock }, index) => !marks[index]?.endsWith(`:locked:${lock}`)).length
    }
  } finally {
    redis.disconnect()
  }
  return missing
}

const idOf = (): string => randomBytes(16).toString('base64url')
const ownerOf = (index: number): string => `stock${String(index).padStart(17, '0')}`
