import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { openStore, systemClock } from '../app.js'
import { ConfigError, readConfig } from '../config.js'
import { StoreUnavailable } from '../domain/errors.js'
import { type CalendarId, parseCalendarId } from '../domain/ids.js'
import { rangeDaysMax } from '../domain/limits.js'
import { FastPath } from '../service/lane/fast-path.js'
import { SeenChanges } from '../service/live/seen-changes.js'
import { CachedRows } from '../service/reading/cached-rows.js'
import { CalendarDirectory } from '../service/reading/calendars.js'
import { realTimers } from '../service/tools/timers.js'
import { Warming } from '../service/upkeep/warming.js'
import { redisAddressOf } from '../store-addresses.js'
import { RedisFastLane } from '../stores/redis/fast-lane.js'
import { newSqlStats } from '../stores/sql/dialect.js'
import { options } from './arguments.js'
import { UsageError } from './usage-error.js'

/** A person waits longer for an answer than a request does. */
const patienceMs = 2_000
const connectWithinMs = 5_000
const retryMs = 50

/** Reads days from the database and brings them to Redis, as the visitors' readings would, and prints what that came to. */
export async function warm(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  const given = options({
    args,
    options: { calendar: { type: 'string', multiple: true }, days: { type: 'string' } }
  })
  const calendars = given.calendar?.map((name): CalendarId => {
    const calendar = parseCalendarId(name)
    if (calendar === undefined) throw new UsageError(`--calendar ${name} is no calendar's id`)
    return calendar
  })
  const days = given.days === undefined ? undefined : Number(given.days)
  if (days !== undefined && !(Number.isInteger(days) && days >= 1 && days <= rangeDaysMax)) {
    throw new UsageError(`--days ${given.days} is no whole number from 1 to ${rangeDaysMax}`)
  }
  const config = readConfig(env)
  const address = redisAddressOf(config)
  if (address === undefined) {
    throw new ConfigError(['REDIS_URL is not set: without Redis there is no cache that could be warmed up'])
  }
  const around = {
    clock: systemClock,
    random: Math.random,
    log: pino({ level: config.logLevel, base: null }, pino.destination(2))
  }
  const store = await openStore(config, around, newSqlStats())
  const lane = new RedisFastLane({
    ...address,
    prefix: config.redisKeyPrefix,
    ...around,
    listener: () => {},
    commandTimeoutMs: patienceMs
  })
  try {
    await answering(lane)
    let failure: unknown
    const fastPath = new FastPath(lane, {
      allows: () => true,
      begins: () => {},
      ends: () => {},
      record: outcome => {
        if (!outcome.ok) failure = outcome.error
      }
    })
    const known = await store.listCalendars()
    for (const name of calendars ?? []) {
      if (!known.some(({ id }) => id === name))
        throw new UsageError(`--calendar ${name}: there is none of that id`)
    }
    const nowMs = (): number => store.nowMs()
    const shared = { clock: systemClock, timers: realTimers, log: around.log, nowMs, fastPath }
    // nobody reads the changes here, so nothing that Redis has is believed, and every day is read anew
    const rows = new CachedRows({
      ...shared,
      store,
      seen: new SeenChanges(nowMs),
      watchfulness: () => undefined
    })
    const directory = new CalendarDirectory(store, () => systemClock.monotonic())
    const warmed = await new Warming({ ...shared, rows, calendars: directory }).warm({ calendars, days })
    if (failure !== undefined) throw failure
    const { totalKeys, memoryBytes, hits, misses } = await lane.rows.stats()
    process.stdout.write(
      `${JSON.stringify({ ...warmed, totalKeys, memoryUsage: memoryBytes, hits, misses }, null, 2)}\n`
    )
  } finally {
    await lane.close()
    await store.close()
  }
}

async function answering(lane: RedisFastLane): Promise<void> {
  const startedAt = systemClock.monotonic()
  for (;;) {
    try {
      await lane.probe()
      return
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || systemClock.monotonic() - startedAt > connectWithinMs)
        throw error
      await pause(retryMs)
    }
  }
}
