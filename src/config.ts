import {
  auditRetentionDays,
  defaultLimits,
  type Limits,
  requestIdTtlMs,
  selectionRowTtlMaxMs
} from './domain/limits.js'
import {
  addressList,
  type Kind,
  oneOf,
  originList,
  type Parsed,
  secretPair,
  storeUrl,
  textLike,
  wholeNumber
} from './setting-kinds.js'

/**
 * Every setting is an environment variable of one table, which reads it, prints it and documents it. An empty variable
 * is like an absent one. `.env` files are not read: whatever starts the service knows how to set variables.
 */

export interface Config {
  /** What the stores amount to: neither URL, MYSQL_URL alone, both. */
  readonly mode: 'embedded' | 'sql-only' | 'redis+sql'
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  readonly redisUrl: string | undefined
  readonly mysqlUrl: string | undefined
  readonly mysqlConnectionsMax: number
  /** Folder of the embedded database. */
  readonly data: string
  /** The first signs, all verify. Empty only when embedded: then embeddedSecret keeps one in `data`. */
  readonly secrets: readonly string[]
  /** Allowed browser origins; `['*']`: any; empty: only pages that this server itself gave out. */
  readonly origins: readonly string[]
  /** Addresses and networks of proxies whose `X-Forwarded-For` is believed; empty: nobody's. */
  readonly trustProxy: readonly string[]
  readonly redisKeyPrefix: string
  readonly logLevel: (typeof logLevels)[number]
  readonly limits: Readonly<Limits>
  readonly auditRetentionDays: number
  /** Rate limits; 0 is off. */
  readonly sessionsPerMinuteMax: number
  readonly requestsPerMinuteMax: number
  readonly messagesPerSecondMax: number
  readonly connectionsPerAddressMax: number
  readonly connectionsMax: number
  readonly shutdownGraceMs: number
}

/** Everything that is wrong with the settings, at once: the next start should be the one that works. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'A setting is' : `${problems.length} settings are`
    super(
      [`${count} wrong (settings are environment variables):`, ...problems.map(line => `  ${line}`)].join(
        '\n'
      )
    )
    this.problems = problems
  }
}

interface Setting<T> {
  parse(text: string): Parsed<T>
  /** As `printConfig` shows it. */
  show(config: Config): string
  /** As text; empty: unset. */
  fallback: string
  /** The rest is for the table. What an unset one amounts to: */
  unset: string | undefined
  kind: string
  meaning: string
}

const setting = <T>(
  kind: Kind<T>,
  fallback: string | number,
  meaning: string,
  of: (config: Config) => T,
  unset?: string
): Setting<T> => ({
  parse: text => kind.parse(text),
  show: config => kind.print(of(config)),
  fallback: String(fallback),
  unset,
  kind: kind.name,
  meaning
})

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

const limit = (name: keyof Limits, min: number, max: number, meaning: string): Setting<number> =>
  setting(wholeNumber(min, max), defaultLimits[name], meaning, config => config.limits[name])

/** A lock must be over before its session's token and its request's id are forgotten. */
const lockMsMax = requestIdTtlMs
/** Short enough for a test to wait for, long enough to book in. */
const lockMsMin = 100
/** So many slot ids fit into one frame of 16 KiB. */
const slotsPerLockBound = 128
/** A session's live locks are read in one piece of 1,000. */
const locksPerSessionBound = 1_000
const rateBound = 10_000_000

/** In the order in which they are printed. */
const settings = {
  HOST: setting(textLike('host name or address', /^[\w.:%-]+$/), '127.0.0.1', 'where to listen', c => c.host),
  PORT: setting(wholeNumber(0, 65_535), 3000, 'where to listen; 0 takes a free one', c => c.port),
  REDIS_URL: setting(
    storeUrl('redis://user:password@host:6379', ['redis:', 'rediss:', 'valkey:', 'valkeys:'], url =>
      /^\/?\d*$/.test(url.pathname)
        ? undefined
        : 'names a database that is no number: redis://user:password@host:6379/0'
    ),
    '',
    'Redis, the fast lane; needs MYSQL_URL',
    c => c.redisUrl,
    'none'
  ),
  MYSQL_URL: setting(
    storeUrl('mysql://user:password@host:3306/database', ['mysql:', 'mariadb:'], url =>
      url.pathname.length > 1 ? undefined : 'names no database: mysql://user:password@host:3306/database'
    ),
    '',
    'MySQL or MariaDB, the judge',
    c => c.mysqlUrl,
    'none: embedded'
  ),
  MYSQL_CONNECTIONS_MAX: setting(
    wholeNumber(1, 1_000),
    10,
    'connections to the database, per instance',
    c => c.mysqlConnectionsMax
  ),
  SLOTLOCK_DATA: setting(
    textLike('path', /^[^\0]+$/),
    '.slotlock',
    'folder of the embedded database',
    c => c.data
  ),
  SLOTLOCK_SECRET: setting(
    secretPair,
    '',
    'signs tokens; the second of a comma-separated pair is still accepted',
    c => c.secrets,
    'embedded: made and kept in SLOTLOCK_DATA'
  ),
  SLOTLOCK_ORIGINS: setting(
    originList,
    '',
    'browser origins that may connect; * for any',
    c => c.origins,
    'own origin'
  ),
  TRUST_PROXY: setting(
    addressList,
    '',
    'proxies whose X-Forwarded-For tells the address of a visitor',
    c => c.trustProxy,
    'none'
  ),
  REDIS_KEY_PREFIX: setting(
    // a brace would become Redis Cluster's hash tag, and all calendars would share one shard
    textLike('prefix of 1 to 64 printable characters without braces', /^[\x21-\x7a|~]{1,64}$/),
    'slotlock:',
    'before every key and channel',
    c => c.redisKeyPrefix
  ),
  LOG_LEVEL: setting(oneOf(logLevels), 'info', 'least severity that is logged', c => c.logLevel),
  LOCK_TTL_MS: limit(
    'lockTtlMs',
    lockMsMin,
    lockMsMax,
    'how long a lock lives when the request does not say'
  ),
  LOCK_TTL_MIN_MS: limit('lockTtlMinMs', lockMsMin, lockMsMax, 'the shortest life a request may ask for'),
  LOCK_TTL_MAX_MS: limit('lockTtlMaxMs', lockMsMin, lockMsMax, 'the longest life a request may ask for'),
  LOCK_LIFE_MAX_MS: limit('lockLifeMaxMs', lockMsMin, lockMsMax, "a lock's whole life, with all extensions"),
  SELECTION_TTL_MS: limit(
    'selectionTtlMs',
    lockMsMin,
    selectionRowTtlMaxMs,
    'how long a hover lives unless it is renewed'
  ),
  SLOTS_PER_LOCK_MAX: limit('slotsPerLockMax', 1, slotsPerLockBound, 'slots of one lock'),
  LOCKS_PER_SESSION_MAX: limit('locksPerSessionMax', 1, locksPerSessionBound, 'live locks of one session'),
  LOCKED_SLOTS_PER_SESSION_MAX: limit(
    'lockedSlotsPerSessionMax',
    1,
    locksPerSessionBound * slotsPerLockBound,
    'locked slots of one session'
  ),
  AUDIT_RETENTION_DAYS: setting(
    wholeNumber(1, 36_500),
    auditRetentionDays,
    'days that the audit trail is kept',
    c => c.auditRetentionDays
  ),
  RATE_SESSIONS_PER_MINUTE_MAX: setting(
    wholeNumber(0, rateBound),
    3_000,
    'new sessions per minute and address; 0 is off',
    c => c.sessionsPerMinuteMax
  ),
  RATE_REQUESTS_PER_MINUTE_MAX: setting(
    wholeNumber(0, rateBound),
    30_000,
    'HTTP requests per minute and address; 0 is off',
    c => c.requestsPerMinuteMax
  ),
  RATE_MESSAGES_PER_SECOND_MAX: setting(
    wholeNumber(0, rateBound),
    50,
    'WebSocket messages per second and connection; 0 is off',
    c => c.messagesPerSecondMax
  ),
  CONNECTIONS_PER_ADDRESS_MAX: setting(
    wholeNumber(0, rateBound),
    2_000,
    'WebSocket connections of one address; 0 is off',
    c => c.connectionsPerAddressMax
  ),
  CONNECTIONS_MAX: setting(
    wholeNumber(0, rateBound),
    20_000,
    'WebSocket connections of one instance; 0 is off',
    c => c.connectionsMax
  ),
  SHUTDOWN_GRACE_MS: setting(
    wholeNumber(0, 600_000),
    10_000,
    'how long a stopping instance waits for what is under way',
    c => c.shutdownGraceMs
  )
}

export type SettingName = keyof typeof settings
type Values = { [N in SettingName]: (typeof settings)[N] extends Setting<infer T> ? T : never }
const names = Object.keys(settings) as SettingName[]

/** Throws ConfigError with everything that is wrong. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const values: Partial<Record<SettingName, unknown>> = {}
  const problems: string[] = []
  for (const name of names) {
    const parsed = settings[name].parse(env[name]?.trim() || settings[name].fallback)
    if (parsed.status === 'OK') values[name] = parsed.value
    else problems.push(`${name} ${parsed.problem}`)
  }
  problems.push(...contradictions(values as Partial<Values>))
  if (problems.length > 0) throw new ConfigError(problems)
  return configOf(values as Values)
}

/** What each setting may be and together they may not. A setting that could not be read is left out. */
function contradictions(values: Partial<Values>): string[] {
  const problems: string[] = []
  const ordered = (less: SettingName, more: SettingName, why: string): void => {
    const [a, b] = [values[less], values[more]]
    if (typeof a === 'number' && typeof b === 'number' && a > b) {
      problems.push(`${less} is ${a}, more than ${more}, which is ${b}: ${why}`)
    }
  }
  ordered('LOCK_TTL_MIN_MS', 'LOCK_TTL_MS', 'a lock would begin with a life that nobody may ask for')
  ordered('LOCK_TTL_MS', 'LOCK_TTL_MAX_MS', 'a lock would begin with a life that nobody may ask for')
  ordered('LOCK_TTL_MIN_MS', 'LOCK_TTL_MAX_MS', 'no life could be asked for')
  ordered('LOCK_TTL_MAX_MS', 'LOCK_LIFE_MAX_MS', 'a lock could be asked for that outlives its whole life')
  ordered('SLOTS_PER_LOCK_MAX', 'LOCKED_SLOTS_PER_SESSION_MAX', 'the largest lock could never be had')
  ordered('LOCKS_PER_SESSION_MAX', 'LOCKED_SLOTS_PER_SESSION_MAX', 'a lock has one slot at least')

  // 'in': one that was given and is malformed has its own line already, and is not missing
  const without = (name: SettingName): boolean => name in values && isUnset(values[name])
  if (values.REDIS_URL !== undefined && without('MYSQL_URL')) {
    problems.push(
      'REDIS_URL is set and MYSQL_URL is not: Redis is never the judge, so every instance would judge by a database of its ' +
        'own and give one slot twice. Set MYSQL_URL too, or leave REDIS_URL out to run embedded'
    )
  }
  if (values.MYSQL_URL !== undefined && without('SLOTLOCK_SECRET')) {
    problems.push(
      'SLOTLOCK_SECRET is missing: with MYSQL_URL every instance needs the same one, or a visitor of one is a stranger to ' +
        `the next. Make one with: node -p "crypto.randomBytes(32).toString('base64url')"`
    )
  }
  return problems
}

const isUnset = (value: unknown): boolean =>
  value === undefined || (Array.isArray(value) && value.length === 0)

function configOf(values: Values): Config {
  return Object.freeze({
    mode:
      values.MYSQL_URL === undefined ? 'embedded' : values.REDIS_URL === undefined ? 'sql-only' : 'redis+sql',
    host: values.HOST,
    port: values.PORT,
    redisUrl: values.REDIS_URL,
    mysqlUrl: values.MYSQL_URL,
    mysqlConnectionsMax: values.MYSQL_CONNECTIONS_MAX,
    data: values.SLOTLOCK_DATA,
    secrets: Object.freeze(values.SLOTLOCK_SECRET),
    origins: Object.freeze(values.SLOTLOCK_ORIGINS),
    trustProxy: Object.freeze(values.TRUST_PROXY),
    redisKeyPrefix: values.REDIS_KEY_PREFIX,
    logLevel: values.LOG_LEVEL,
    limits: Object.freeze({
      lockTtlMs: values.LOCK_TTL_MS,
      lockTtlMinMs: values.LOCK_TTL_MIN_MS,
      lockTtlMaxMs: values.LOCK_TTL_MAX_MS,
      lockLifeMaxMs: values.LOCK_LIFE_MAX_MS,
      selectionTtlMs: values.SELECTION_TTL_MS,
      slotsPerLockMax: values.SLOTS_PER_LOCK_MAX,
      locksPerSessionMax: values.LOCKS_PER_SESSION_MAX,
      lockedSlotsPerSessionMax: values.LOCKED_SLOTS_PER_SESSION_MAX
    }),
    auditRetentionDays: values.AUDIT_RETENTION_DAYS,
    sessionsPerMinuteMax: values.RATE_SESSIONS_PER_MINUTE_MAX,
    requestsPerMinuteMax: values.RATE_REQUESTS_PER_MINUTE_MAX,
    messagesPerSecondMax: values.RATE_MESSAGES_PER_SECOND_MAX,
    connectionsPerAddressMax: values.CONNECTIONS_PER_ADDRESS_MAX,
    connectionsMax: values.CONNECTIONS_MAX,
    shutdownGraceMs: values.SHUTDOWN_GRACE_MS
  })
}

/** `NAME=value` lines of all settings in force; secrets are masked. */
export function printConfig(config: Config): string {
  return names.map(name => `${name}=${settings[name].show(config)}\n`).join('')
}

/** For the reference: each setting's name, what it may be, its default and what it means. */
export function configTable(): { name: SettingName; kind: string; default: string; meaning: string }[] {
  return names.map(name => {
    const { kind, fallback, meaning, unset } = settings[name]
    return { name, kind, default: unset ?? fallback, meaning }
  })
}
