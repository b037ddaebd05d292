import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/app.js'
import type { CalendarId } from '../../src/domain/ids.js'
import type { Role } from '../../src/service/callers/claims.js'
import { Tokens } from '../../src/service/callers/tokens.js'
import { type Env, Instance } from './instance.js'
import { MariadbServer } from './mariadb.js'
import { until } from './process.js'
import { RedisServer } from './redis.js'
import { openTruth, type Truth } from './truth.js'

/** The three ways to run slotlock. Whatever the contract promises, it promises on each of them. */
export interface SetUp {
  readonly name: 'embedded' | 'sql-only' | 'redis+sql'
  /** Two wherever two are possible: then the clients of a test sit on different ones. */
  readonly instances: 1 | 2
}

export const setUps: readonly SetUp[] = [
  { name: 'embedded', instances: 1 },
  { name: 'sql-only', instances: 2 },
  { name: 'redis+sql', instances: 2 }
]

export const sharedSecret = 'a-secret-that-all-instances-of-a-test-share'

/** Nothing stands in the way of a test that asks a lot; short lives, so that a test can wait for an end. */
const testSettings = {
  RATE_SESSIONS_PER_MINUTE_MAX: '0',
  RATE_REQUESTS_PER_MINUTE_MAX: '0',
  RATE_MESSAGES_PER_SECOND_MAX: '0',
  CONNECTIONS_PER_ADDRESS_MAX: '0',
  LOCK_TTL_MIN_MS: '300',
  LOCK_LIFE_MAX_MS: '1800000',
  SLOTLOCK_SECRET: sharedSecret
}

type TearsDown = { teardown(end: () => unknown): void }

export interface World {
  readonly setUp: SetUp
  /** What an instance needs to be one more of these. */
  readonly settings: Env
  readonly instances: readonly Instance[]
  /** One more of them. */
  another(): Promise<Instance>
  /** The first instance and the last; the same one where there is one. */
  readonly a: Instance
  readonly b: Instance
  readonly redis: RedisServer | undefined
  readonly mariadb: MariadbServer | undefined
  /** The rows, read behind the service's back. */
  readonly truth: Truth
  /** For when the connection of the other was lost with the server. */
  readTruthAgain(): Promise<Truth>
  /** As `slotlock token` prints it. `calendars` absent: all. */
  tokenOf(role: Role, calendars?: readonly string[]): string
  /** Ours, and its time is over. */
  readonly expiredToken: string
}

/** Starts the stores and instances of a set-up, empty; all of it ends with the test. */
export async function startWorld(
  t: TearsDown,
  setUp: SetUp,
  options: { settings?: Env; mariadb?: MariadbServer; redis?: RedisServer } = {}
): Promise<World> {
  const data = mkdtempSync(join(tmpdir(), 'slotlock-data-'))
  t.teardown(() => rmSync(data, { recursive: true, force: true }))
  const mariadb = setUp.name === 'embedded' ? undefined : (options.mariadb ?? (await sharedMariadb()))
  const redis = setUp.name === 'redis+sql' ? (options.redis ?? (await RedisServer.start(t))) : undefined
  const mysqlUrl = await mariadb?.createDatabase(`world_${++worlds}`)
  const settings = {
    ...testSettings,
    SLOTLOCK_DATA: data,
    ...(mysqlUrl === undefined ? {} : { MYSQL_URL: mysqlUrl }),
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
    ...options.settings
  }
  const instances = await Promise.all(
    Array.from({ length: setUp.instances }, () => Instance.start(t, settings))
  )
  const readTruth = async (): Promise<Truth> => {
    const truth = await openTruth(
      mysqlUrl === undefined ? { kind: 'sqlite', folder: data } : { kind: 'mysql', url: mysqlUrl }
    )
    t.teardown(() => truth.close())
    return truth
  }
  const truth = await readTruth()
  const tokens = new Tokens([sharedSecret], systemClock)
  const twoDaysAgo = new Tokens([sharedSecret], { ...systemClock, now: () => Date.now() - 2 * 86_400_000 })
  const world: World = {
    setUp,
    settings,
    instances,
    another: () => Instance.start(t, settings),
    a: instances[0]!,
    b: instances.at(-1)!,
    redis,
    mariadb,
    truth,
    readTruthAgain: readTruth,
    tokenOf: (role, calendars) =>
      tokens.mint({ role, ttlMs: 3_600_000, calendars: calendars as CalendarId[] | undefined }).token,
    expiredToken: twoDaysAgo.openSession().token
  }
  if (redis !== undefined) {
    // a start never waits for Redis; a test of what Redis does has to
    for (const { url } of instances) await until('Redis is in use', () => isInUse(url))
  }
  return world
}

async function isInUse(url: string): Promise<boolean> {
  const { status } = (await (await fetch(`${url}/health`)).json()) as { status: string }
  return status === 'normal'
}

let worlds = 0
let shared: Promise<MariadbServer> | undefined

/** One for all set-ups of a test file, with a database for each. Not for killing. */
function sharedMariadb(): Promise<MariadbServer> {
  if (shared === undefined) {
    shared = MariadbServer.start()
    const started = shared
    t.teardown(async () => (await started).stop())
  }
  return shared
}
