import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../src/app.js'
import type { Random } from '../../src/domain/clock.js'
import type { CalendarId } from '../../src/domain/ids.js'
import type { Role } from '../../src/service/callers/claims.js'
import { Tokens } from '../../src/service/callers/tokens.js'
import { Instance } from '../helpers/instance.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { RedisServer } from '../helpers/redis.js'
import { openTruth, type Truth } from '../helpers/truth.js'
import type { Findings } from './findings.js'
import type { StoreSetup } from './options.js'
import { VitalsReader } from './vitals.js'

/** Who asks: what the token says, or what is wrong with it. */
export interface Who {
  kind: 'visitor' | 'staff' | 'staff elsewhere' | 'host' | 'admin' | 'expired' | 'forged' | 'nobody'
  role: Role
  /** Absent: nobody's session, or one that is not known beforehand. */
  session: string | undefined
  token: string | undefined
  /** Absent: all. */
  calendars: readonly string[] | undefined
}

export interface World {
  readonly instance: Instance
  readonly port: number
  readonly vitals: VitalsReader
  readonly truth: Truth
  newcomer(kind: Who['kind']): Who
  /** One of those who come again and again: a crowd of ever new ones would fill every cache until the end of the run. */
  regular(kind: Who['kind'], random: Random): Who
}

/** Where attackers lock and book; where they have no business; where the honest ones are. */
export const battlefield = 'demo'
export const elsewhere = 'annexe'
export const quiet = 'quiet'
/** Where a crowd was before the attackers came. */
export const crowded = 'crowded'
export const rooms: readonly string[] = Array.from({ length: 3 }, (_, index) => `room-${index}`)

/** In what no log may ever show; see `watchLog`. */
export const canary = 'Canary'

const secret = 'the-secret-of-a-fuzzed-instance-and-of-nobody-else'
const dayMs = 86_400_000
type TearsDown = { teardown(end: () => unknown): void }

/** One real instance, and what it stands on. All of it ends with `t`. */
export async function createWorld(t: TearsDown, stores: StoreSetup, findings: Findings): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-fuzz-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const mariadb = stores === 'embedded' ? undefined : await MariadbServer.start()
  if (mariadb !== undefined) t.teardown(() => mariadb.stop())
  const redis = stores === 'redis' ? await RedisServer.start(t) : undefined
  const vitalsFile = join(folder, 'vitals')
  const instance = await Instance.start(t, {
    // what is measured here is not how fast a flood is refused, but what gets through
    RATE_SESSIONS_PER_MINUTE_MAX: '0',
    RATE_REQUESTS_PER_MINUTE_MAX: '0',
    RATE_MESSAGES_PER_SECOND_MAX: '0',
    CONNECTIONS_PER_ADDRESS_MAX: '0',
    // short, so that as many end as begin
    LOCK_TTL_MIN_MS: '300',
    LOCK_TTL_MS: '20000',
    LOG_LEVEL: 'info',
    SLOTLOCK_SECRET: secret,
    SLOTLOCK_DATA: join(folder, 'data'),
    ...(mariadb === undefined ? {} : { MYSQL_URL: mariadb.url() }),
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
    NODE_OPTIONS: `--import ${pathToFileURL(join('test', 'fuzz', 'inside.mjs')).href}`,
    FUZZ_VITALS: vitalsFile
  })
  watch(instance, findings)
  const newcomer = newcomers()
  const admin = newcomer('admin').token!
  for (const calendar of [battlefield, elsewhere, quiet, crowded]) await define(instance, calendar, admin)
  if (redis !== undefined)
    await until('Redis is in use', async () => {
      const health = (await (await instance.get('/health')).json()) as { status: string }
      return health.status === 'normal'
    })
  const truth = await openTruth(
    mariadb === undefined
      ? { kind: 'sqlite', folder: join(folder, 'data') }
      : { kind: 'mysql', url: mariadb.url() }
  )
  t.teardown(() => truth.close())
  return {
    instance,
    port: Number(new URL(instance.url).port),
    vitals: new VitalsReader(instance.process.pid, vitalsFile),
    truth,
    newcomer,
    regular: regulars(newcomer)
  }
}

async function define(instance: Instance, calendar: string, admin: string): Promise<void> {
  const hours = [['00:00', '24:00']]
  const response = await fetch(`${instance.url}/v1/calendars/${calendar}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      name: calendar,
      timeZone: 'UTC',
      slotMinutes: 30,
      grid: 'hours',
      resources: rooms.map(id => ({
        id,
        name: id,
        hours: { mon: hours, tue: hours, wed: hours, thu: hours, fri: hours, sat: hours, sun: hours }
      }))
    })
  })
  if (response.status !== 200) throw new Error(`no calendar ${calendar}: ${await response.text()}`)
}

function newcomers(): (kind: Who['kind']) => Who {
  const tokens = new Tokens([secret], systemClock)
  const dayBefore = new Tokens([secret], { ...systemClock, now: () => Date.now() - 2 * dayMs })
  const forger = new Tokens([`not-${secret}`], systemClock)
  const made = (by: Tokens, role: Role, calendars?: readonly string[]): Omit<Who, 'kind'> => {
    const { token, session } = by.mint({
      role,
      ttlMs: dayMs,
      calendars: calendars as CalendarId[] | undefined
    })
    return { role, session, token, calendars }
  }
  return kind => {
    switch (kind) {
      case 'visitor':
        return { kind, ...made(tokens, 'visitor') }
      case 'staff':
        return { kind, ...made(tokens, 'staff', [battlefield]) }
      case 'staff elsewhere':
        return { kind, ...made(tokens, 'staff', [elsewhere]) }
      case 'host':
        return { kind, ...made(tokens, 'host', [battlefield]) }
      case 'admin':
        return { kind, ...made(tokens, 'admin') }
      case 'expired':
        return { kind, ...made(dayBefore, 'admin') }
      case 'forged':
        return { kind, ...made(forger, 'admin') }
      case 'nobody':
        return { kind, role: 'visitor', session: undefined, token: undefined, calendars: undefined }
      default:
        return kind satisfies never
    }
  }
}

const regularsMax = 300

function regulars(newcomer: World['newcomer']): World['regular'] {
  const known = new Map<string, Who>()
  return (kind, random) => {
    const name = `${kind} ${Math.floor(random() * regularsMax)}`
    const who = known.get(name) ?? newcomer(kind)
    known.set(name, who)
    return who
  }
}

const errorLevel = 50

/** What it logs is read as it comes: bugs, what a customer's name or a token is in, and that it has ended. */
function watch(instance: Instance, findings: Findings): void {
  const { child } = instance.process
  child.once('exit', (code, signal) => {
    if (signal !== 'SIGKILL')
      findings.add('the process is alive', `it ended with ${code ?? signal}: ${instance.log.slice(-1_000)}`)
  })
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', line => {
      if (line.includes(canary) || /eyJ[\w-]{20}/.test(line)) findings.add('no secret is logged', line)
      const level = /^\{"level":(\d+)/.exec(line)?.[1]
      if (level === undefined ? stream === child.stderr : Number(level) >= errorLevel)
        findings.add('no bug is logged', line)
    })
  }
}
