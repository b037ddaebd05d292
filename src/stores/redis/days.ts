import { type Redis, ReplyError } from 'ioredis'
import type { Random } from '../../domain/clock.js'
import type { CalendarId, LockId, SessionId, SlotId } from '../../domain/ids.js'
import {
  type CachedDay,
  type CalendarDay,
  cachedDayTtlMs,
  type Lease,
  type RowCache,
  type RowCacheStats,
  rowsPerDayMax,
  type UtcDay
} from '../../domain/row-cache.js'
import type { SlotRow, SlotStatus } from '../../domain/slot.js'
import type { RedisKeys } from './keys.js'
import { nonceOf } from './nonce.js'
import * as scripts from './scripts.js'

/** A fill has so long from its announcement to its end; then somebody else may begin. */
const leaseMs = 3_000
/** Of the greatest size these are 400 kB, which take Redis some milliseconds to hand over, and this process to take apart. */
const daysPerReply = 4
/** One call of so many keeps Redis from others for about a millisecond; a day is not divided. */
const rowsPerPut = 250
/** What is kept, all calendars together: some 40 MB of Redis' memory. Past it what was not read the longest goes. */
const daysMax = 10_000
const rowsMax = 200_000
/** What was read lately is known for so long, also while nobody reads anything. */
const noteKeepMs = 7 * 86_400_000
const daysPerNote = 1_000
/** Keys whose memory is asked for in one round trip. */
const keysPerLook = 200

interface Parts {
  redis: Redis
  keys: RedisKeys
  random: Random
  deadlineMs: () => Promise<number>
  call: <T>(what: string, work: () => Promise<T>) => Promise<T>
  late: (what: string) => Error
}

/** The row cache in Redis: one hash a day, see lua/lib/day_rows.lua. */
export class RedisDays implements RowCache {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async read(calendar: CalendarId, days: readonly UtcDay[]): Promise<Map<UtcDay, CachedDay>> {
    const { redis, keys, call } = this.#parts
    const found = new Map<UtcDay, CachedDay>()
    for (let from = 0; from < days.length; from += daysPerReply) {
      const some = days.slice(from, from + daysPerReply)
      const hashes = await call('readDays', () =>
        pipelined<Record<string, string>>(
          some.reduce((pipeline, day) => pipeline.hgetall(keys.day(calendar, day)), redis.pipeline())
        )
      )
      for (const [index, hash] of hashes.entries()) {
        const day = hash === undefined ? undefined : decodeDay(calendar, hash)
        if (day !== undefined) found.set(some[index]!, day)
      }
    }
    return found
  }

  async lease(calendar: CalendarId, days: readonly UtcDay[]): Promise<Lease> {
    const { redis, keys, call, late, deadlineMs, random } = this.#parts
    const nonce = nonceOf(random)
    const reply = await call('leaseDays', async () =>
      scripts.daysLease.run(
        redis,
        { day_keys: days.map(day => keys.day(calendar, day)) },
        { nonce, lease_ms: leaseMs, deadline_ms: await deadlineMs() }
      )
    )
    if (reply.status === 'LATE') throw late('leaseDays')
    return { nonce, days: reply.positions.map(position => days[position]!) }
  }

  async put(
    calendar: CalendarId,
    lease: Lease,
    rows: ReadonlyMap<UtcDay, readonly SlotRow[]>,
    asOfMs: number
  ): Promise<UtcDay[]> {
    const { redis, keys, call, late, deadlineMs, random } = this.#parts
    const filled: UtcDay[] = []
    for (const days of portions(lease.days, rows)) {
      const reply = await call('putDays', async () =>
        scripts.daysPut.run(
          redis,
          { day_keys: days.map(day => keys.day(calendar, day)) },
          {
            nonce: lease.nonce,
            as_of_ms: Math.floor(asOfMs),
            ttl_ms: Math.round(cachedDayTtlMs * (0.8 + 0.2 * random())),
            deadline_ms: await deadlineMs(),
            rows: days.flatMap((day, index) =>
              (rows.get(day) ?? []).map(row => `${index + 1} ${row.slot} ${encodeRow(row)}`)
            )
          }
        )
      )
      if (reply.status === 'LATE') throw late('putDays')
      filled.push(...reply.positions.map(position => days[position]!))
    }
    return filled
  }

  async note(
    read: readonly (CalendarDay & { rows: number })[],
    { hits, misses }: { hits: number; misses: number }
  ): Promise<void> {
    const { redis, keys, call, deadlineMs } = this.#parts
    for (let from = 0; from === 0 || from < read.length; from += daysPerNote) {
      const reply = await call('noteDays', async () =>
        scripts.daysNote.run(
          redis,
          { read_key: keys.daysRead(), sizes_key: keys.daySizes(), counts_key: keys.dayCounts() },
          {
            hits: from === 0 ? hits : 0,
            misses: from === 0 ? misses : 0,
            days_max: daysMax,
            rows_max: rowsMax,
            keep_ms: noteKeepMs,
            deadline_ms: await deadlineMs(),
            days: read
              .slice(from, from + daysPerNote)
              .map(({ calendar, day, rows }) => `${rows} ${calendar} ${day}`)
          }
        )
      )
      if (reply.status === 'LATE' || reply.leaving.length === 0) continue
      const leaving = reply.leaving.map(calendarDayOf)
      await call('dropDays', () =>
        pipelined(
          leaving.reduce(
            (pipeline, { calendar, day }) => pipeline.unlink(keys.day(calendar, day)),
            redis.pipeline()
          )
        )
      )
    }
  }

  async lately(most: number): Promise<CalendarDay[]> {
    const { redis, keys, call } = this.#parts
    const read = await call('latelyRead', () => redis.zrevrange(keys.daysRead(), 0, most - 1))
    return read.map(calendarDayOf)
  }

  async stats(): Promise<RowCacheStats> {
    const { redis, keys, call } = this.#parts
    const counts = await call('cacheStats', () => redis.hgetall(keys.dayCounts()))
    let totalKeys = 0
    let memoryBytes = 0
    for (let from = 0; from < daysMax; from += keysPerLook) {
      const read = await call('cacheStats', () =>
        redis.zrevrange(keys.daysRead(), from, from + keysPerLook - 1)
      )
      const bytes = await call('cacheStats', () =>
        pipelined<number | null>(
          read
            .map(calendarDayOf)
            .reduce(
              (pipeline, { calendar, day }) => pipeline.memory('USAGE', keys.day(calendar, day)),
              redis.pipeline()
            )
        )
      )
      for (const used of bytes) {
        if (typeof used !== 'number') continue
        totalKeys += 1
        memoryBytes += used
      }
      if (read.length < keysPerLook) break
    }
    return { hits: Number(counts.hits ?? 0), misses: Number(counts.misses ?? 0), totalKeys, memoryBytes }
  }
}

/** As a hash keeps it under the slot's name. */
export const encodeRow = ({ ver, state, token, owner, expiresAt }: SlotRow): string =>
  `${ver}:${state}:${token ?? ''}:${owner ?? ''}:${Math.ceil(expiresAt)}`

const rowPattern = /^(\d{1,16}):(free|locked|booked|blocked):([\w-]*):([\w-]*):(\d{1,16})$/

/** undefined: it is not filled, or holds something that is none of ours; then the database is asked. */
export function decodeDay(
  calendar: CalendarId,
  hash: Readonly<Record<string, string>>
): CachedDay | undefined {
  const asOfMs = Number(hash['='] ?? Number.NaN)
  if (!Number.isSafeInteger(asOfMs)) return undefined
  const rows = new Map<SlotId, SlotRow>()
  for (const [name, text] of Object.entries(hash)) {
    if (name === '=' || name === '?') continue
    const [, ver, state, token, owner, expiresAt] = rowPattern.exec(text) ?? []
    if (ver === undefined) return undefined
    rows.set(name as SlotId, {
      calendar,
      slot: name as SlotId,
      state: state as SlotStatus,
      ver: Number(ver),
      owner: (owner || null) as SessionId | null,
      token: (token || null) as LockId | null,
      expiresAt: Number(expiresAt)
    })
  }
  return { asOfMs, rows }
}

function calendarDayOf(member: string): CalendarDay {
  const space = member.indexOf(' ')
  return { calendar: member.slice(0, space) as CalendarId, day: member.slice(space + 1) as UtcDay }
}

function* portions(
  days: readonly UtcDay[],
  rows: ReadonlyMap<UtcDay, readonly SlotRow[]>
): Generator<UtcDay[]> {
  let portion: UtcDay[] = []
  let size = 0
  for (const day of days) {
    const count = rows.get(day)?.length ?? 0
    if (count > rowsPerDayMax) continue
    if (portion.length > 0 && size + count > rowsPerPut) {
      yield portion
      portion = []
      size = 0
    }
    portion.push(day)
    size += count
  }
  if (portion.length > 0) yield portion
}

/** What each command answered; undefined where the server refused it, such as for a key of another type. */
async function pipelined<T>(pipeline: {
  exec(): Promise<[Error | null, unknown][] | null>
}): Promise<(T | undefined)[]> {
  const answers = (await pipeline.exec()) ?? []
  const lost = answers.find(([error]) => error !== null && !(error instanceof ReplyError))
  if (lost !== undefined) throw lost[0]
  return answers.map(([error, answer]) => (error === null ? (answer as T) : undefined))
}
