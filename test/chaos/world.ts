import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { atEnd } from '../../load-tests/harness/cleanup.js'
import { mustAsk } from '../../load-tests/harness/http-client.js'
import { cameTrue } from '../../load-tests/harness/time.js'
import type { Random } from '../../src/domain/clock.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { RedisServer } from '../helpers/redis.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { type Calendar, definitionOf } from './calendar.js'
import type { HistoryEvent } from './history.js'
import { Host, hostSettings } from './host.js'
import { copyProgram, Instance } from './instances.js'

export interface World {
  folder: string
  redis: RedisServer
  /** Looks and meddles past all links. */
  redisClient: Redis
  mariadb: MariadbServer
  instances: Instance[]
  adminToken: string
  host: Host
}

/** Shared with nothing else, so the helpers' own ends are enough. */
const untilTheEnd = { teardown: (end: () => Promise<void>): void => atEnd(end) }

/** Locks live so short that they expire in the middle of everything; the rates of a load are nobody's business here. */
export const settings = {
  LOCK_TTL_MIN_MS: '500',
  LOCK_TTL_MS: '2000',
  LOCK_TTL_MAX_MS: '3000',
  LOCK_LIFE_MAX_MS: '8000',
  SELECTION_TTL_MS: '1000',
  RATE_SESSIONS_PER_MINUTE_MAX: '0',
  RATE_REQUESTS_PER_MINUTE_MAX: '0',
  RATE_MESSAGES_PER_SECOND_MAX: '0',
  CONNECTIONS_PER_ADDRESS_MAX: '0',
  SHUTDOWN_GRACE_MS: '2000',
  LOG_LEVEL: 'warn'
}

/** Real servers on free loopback ports; each instance reaches each store by a link of its own. */
export async function createWorld(options: {
  instances: number
  naive: boolean
  calendar: Calendar
  random: Random
  record(event: HistoryEvent): void
}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-chaos-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  const redis = await RedisServer.start(untilTheEnd, ['--maxmemory-policy', 'noeviction'])
  const mariadb = await MariadbServer.start()
  atEnd(() => mariadb.stop())
  const host = await Host.start(options.random, options.record)
  const secret = randomBytes(32).toString('hex')
  const environmentBy = (redisPort: number, mariadbPort: number): NodeJS.ProcessEnv => ({
    PATH: process.env.PATH,
    ...settings,
    ...hostSettings(host),
    SLOTLOCK_SECRET: secret,
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    MYSQL_URL: `mysql://root@127.0.0.1:${mariadbPort}/slotlock`
  })
  const direct = environmentBy(redis.port, mariadb.port)
  const program = options.naive ? naiveProgram() : slotlockProgram(folder)
  const instances: Instance[] = []
  for (let number = 0; number < options.instances; number++) {
    const toRedis = await TcpProxy.start(untilTheEnd, redis.port)
    const toMariadb = await TcpProxy.start(untilTheEnd, mariadb.port)
    const env = environmentBy(toRedis.port, toMariadb.port)
    const { record } = options
    const instance = await Instance.create({
      number,
      command: [process.execPath, ...program, 'serve'],
      env,
      toRedis,
      toMariadb,
      record
    })
    instances.push(instance)
    atEnd(() => instance.kill())
  }
  let adminToken = ''
  if (!options.naive) {
    const cli = (...args: string[]): string =>
      execFileSync(process.execPath, [...program, ...args], {
        env: direct,
        encoding: 'utf8',
        timeout: 30_000
      })
    cli('migrate')
    adminToken = cli('token', '--role', 'admin').trim()
  }
  await Promise.all(instances.map(instance => instance.start()))
  if (!options.naive) await offer(options.calendar, instances, adminToken)
  return { folder, redis, redisClient: patientClient(redis.port), mariadb, instances, adminToken, host }
}

/** Waits out whatever is done to Redis, for it is the one that does it. */
function patientClient(port: number): Redis {
  const client = new Redis({ port, protocol: 2, maxRetriesPerRequest: null, retryStrategy: () => 20 })
  client.on('error', () => {})
  atEnd(() => client.disconnect())
  return client
}

const slotlockProgram = (folder: string): string[] => [copyProgram('dist', join(folder, 'program'))]

const naiveProgram = (): string[] => [
  '--import',
  'tsx',
  fileURLToPath(new URL('./naive-server.ts', import.meta.url))
]

async function offer(calendar: Calendar, instances: readonly Instance[], adminToken: string): Promise<void> {
  const url = (instance: Instance): string => `${instance.http}/v1/calendars`
  await mustAsk(`${url(instances[0]!)}/${calendar.id}`, {
    method: 'PUT',
    token: adminToken,
    body: definitionOf(calendar)
  })
  for (const instance of instances) {
    const known = await cameTrue(async () => {
      const { calendars } = await mustAsk<{ calendars: { id: string }[] }>(url(instance))
      return calendars.some(({ id }) => id === calendar.id)
    }, 10_000)
    if (!known) throw new Error(`instance ${instance.number} does not know the calendar`)
  }
}
