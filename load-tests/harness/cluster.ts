import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createConnection } from 'mysql2/promise'
import type { CalendarDefinition } from '../../src/domain/calendar.js'
import { OwnedProcess } from '../../test/helpers/process.js'
import { atEnd, own } from './cleanup.js'
import { mustAsk } from './http-client.js'
import type { StoreSetup } from './options.js'
import type { Report } from './report.js'
import { type StartedRedis, startMariadb, startRedis } from './stores.js'
import { cameTrue } from './time.js'
import { openTruth, type Truth } from './truth.js'

export interface ClusterOptions {
  cli: string
  stores: StoreSetup
  /** Embedded is always one: two instances on one file would be two services. */
  instances: number
  /** Hears what the instances logged as a warning or worse. */
  report: Report
  env?: Readonly<Record<string, string>>
}

/** Instances of slotlock that share their stores. */
export interface Service {
  /** Per instance, `http://127.0.0.1:<port>`. */
  http: string[]
  /** Per instance, the WebSocket address. */
  ws: string[]
  /** Of the instances. */
  instancePids: number[]
  adminToken: string
  truth: Truth
  putCalendar(calendar: string, definition: Omit<CalendarDefinition, 'id'>): Promise<void>
  /** Per instance, what it logged; of each log the last 64 KiB. */
  logged(): LogEntry[][]
}

export interface LogEntry {
  level: number
  /** Epoch milliseconds. */
  time: number
  msg: string
  [field: string]: unknown
}

export interface Cluster extends Service {
  stores: StoreSetup
  pids: { slotlock: number[]; redis: number[]; mariadb: number[] }
  redisUrl: string | undefined
  /** To be killed, frozen and emptied. */
  redis: StartedRedis | undefined
  mysqlUrl: string | undefined
  /** Temporary; for the reference's own files. */
  folder: string
}

const startWithinMs = 30_000
const stopWithinMs = 5_000
/** pino's */
const warnLevel = 40

/**
 * Limits that would stop a load test are off or wide. Everything else is as it comes: a figure that needs a tuned
 * server is not a figure of this server.
 */
const wideLimits = {
  RATE_SESSIONS_PER_MINUTE_MAX: '0',
  RATE_REQUESTS_PER_MINUTE_MAX: '0',
  RATE_MESSAGES_PER_SECOND_MAX: '0',
  RATE_LOCKS_PER_ADDRESS_MAX: '0',
  RATE_LOCKS_PER_SESSION_MAX: '0',
  RATE_LOCKS_PER_CALENDAR_MAX: '0',
  LOCKED_SLOTS_PER_ADDRESS_MAX: '0',
  CONNECTIONS_PER_ADDRESS_MAX: '0',
  LOCKS_PER_SESSION_MAX: '64',
  LOCKED_SLOTS_PER_SESSION_MAX: '256'
}

/** Starts everything on free loopback ports and in one temporary folder; all of it ends with the scenario. */
export async function startCluster({
  cli,
  stores,
  instances,
  report,
  env
}: ClusterOptions): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'slotlock-load-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const mariadb = stores === 'embedded' ? undefined : await startMariadb(join(folder, 'mariadb'))
  if (mariadb !== undefined) atEnd(() => mariadb.process.kill())
  const redis = stores === 'redis' ? await startRedis(join(folder, 'redis')) : undefined
  if (redis !== undefined) atEnd(() => redis.kill())

  const embedded = join(folder, 'embedded')
  const service = await startService({
    cli,
    report,
    instances: stores === 'embedded' ? 1 : instances,
    env: { ...(redis === undefined ? {} : { REDIS_URL: redis.url }), SLOTLOCK_DATA: embedded, ...env },
    mysqlUrl: mariadb?.url,
    openTruth: () =>
      openTruth(
        mariadb === undefined ? { kind: 'sqlite', folder: embedded } : { kind: 'mysql', url: mariadb.url }
      )
  })
  return {
    ...service,
    stores,
    pids: {
      slotlock: service.instancePids,
      redis: redis === undefined ? [] : [redis.pid],
      mariadb: mariadb === undefined ? [] : [mariadb.process.pid]
    },
    redisUrl: redis?.url,
    redis,
    mysqlUrl: mariadb?.url,
    folder
  }
}

/**
 * The same service without Redis, on a database of its own in the same server: what going without Redis costs can
 * only be told beside one that never had it.
 */
export async function startSqlTwin(
  cluster: Cluster,
  { cli, instances, report }: Pick<ClusterOptions, 'cli' | 'instances' | 'report'>
): Promise<Service> {
  if (cluster.mysqlUrl === undefined) throw new Error('an embedded cluster has no twin')
  const url = new URL(cluster.mysqlUrl)
  const connection = await createConnection(url.href)
  await connection.query('CREATE DATABASE slotlock_twin')
  await connection.end()
  url.pathname = '/slotlock_twin'
  return startService({
    cli,
    report,
    instances,
    env: { SLOTLOCK_DATA: join(cluster.folder, 'twin') },
    mysqlUrl: url.href,
    openTruth: () => openTruth({ kind: 'mysql', url: url.href })
  })
}

async function startService(parts: {
  cli: string
  instances: number
  report: Report
  mysqlUrl: string | undefined
  env: Readonly<Record<string, string>>
  openTruth: () => Promise<Truth>
}): Promise<Service> {
  const { cli, instances, report, mysqlUrl, env } = parts
  const environment: NodeJS.ProcessEnv = {
    ...withoutOurs(process.env),
    ...wideLimits,
    HOST: '127.0.0.1',
    PORT: '0',
    SLOTLOCK_SECRET: randomBytes(32).toString('hex'),
    ...(mysqlUrl === undefined ? {} : { MYSQL_URL: mysqlUrl }),
    ...env
  }
  if (mysqlUrl !== undefined) runCli(cli, ['migrate'], environment)
  const processes = Array.from({ length: instances }, () =>
    own(new OwnedProcess(process.execPath, [cli, 'serve'], environment))
  )
  for (const process_ of processes) atEnd(() => endGently(process_))
  const logged = (): LogEntry[][] => processes.map(process_ => entriesOf(process_.output))
  // before they are ended, which they would log as well
  atEnd(() => noteWarnings(report, logged().flat()))
  const http = await Promise.all(processes.map(addressOf))
  const adminToken = runCli(cli, ['token', '--role', 'admin'], environment).trim()
  const truth = await parts.openTruth()
  atEnd(() => truth.close())
  return {
    http,
    ws: http.map(url => `${url.replace('http', 'ws')}/v1/ws`),
    instancePids: processes.map(process_ => process_.pid),
    adminToken,
    truth,
    logged,
    putCalendar: async (calendar, definition) => {
      const url = `${http[0]}/v1/calendars/${calendar}`
      await mustAsk(url, { method: 'PUT', token: adminToken, body: definition })
      for (const other of http.slice(1)) await knowsCalendar(other, calendar)
    }
  }
}

/** pino's lines; what else a process prints is none of them. */
function entriesOf(output: string): LogEntry[] {
  return output.split('\n').flatMap(line => {
    try {
      return [{ level: 0, time: 0, msg: '', ...(JSON.parse(line) as object) }]
    } catch {
      return []
    }
  })
}

/** A service that keeps its promises while its log complains is worth a look. */
function noteWarnings(report: Report, entries: readonly LogEntry[]): void {
  const counts = new Map<string, number>()
  for (const { level, msg } of entries) {
    if (level < warnLevel) continue
    const text = msg.replace(/\d+/g, 'N')
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  for (const [text, count] of counts) report.note(`logged ${count} times as a warning or worse: ${text}`)
}

/** As an operator would, and by force when that takes too long. */
async function endGently(process_: OwnedProcess): Promise<void> {
  const forced = setTimeout(() => void process_.kill('SIGKILL'), stopWithinMs)
  await process_.kill('SIGTERM')
  clearTimeout(forced)
}

/** The shell's own REDIS_URL or HOST must not reach a server under test. */
export function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const foreign =
    /^(SLOTLOCK_|REDIS_|MYSQL_|RATE_|LOCK|SELECTION_|CONNECTIONS_|HOST$|PORT$|LOG_LEVEL$|NODE_OPTIONS$)/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name)))
}

function runCli(cli: string, args: readonly string[], env: NodeJS.ProcessEnv): string {
  return execFileSync(process.execPath, [cli, ...args], { env, encoding: 'utf8', timeout: startWithinMs })
}

/** The start line says where it listens. */
export async function addressOf(process_: OwnedProcess): Promise<string> {
  const listening = /https?:\/\/127\.0\.0\.1:(\d+)/
  const up = await cameTrue(() => !process_.running || listening.test(process_.output), startWithinMs)
  const port = listening.exec(process_.output)?.[1]
  if (!up || port === undefined) throw new Error(`the server did not start:\n${process_.output}`)
  return `http://127.0.0.1:${port}`
}

/** Another instance learns of a new calendar by an event or by looking; either way it may take a moment. */
async function knowsCalendar(url: string, calendar: string): Promise<void> {
  const known = await cameTrue(async () => {
    const { calendars } = await mustAsk<{ calendars: { id: string }[] }>(`${url}/v1/calendars`)
    return calendars.some(({ id }) => id === calendar)
  }, 10_000)
  if (!known) throw new Error(`${url} does not know the calendar ${calendar} after 10 s`)
}
