import { randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { countRedis, countService, countSql, showLevels, storeObserver } from './app-metrics.js'
import { openWebhooks } from './app-webhooks.js'
import { type Config, ConfigError } from './config.js'
import { demoCalendar } from './domain/calendar-definition.js'
import type { Clock, Random } from './domain/clock.js'
import type { Finding } from './domain/finding.js'
import { embeddedSecret } from './embedded-secret.js'
import { hostTokensOf } from './host-tokens.js'
import { Inspections } from './inspections.js'
import { SiteKeys } from './service/callers/site-keys.js'
import { Tokens } from './service/callers/tokens.js'
import { createService, type Service } from './service/service.js'
import { mysqlTlsOf, redisAddressOf } from './store-addresses.js'
import type { RedisFastLane } from './stores/redis/fast-lane.js'
import { newSqlStats, type SqlStats } from './stores/sql/dialect.js'
import type { SqlLockStore } from './stores/sql/lock-store.js'
import { openSqliteStore } from './stores/sql/open-sqlite.js'
import { claimFolder } from './stores/sql/sqlite-claim.js'
import type { CallObserver } from './stores/sql/timed-database.js'
import { openTracing } from './tracing.js'
import { Metrics } from './transport/metrics.js'
import { defaultTiming } from './transport/settings.js'
import { buildTransport } from './transport/transport.js'

export interface Surroundings {
  log: Logger
  clock: Clock
  random: Random
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }

export interface App {
  /** Starts everything and answers with the URL that it listens on. Never waits for Redis; throws when the database is out. */
  start(): Promise<string>
  /** Drains: see buildTransport. Safe to call once, at any time after start. */
  stop(): Promise<void>
  readonly http: FastifyInstance
  readonly service: Service
}

export async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

async function makeDataFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new ConfigError([`SLOTLOCK_DATA ${folder} cannot be made a folder: ${problem}`])
  }
}

const dayMs = 86_400_000

/** Opens the judge, with its tables as this version needs them. */
export async function openStore(
  config: Config,
  { clock, random }: Surroundings,
  stats: SqlStats,
  observe?: CallObserver
): Promise<SqlLockStore> {
  const keeping = {
    auditRetentionMs: config.auditRetentionDays * dayMs,
    customerKeys: config.customerKeys,
    customerRetentionMs: config.customerRetentionDays * dayMs,
    addressRetentionMs: config.addressRetentionDays * dayMs
  }
  if (config.mysqlUrl === undefined) {
    await makeDataFolder(config.data)
    const store = await openSqliteStore(join(config.data, 'slotlock.db'), {
      clock,
      stats,
      ...keeping,
      observe
    })
    await store.migrate()
    return store
  }
  // a driver that is not used is not loaded: the two of them are a quarter of a start without them
  const { openMysqlStore } = await import('./stores/sql/open-mysql.js')
  const store = await openMysqlStore(config.mysqlUrl, {
    clock,
    random,
    stats,
    ...keeping,
    connectionsMax: config.mysqlConnectionsMax,
    tls: mysqlTlsOf(config),
    observe
  })
  try {
    await store.migrate()
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

/** The demo calendar, if there is no calendar at all. Answers whether it was made. */
export async function createDemoCalendar(store: SqlLockStore): Promise<boolean> {
  if ((await store.listCalendars()).length > 0) return false
  await store.putCalendar(demoCalendar(Intl.DateTimeFormat().resolvedOptions().timeZone))
  return true
}

/** What signs tokens; the embedded database keeps one where the settings name none. */
export async function secretsOf(config: Config): Promise<readonly string[]> {
  return config.secrets.length > 0 ? config.secrets : [await embeddedSecret(config.data)]
}

/** The composition root: opens the stores, puts service and transport over them. */
export async function createApp(config: Config, around: Surroundings): Promise<App> {
  const { log, clock, random } = around
  const version = await packageVersion()
  const sqlStats = newSqlStats()
  const metrics = new Metrics()
  const tracing =
    config.otlpEndpoint === undefined ? undefined : await openTracing(config.otlpEndpoint, { version, log })
  const measured = storeObserver(metrics)
  const observed = (store: 'sql' | 'redis'): ((call: string, tookMs: number) => void) => {
    const measure = measured(store)
    if (tracing === undefined) return measure
    return (call, tookMs) => {
      measure(call, tookMs)
      tracing.storeCall(store, call, tookMs)
    }
  }
  if (config.mode === 'embedded') await makeDataFolder(config.data)
  const giveBack = config.mode === 'embedded' ? claimFolder(config.data) : undefined
  const store = await openStore(config, around, sqlStats, observed('sql'))
  const demo = config.mode === 'embedded' && (await createDemoCalendar(store))
  const webhooks = await openWebhooks(config, around, {
    store,
    stats: sqlStats,
    observe: observed('sql'),
    metrics,
    version
  }).catch(async (error: unknown) => {
    // what is open would keep the process from ending
    await store.close()
    metrics.close()
    giveBack?.()
    throw error
  })
  const redisAddress = redisAddressOf(config)
  const fastLane = redisAddress === undefined ? undefined : await import('./stores/redis/fast-lane.js')

  const failovers =
    redisAddress === undefined
      ? undefined
      : metrics.counter('slotlock_redis_failovers_total', 'Times that requests began to go on without Redis')
  metrics.info('slotlock_build_info', 'What runs here', { version, mode: config.mode })
  let redis: RedisFastLane | undefined
  const inspections = new Inspections(log)
  const service = createService({
    store,
    openLane:
      redisAddress === undefined || fastLane === undefined
        ? undefined
        : (listener, onGap) => {
            redis = new fastLane.RedisFastLane({
              ...redisAddress,
              prefix: config.redisKeyPrefix,
              clock,
              random,
              listener,
              onGap,
              observe: observed('redis')
            })
            return redis
          },
    alone: config.mode === 'embedded',
    limits: config.limits,
    clock,
    random,
    randomBytes,
    log,
    warmUp: true,
    onCountsShared: shared => {
      if (shared) log.info('limits: counted by all instances together')
      else log.warn('limits: counted by each instance for itself until Redis is back')
    },
    onRedisChange: ({ from, to, afterMs, lastError }) => {
      const fields = { from, to, afterMs: Math.round(afterMs), lastError }
      if (to === 'red') failovers?.inc()
      if (to === 'green') log.info(fields, 'redis: works; requests go through it again')
      else if (to === 'red')
        log.warn(fields, 'redis: out; each request goes to the database until it is back')
      const lane = redis
      if (to === 'green' && lane !== undefined) void inspections.inspect('redis', () => lane.inspect())
    }
  })
  const limitFindings = (): Finding[] => {
    if (config.mode === 'embedded' || service.sharedCounts?.shared) return []
    const why = config.mode === 'sql-only' ? 'there is no Redis to share them' : 'until Redis is back'
    return [
      {
        code: 'limits-not-shared',
        severity: 'info',
        what: `Limits are counted by each instance for itself: ${why}.`,
        do: 'Nothing; with several instances somebody may ask so many times as often.'
      }
    ]
  }
  countService(metrics, service)
  showLevels(metrics, service)
  countSql(metrics, sqlStats)
  if (redis !== undefined) countRedis(metrics, redis.counters)

  const secrets = await secretsOf(config)
  // when a session was ended is by the database's clock, so when its token was signed is held against the same
  const host = hostTokensOf(config, { ...around, clock: { ...clock, now: () => store.nowMs() } })

  const http = await buildTransport({
    settings: {
      version,
      mode: config.mode,
      limits: config.limits,
      pagesFolder: fileURLToPath(new URL('../dist', import.meta.url)),
      origins: config.origins,
      siteKeyRequired: config.siteKeyRequired,
      trustProxy: config.trustProxy,
      sessionsPerMinuteMax: config.sessionsPerMinuteMax,
      requestsPerMinuteMax: config.requestsPerMinuteMax,
      messagesPerSecondMax: config.messagesPerSecondMax,
      connectionsPerAddressMax: config.connectionsPerAddressMax,
      lockLimits: config.lockLimits,
      connectionsMax: config.connectionsMax,
      shutdownGraceMs: config.shutdownGraceMs,
      timing: defaultTiming
    },
    handlers: service.handlers,
    feed: service.feed,
    staffDesk: service.staffDesk,
    monitor: service.monitor,
    tokens: new Tokens(secrets, clock),
    siteKeys: new SiteKeys(secrets, clock),
    hostTokens: host?.tokens,
    revoked: service.revoked,
    calendarOrigins: service.calendarOrigins,
    metrics,
    clock,
    random,
    logger: log,
    storeNowMs: () => store.nowMs(),
    sharing: service.sharedCounts,
    tracer: tracing,
    findings: () => [
      ...inspections.all(),
      ...limitFindings(),
      ...(host?.findings() ?? []),
      ...(webhooks?.findings() ?? [])
    ]
  })

  return {
    http,
    service,
    async start() {
      await service.prepare()
      service.start()
      host?.keys.start()
      webhooks?.start()
      void inspections.inspect('database', () => store.inspect())
      const url = await http.listen({ host: config.host, port: config.port })
      log.info(
        {
          version,
          url,
          mode: config.mode,
          locks: config.mysqlUrl === undefined ? `SQLite in ${config.data}` : 'MySQL',
          fastLane: redisAddress === undefined ? 'none' : 'Redis',
          ...(demo ? { demo: url } : {})
        },
        `slotlock ${version} listens on ${url}, locks in ${storeWords(config)}, ${laneWords(config)}`
      )
      return url
    },
    async stop() {
      // A poll may wait for 25 s, and the server waits for the poll.
      service.drain()
      await http.close()
      await service.stop()
      await host?.keys.stop()
      await webhooks?.stop()
      await service.lane?.close()
      await store.close()
      await tracing?.close()
      metrics.close()
      giveBack?.()
    }
  }
}

const storeWords = ({ mode, data }: Config): string =>
  mode === 'embedded' ? `the embedded database (${join(data, 'slotlock.db')}; one instance only)` : 'MySQL'

const laneWords = ({ mode }: Config): string =>
  mode === 'redis+sql'
    ? 'hovers and updates through Redis'
    : mode === 'sql-only'
      ? 'updates by the tail (no Redis)'
      : 'updates in process'
