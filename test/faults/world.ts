import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pino } from 'pino'
import type { Clock } from '../../src/domain/clock.js'
import type { CalendarId, SlotId } from '../../src/domain/ids.js'
import { defaultLimits, type Limits } from '../../src/domain/limits.js'
import type { LockStore } from '../../src/domain/lock-store.js'
import type { RevocationStore } from '../../src/domain/revocation.js'
import type { SlotRow } from '../../src/domain/slot.js'
import { SiteKeys } from '../../src/service/callers/site-keys.js'
import { Tokens } from '../../src/service/callers/tokens.js'
import type { RedisHealthChange } from '../../src/service/lane/redis-health.js'
import { createService, type Lane, type Service } from '../../src/service/service.js'
import { RedisFastLane, type RedisFastLaneOptions } from '../../src/stores/redis/fast-lane.js'
import type { SqlLockStore } from '../../src/stores/sql/lock-store.js'
import { type MysqlStoreOptions, openMysqlStore } from '../../src/stores/sql/open-mysql.js'
import { openSqliteStore } from '../../src/stores/sql/open-sqlite.js'
import { Metrics } from '../../src/transport/metrics.js'
import {
  defaultTiming,
  noLockLimits,
  type TransportSettings,
  type TransportTiming
} from '../../src/transport/settings.js'
import { buildTransport } from '../../src/transport/transport.js'
import type { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { RedisServer } from '../helpers/redis.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { calendar, dayMs, definitionOf, firstDayMs, prefix, slot } from './places.js'
import { Visitor } from './visitor.js'

export { calendar, day, definitionOf, keys, prefix, slot } from './places.js'
export { codeOf, lockIn, Visitor } from './visitor.js'

/**
 * A small deployment in one process: N instances of the whole service, each with its own way to Redis and to the
 * database, so that a story can break one way and leave the others.
 *
 *   visitors ──WS── instance 1 ──proxy── redis-server
 *                       └───────proxy── mariadbd, or one SQLite file that all instances share
 *   visitors ──WS── instance 2 ──proxy── …
 *
 * The composition is that of src/app.ts, over stores whose timeouts a story may choose: a busy test machine is no
 * reason to go without Redis, unless the story is about just that. Everything is closed in the test's teardown.
 */

export const clock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }
export interface LogLine {
  level: number
  msg: string
  [field: string]: unknown
}

export interface Instance {
  ws: string
  url: string
  service: Service
  /** Counts of this instance alone. Absent without Redis. */
  lane: RedisFastLane | undefined
  store: SqlLockStore
  /** Its ways out. `redisProxy` exists if there is a Redis, `sqlProxy` if the database is MariaDB. */
  redisProxy: TcpProxy | undefined
  sqlProxy: TcpProxy | undefined
  log: LogLine[]
  metrics: Metrics
  /** Each change of the breaker's colour, oldest first. */
  redisChanges: RedisHealthChange[]
  /** Lines of the log whose message matches. */
  logged(pattern: RegExp): LogLine[]
  /** The breaker's colour; `none` without Redis. */
  color(): 'green' | 'yellow' | 'red' | 'none'
  /** A visitor who is connected here and greeted. */
  visitor(token?: string): Promise<Visitor>
  stop(): Promise<void>
}

export interface World {
  instances: Instance[]
  /** The first two, which is all that most stories need. */
  one: Instance
  two: Instance
  redis: RedisServer
  /** A store of the test's own that sees the database directly; what it says is the truth. */
  judge: SqlLockStore
  /** Name of the database on the MariaDB; empty with SQLite. */
  database: string
  /** The file that all instances share; only with SQLite. */
  file: string
  /** The row of the nth slot; undefined: never touched. */
  row(n: number): Promise<SlotRow | undefined>
  /** All rows of the day, by slot. */
  rows(): Promise<Map<SlotId, SlotRow>>
  /** Another instance of the same deployment. */
  add(own?: OwnOptions): Promise<Instance>
}

/** What each instance may have differently. */
export interface OwnOptions {
  limits?: Partial<Limits>
  /** By default its commands have 2 s, because the tests share a machine. */
  lane?: Partial<RedisFastLaneOptions>
  mysql?: Partial<MysqlStoreOptions>
  /** An account of the MariaDB, without password. By default root, whom no server ever refuses anything. */
  mysqlUser?: string
  settings?: Partial<TransportSettings>
  timing?: Partial<TransportTiming>
  /** The instance's own clock, by which it counts pauses and stalls. */
  clock?: Clock
  /** Puts something around the store or the fast lane, for instance to leave a protection out. */
  wrapStore?: (store: SqlLockStore) => LockStore & RevocationStore
  wrapLane?: (lane: RedisFastLane) => Lane
  /** False: start the service without waiting until it trusts Redis. */
  awaitGreen?: boolean
}

export interface WorldOptions extends OwnOptions {
  instances?: number
  /** Arguments of redis-server, or false: no Redis. */
  redis?: readonly string[] | RedisServer | false
  /** Absent: SQLite, one file, opened by each instance. */
  mariadb?: MariadbServer
  calendars?: CalendarId[]
  /** The database's clock where that is SQLite, which has none of its own. */
  databaseClock?: Clock
}

/** For a database that is in no hurry: a busy test machine is not what a story is about. */
export const patience = {
  connectTimeoutMs: 10_000,
  acquireTimeoutMs: 10_000,
  queryTimeoutMs: 10_000,
  deadlineMs: 10_000
}

interface Teardown {
  teardown(end: () => unknown): void
}
type T = { teardown(end: () => Promise<void>): void }

let worlds = 0
/** Signs the tokens of every instance. */
export const secret = 'a-secret-that-is-long-enough-for-a-test'

export async function startWorld(t: T, options: WorldOptions = {}): Promise<World> {
  const {
    instances: count = 2,
    redis: redisOption = [],
    mariadb,
    calendars = [calendar],
    databaseClock
  } = options
  const redis =
    redisOption === false
      ? undefined
      : redisOption instanceof RedisServer
        ? redisOption
        : await RedisServer.start(t, redisOption)
  worlds += 1
  const database = mariadb === undefined ? '' : `world${process.pid}x${worlds}`
  const databaseUrl = mariadb === undefined ? sharedFile(t) : await mariadb.createDatabase(database)
  const judge = await openStore(databaseUrl, patience, databaseClock)
  t.teardown(() => judge.close())
  await judge.migrate()
  for (const id of calendars) await judge.putCalendar(definitionOf(id))

  const add = (own: OwnOptions = {}): Promise<Instance> =>
    startInstance(t, { ...options, ...own }, redis, mariadb, databaseUrl)
  const instances: Instance[] = []
  for (let i = 0; i < count; i++) instances.push(await add())
  return {
    instances,
    one: instances[0]!,
    two: instances[1]!,
    redis: redis!,
    judge,
    database,
    file: mariadb === undefined ? databaseUrl : '',
    row: async n => (await judge.readSlots(calendar, [slot(n)]))[0],
    rows: async () => {
      const rows = await judge.readRange(calendar, firstDayMs, firstDayMs + dayMs)
      return new Map(rows.map(row => [row.slot, row]))
    },
    add: async own => {
      const instance = await add(own)
      instances.push(instance)
      return instance
    }
  }
}

async function startInstance(
  t: T,
  options: OwnOptions & Pick<WorldOptions, 'databaseClock'>,
  redis: RedisServer | undefined,
  mariadb: MariadbServer | undefined,
  databaseUrl: string
): Promise<Instance> {
  const { lane: laneOptions, mysql, settings, timing, awaitGreen = true, databaseClock } = options
  const ownClock = options.clock ?? clock
  const redisProxy = redis && (await TcpProxy.start(t, redis.port))
  const sqlProxy = mariadb && (await TcpProxy.start(t, mariadb.port))
  const log: LogLine[] = []
  const logger = pino({ level: 'debug' }, { write: line => void log.push(JSON.parse(line) as LogLine) })
  const store = await openStore(
    mariadb === undefined
      ? databaseUrl
      : databaseUrl
          .replace(`:${mariadb.port}`, `:${sqlProxy!.port}`)
          .replace('//root@', `//${options.mysqlUser ?? 'root'}@`),
    mysql ?? {},
    databaseClock
  )
  await store.migrate()
  let lane: RedisFastLane | undefined
  const redisChanges: RedisHealthChange[] = []
  const service = createService({
    store: options.wrapStore?.(store) ?? store,
    openLane:
      redisProxy === undefined
        ? undefined
        : (listener, onGap) => {
            lane = new RedisFastLane({
              url: `redis://127.0.0.1:${redisProxy.port}`,
              prefix,
              clock,
              random: Math.random,
              listener,
              onGap,
              commandTimeoutMs: 2_000,
              ...laneOptions
            })
            return options.wrapLane?.(lane) ?? lane
          },
    alone: false,
    limits: { ...defaultLimits, lockTtlMinMs: 100, ...options.limits },
    clock: ownClock,
    random: Math.random,
    randomBytes: size => randomBytes(size),
    log: logger,
    onRedisChange: change => void redisChanges.push(change)
  })
  const metrics = new Metrics({ defaults: false })
  const http = await buildTransport({
    settings: {
      version: '0.0.0-test',
      mode: redis === undefined ? 'sql-only' : 'redis+sql',
      limits: defaultLimits,
      pagesFolder: resolve('dist'),
      origins: [],
      siteKeyRequired: false,
      trustProxy: [],
      sessionsPerMinuteMax: 0,
      requestsPerMinuteMax: 0,
      messagesPerSecondMax: 0,
      connectionsPerAddressMax: 0,
      lockLimits: noLockLimits,
      connectionsMax: 0,
      shutdownGraceMs: 200,
      ...settings,
      timing: { ...defaultTiming, closeTimeoutMs: 200, ...timing }
    },
    handlers: service.handlers,
    feed: service.feed,
    staffDesk: service.staffDesk,
    monitor: service.monitor,
    tokens: new Tokens([secret], clock),
    siteKeys: new SiteKeys([secret], clock),
    revoked: service.revoked,
    calendarOrigins: service.calendarOrigins,
    metrics,
    clock,
    random: Math.random,
    logger,
    storeNowMs: () => store.nowMs()
  })
  await service.prepare()
  service.start()
  await http.listen({ host: '127.0.0.1', port: 0 })
  const url = http.listeningOrigin
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      await http.close()
      await service.stop()
      await lane?.close()
      await store.close()
      metrics.close()
    })()
    return stopped
  }
  t.teardown(stop)
  const color = (): ReturnType<Instance['color']> => service.monitor.services().redis?.state ?? 'none'
  if (redis !== undefined && awaitGreen) await until('the breaker closes', () => color() === 'green')
  const ws = `${url.replace('http', 'ws')}/v1/ws`
  return {
    url,
    ws,
    service,
    lane,
    store,
    redisProxy,
    sqlProxy,
    log,
    metrics,
    redisChanges,
    logged: pattern => log.filter(line => pattern.test(line.msg)),
    color,
    visitor: token => Visitor.open(ws, token),
    stop
  }
}

async function openStore(
  url: string,
  mysql: Partial<MysqlStoreOptions>,
  databaseClock: Clock = clock
): Promise<SqlLockStore> {
  if (!url.startsWith('mysql:')) return openSqliteStore(url, { clock: databaseClock })
  return openMysqlStore(url, { clock, random: Math.random, connectionsMax: 4, ...mysql })
}

function sharedFile(t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-fault-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'judge.sqlite')
}
