import {
  addressRetentionDays,
  auditRetentionDays,
  defaultLimits,
  type Limits,
  requestIdTtlMs,
  selectionRowTtlMaxMs
} from '../domain/limits.js'
import { webhookTypes } from '../protocol/webhooks.js'
import { jwksSource } from './host-kinds.js'
import {
  addressList,
  type Kind,
  keyPair,
  listOf,
  oneOf,
  originList,
  type Parsed,
  password,
  secretPair,
  storeUrl,
  textLike,
  wholeNumber
} from './kinds.js'
import type { Config } from './shape.js'
import { mysqlUrl, pemFile, redisUrl } from './store-kinds.js'
import { webhookSecrets, webhookUrls } from './webhook-kinds.js'
import { environments, logLevels, permissions, tlsModes } from './words.js'

/**
 * Every setting, once: this table reads them, prints them and documents them.
 */

/** One line of the table: how it is read, how it is shown, and what it is for. */
export interface Setting<T> {
  parse(text: string): Parsed<T>
  /** As `printConfig` shows it. */
  show(config: Config): string
  /** As text; empty: unset. */
  fallback: string
  /** The same for production, where it differs. */
  inProduction: string | undefined
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
  unset?: string,
  inProduction?: number
): Setting<T> => ({
  parse: text => kind.parse(text),
  show: config => kind.print(of(config)),
  fallback: String(fallback),
  inProduction: inProduction === undefined ? undefined : String(inProduction),
  unset,
  kind: kind.name,
  meaning
})

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
export const settings = {
  SLOTLOCK_ENV: setting(
    oneOf(environments),
    'development',
    'development, or production: stricter limits, and nothing weak that SLOTLOCK_ALLOW does not name',
    c => c.environment
  ),
  SLOTLOCK_ALLOW: setting(
    listOf(permissions),
    '',
    'what production refuses otherwise: any-origin, weak-secret',
    c => c.allow,
    'nothing'
  ),
  HOST: setting(textLike('host name or address', /^[\w.:%-]+$/), '127.0.0.1', 'where to listen', c => c.host),
  PORT: setting(wholeNumber(0, 65_535), 3000, 'where to listen; 0 takes a free one', c => c.port),
  REDIS_URL: setting(
    redisUrl,
    '',
    'Redis, the fast lane, or its Sentinels (redis+sentinel://host,host/name); rediss for TLS; needs MYSQL_URL',
    c => c.redisUrl,
    'none'
  ),
  REDIS_SENTINEL_PASSWORD: setting(
    password,
    '',
    'what the Sentinels ask for, where they do',
    c => c.redisSentinelPassword,
    'none'
  ),
  REDIS_TLS_CA: setting(
    pemFile('certificate'),
    '',
    'PEM file of who may have signed the certificate of Redis',
    c => c.redisTls.ca,
    'those that Node knows'
  ),
  REDIS_TLS_CERT: setting(
    pemFile('certificate'),
    '',
    'PEM file of the certificate that is shown to Redis',
    c => c.redisTls.cert,
    'none'
  ),
  REDIS_TLS_KEY: setting(
    pemFile('private key'),
    '',
    'PEM file of the key to REDIS_TLS_CERT',
    c => c.redisTls.key,
    'none'
  ),
  MYSQL_URL: setting(mysqlUrl, '', 'MySQL or MariaDB, the judge', c => c.mysqlUrl, 'none: embedded'),
  MYSQL_TLS: setting(
    oneOf(tlsModes),
    'off',
    'whether the database is spoken to by TLS: off, verify-ca (who signed it), verify-full (and the name)',
    c => c.mysqlTls
  ),
  MYSQL_TLS_CA: setting(
    pemFile('certificate'),
    '',
    'PEM file of who may have signed the certificate of the database',
    c => c.mysqlTlsFiles.ca,
    'those that Node knows'
  ),
  MYSQL_TLS_CERT: setting(
    pemFile('certificate'),
    '',
    'PEM file of the certificate that is shown to the database',
    c => c.mysqlTlsFiles.cert,
    'none'
  ),
  MYSQL_TLS_KEY: setting(
    pemFile('private key'),
    '',
    'PEM file of the key to MYSQL_TLS_CERT',
    c => c.mysqlTlsFiles.key,
    'none'
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
  HOST_JWKS: setting(
    jwksSource,
    '',
    'public keys of the host, whose tokens are then taken: a JWKS file, or its https URL',
    c => c.hostTokens?.jwks,
    'none'
  ),
  HOST_JWT_ISSUER: setting(
    textLike('name of at most 256 characters', /^.{0,256}$/),
    '',
    'who signs them: the iss of those tokens',
    c => c.hostTokens?.issuer ?? '',
    'none'
  ),
  HOST_JWT_AUDIENCE: setting(
    textLike('name of at most 256 characters', /^.{0,256}$/),
    '',
    'whom they are for: the aud of those tokens',
    c => c.hostTokens?.audience ?? '',
    'none'
  ),
  SLOTLOCK_ORIGINS: setting(
    originList,
    '',
    'browser origins that may connect; * for any',
    c => c.origins,
    'own origin'
  ),
  SITE_KEY_REQUIRED: setting(
    oneOf(['no', 'yes']),
    'no',
    'whether a new visitor needs the key of a site (slotlock token --role site)',
    c => (c.siteKeyRequired ? 'yes' : 'no')
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
  OTEL_EXPORTER_OTLP_ENDPOINT: setting(
    storeUrl('http://collector:4318', ['http:', 'https:']),
    '',
    'where traces are sent (OTLP over HTTP); the other OTEL_ variables are read as well',
    c => c.otlpEndpoint,
    'no traces'
  ),
  LOCK_TTL_MS: limit(
    'lockTtlMs',
    lockMsMin,
    lockMsMax,
    'how long a lock lives when the request does not say'
  ),
  LOCK_TTL_MIN_MS: limit('lockTtlMinMs', lockMsMin, lockMsMax, 'the shortest life a request may ask for'),
  LOCK_TTL_MAX_MS: limit('lockTtlMaxMs', lockMsMin, lockMsMax, 'the longest life a request may ask for'),
  LOCK_LIFE_MAX_MS: limit(
    'lockLifeMaxMs',
    lockMsMin,
    lockMsMax,
    "a lock's whole life, with all extensions and replacements"
  ),
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
  WEBHOOK_URL: setting(
    webhookUrls,
    '',
    'where the host is told what happens; up to four, with commas between',
    c => c.webhooks.urls,
    'none'
  ),
  WEBHOOK_SECRET: setting(
    webhookSecrets,
    '',
    'signs webhooks, whsec_ and base64; two with a comma between sign both',
    c => c.webhooks.secrets,
    'none'
  ),
  WEBHOOK_EVENTS: setting(
    listOf(webhookTypes),
    '',
    'what the host is told of, with commas between',
    c => c.webhooks.types,
    'everything'
  ),
  WEBHOOK_TIMEOUT_MS: setting(
    wholeNumber(100, 60_000),
    15_000,
    'how long an endpoint of a webhook may take to answer',
    c => c.webhooks.timeoutMs
  ),
  WEBHOOK_RETRY_MS: setting(
    wholeNumber(100, 600_000),
    5_000,
    'how long a webhook that failed waits; twice as long after each failure, an hour at most',
    c => c.webhooks.retryMs
  ),
  CUSTOMER_KEY: setting(
    keyPair,
    '',
    'encrypts customer data in the database; the second of a comma-separated pair still decrypts',
    c => c.customerKeys,
    'none: not encrypted'
  ),
  CUSTOMER_RETENTION_DAYS: setting(
    wholeNumber(0, 36_500),
    0,
    'days after the appointment that customer data is kept; 0: until somebody erases it',
    c => c.customerRetentionDays
  ),
  ADDRESS_RETENTION_DAYS: setting(
    wholeNumber(1, 36_500),
    addressRetentionDays,
    'days that the network addresses of those who booked, and of staff in the audit trail, are kept',
    c => c.addressRetentionDays
  ),
  RATE_SESSIONS_PER_MINUTE_MAX: setting(
    wholeNumber(0, rateBound),
    3_000,
    'new sessions per minute and address; 0 is off',
    c => c.sessionsPerMinuteMax,
    undefined,
    600
  ),
  RATE_REQUESTS_PER_MINUTE_MAX: setting(
    wholeNumber(0, rateBound),
    30_000,
    'HTTP requests per minute and address; 0 is off',
    c => c.requestsPerMinuteMax,
    undefined,
    6_000
  ),
  RATE_MESSAGES_PER_SECOND_MAX: setting(
    wholeNumber(0, rateBound),
    50,
    'WebSocket messages per second and connection; 0 is off',
    c => c.messagesPerSecondMax
  ),
  RATE_LOCKS_PER_ADDRESS_MAX: setting(
    wholeNumber(0, rateBound),
    0,
    'requests for a lock per minute and address, of visitors; 0 is off',
    c => c.lockLimits.locksPerAddressPerMinuteMax,
    undefined,
    300
  ),
  RATE_LOCKS_PER_SESSION_MAX: setting(
    wholeNumber(0, rateBound),
    0,
    'requests for a lock per minute and session, of visitors; 0 is off',
    c => c.lockLimits.locksPerSessionPerMinuteMax,
    undefined,
    60
  ),
  RATE_LOCKS_PER_CALENDAR_MAX: setting(
    wholeNumber(0, rateBound),
    0,
    'requests for a lock per minute and calendar, of visitors; 0 is off',
    c => c.lockLimits.locksPerCalendarPerMinuteMax
  ),
  LOCKED_SLOTS_PER_ADDRESS_MAX: setting(
    wholeNumber(0, rateBound),
    0,
    'slots of one calendar that the visitors of one address may lock in LOCK_TTL_MS; 0 is off',
    c => c.lockLimits.slotsPerAddressMax,
    undefined,
    64
  ),
  CONNECTIONS_PER_ADDRESS_MAX: setting(
    wholeNumber(0, rateBound),
    2_000,
    'WebSocket connections of one address; 0 is off',
    c => c.connectionsPerAddressMax,
    undefined,
    200
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
export type Values = { [N in SettingName]: (typeof settings)[N] extends Setting<infer T> ? T : never }
export const settingNames = Object.keys(settings) as SettingName[]

/** May also be given as a file, `NAME_FILE`: what a container's secrets and systemd's credentials are. */
export const fileSettings: ReadonlySet<SettingName> = new Set([
  'REDIS_URL',
  'REDIS_SENTINEL_PASSWORD',
  'MYSQL_URL',
  'SLOTLOCK_SECRET',
  'WEBHOOK_URL',
  'WEBHOOK_SECRET',
  'CUSTOMER_KEY'
])
