import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CalendarDefinition } from '../../src/domain/calendar.js'
import { OwnedProcess } from '../../test/helpers/process.js'
import { atEnd, own } from './cleanup.js'
import { mustAsk } from './http-client.js'
import type { StoreSetup } from './options.js'
import type { Report } from './report.js'
import { startMariadb, startRedis } from './stores.js'
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

export interface Cluster {
  stores: StoreSetup
  /** Per instance, `http://127.0.0.1:<port>`. */
  http: string[]
  /** Per instance, the WebSocket address. */
  ws: string[]
  pids: { slotlock: number[]; redis: number[]; mariadb: number[] }
  adminToken: string
  redisUrl: string | undefined
  mysqlUrl: string | undefined
  /** Temporary; for the reference's own files. */
  folder: string
  truth: Truth
  putCalendar(calendar: string, definition: Omit<CalendarDefinition, 'id'>): Promise<void>
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
  if (redis !== undefined) atEnd(() => redis.process.kill())

  const environment: NodeJS.ProcessEnv = {
    ...withoutOurs(process.env),
    ...wideLimits,
    HOST: '127.0.0.1',
    PORT: '0',
    SLOTLOCK_DATA: join(folder, 'embedded'),
    SLOTLOCK_SECRET: randomBytes(32).toString('hex'),
    ...(mariadb === undefined ? {} : { MYSQL_URL: mariadb.url }),
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
    ...env
  }
  if (mariadb !== undefined) runCli(cli, ['migrate'], environment)
  const count = stores === 'embedded' ? 1 : instances
  const processes = Array.from({ length: count }, () =>
    own(new OwnedProcess(process.execPath, [cli, 'serve'], environment))
  )
  for (const process_ of processes) atEnd(() => endGently(process_))
  // before they are ended, which they would log as well
  atEnd(() => noteWarnings(report, processes))
  const http = await Promise.all(processes.map(addressOf))
  const adminToken = runCli(cli, ['token', '--role', 'admin'], environment).trim()
  const truth = await openTruth(
    mariadb === undefined
      ? { kind: 'sqlite', folder: join(folder, 'embedded') }
      : { kind: 'mysql', url: mariadb.url }
  )
  atEnd(() => truth.close())
  return {
    stores,
    http,
    ws: http.map(url => `${url.replace('http', 'ws')}/v1/ws`),
    pids: {
      slotlock: processes.map(process_ => process_.pid),
      redis: redis === undefined ? [] : [redis.process.pid],
      mariadb: mariadb === undefined ? [] : [mariadb.process.pid]
    },
    adminToken,
    redisUrl: redis?.url,
    mysqlUrl: mariadb?.url,
    folder,
    truth,
    putCalendar: async (calendar, definition) => {
      const url = `${http[0]}/v1/calendars/${calendar}`
      await mustAsk(url, { method: 'PUT', token: adminToken, body: definition })
      for (const other of http.slice(1)) await knowsCalendar(other, calendar)
    }
  }
}

/** A service that keeps its promises while its log complains is worth a look. Of each log, the last 64 KiB. */
function noteWarnings(report: Report, processes: readonly OwnedProcess[]): void {
  const counts = new Map<string, number>()
  for (const line of processes.flatMap(process_ => process_.output.split('\n'))) {
    let entry: { level?: number; msg?: string }
    try {
      entry = JSON.parse(line) as typeof entry
    } catch {
      continue
    }
    if ((entry.level ?? 0) < warnLevel) continue
    const text = (entry.msg ?? '').replace(/\d+/g, 'N')
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
function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
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
