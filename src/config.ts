import { readFileSync } from 'node:fs'
import { contradictions } from './settings/contradictions.js'
import type { Config } from './settings/shape.js'
import { fileSettings, type SettingName, settingNames, settings, type Values } from './settings/table.js'

export type { Config } from './settings/shape.js'

/**
 * Every setting is an environment variable of one table, settings/table.ts. An empty variable is like an absent one.
 * `.env` files are not read: whatever starts the service knows how to set variables.
 */

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

type Env = Readonly<Record<string, string | undefined>>

/** Throws ConfigError with everything that is wrong. */
export function readConfig(env: Env): Config {
  const values: Partial<Record<SettingName, unknown>> = {}
  const problems: string[] = []
  // a preset is a set of defaults, so it is known first
  const production = env.SLOTLOCK_ENV?.trim() === 'production'
  for (const name of settingNames) {
    const { fallback, inProduction } = settings[name]
    const given = textOf(env, name)
    if (given.problem !== undefined) {
      problems.push(given.problem)
      continue
    }
    const unset = production ? (inProduction ?? fallback) : fallback
    const parsed = settings[name].parse(given.text || unset)
    if (parsed.status === 'OK') values[name] = parsed.value
    else problems.push(`${name} ${parsed.problem}`)
  }
  problems.push(...contradictions(values as Partial<Values>))
  if (problems.length > 0) throw new ConfigError(problems)
  return configOf(values as Values)
}

/** The variable, or the file that `NAME_FILE` names. */
function textOf(env: Env, name: SettingName): { text: string; problem?: string } {
  const text = env[name]?.trim() ?? ''
  const path = fileSettings.has(name) ? (env[`${name}_FILE`]?.trim() ?? '') : ''
  if (path === '') return { text }
  if (text !== '') return { text, problem: `${name} and ${name}_FILE are both set: which one is meant?` }
  try {
    return { text: readFileSync(path, 'utf8').trim() }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error
    return { text, problem: `${name}_FILE ${JSON.stringify(path)} cannot be read: ${code}` }
  }
}

function configOf(values: Values): Config {
  return Object.freeze({
    mode:
      values.MYSQL_URL === undefined ? 'embedded' : values.REDIS_URL === undefined ? 'sql-only' : 'redis+sql',
    environment: values.SLOTLOCK_ENV,
    allow: Object.freeze(values.SLOTLOCK_ALLOW),
    host: values.HOST,
    port: values.PORT,
    redisUrl: values.REDIS_URL,
    redisTls: Object.freeze({
      ca: values.REDIS_TLS_CA,
      cert: values.REDIS_TLS_CERT,
      key: values.REDIS_TLS_KEY
    }),
    redisSentinelPassword: values.REDIS_SENTINEL_PASSWORD,
    mysqlUrl: values.MYSQL_URL,
    mysqlTls: values.MYSQL_TLS,
    mysqlTlsFiles: Object.freeze({
      ca: values.MYSQL_TLS_CA,
      cert: values.MYSQL_TLS_CERT,
      key: values.MYSQL_TLS_KEY
    }),
    mysqlConnectionsMax: values.MYSQL_CONNECTIONS_MAX,
    data: values.SLOTLOCK_DATA,
    secrets: Object.freeze(values.SLOTLOCK_SECRET),
    hostTokens:
      values.HOST_JWKS === undefined
        ? undefined
        : Object.freeze({
            jwks: values.HOST_JWKS,
            issuer: values.HOST_JWT_ISSUER,
            audience: values.HOST_JWT_AUDIENCE
          }),
    origins: Object.freeze(values.SLOTLOCK_ORIGINS),
    siteKeyRequired: values.SITE_KEY_REQUIRED === 'yes',
    trustProxy: Object.freeze(values.TRUST_PROXY),
    redisKeyPrefix: values.REDIS_KEY_PREFIX,
    logLevel: values.LOG_LEVEL,
    otlpEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
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
    webhooks: Object.freeze({
      urls: Object.freeze(values.WEBHOOK_URL),
      secrets: Object.freeze(values.WEBHOOK_SECRET),
      types: Object.freeze(values.WEBHOOK_EVENTS),
      timeoutMs: values.WEBHOOK_TIMEOUT_MS,
      retryMs: values.WEBHOOK_RETRY_MS
    }),
    customerKeys: Object.freeze(values.CUSTOMER_KEY),
    customerRetentionDays: values.CUSTOMER_RETENTION_DAYS,
    addressRetentionDays: values.ADDRESS_RETENTION_DAYS,
    sessionsPerMinuteMax: values.RATE_SESSIONS_PER_MINUTE_MAX,
    requestsPerMinuteMax: values.RATE_REQUESTS_PER_MINUTE_MAX,
    messagesPerSecondMax: values.RATE_MESSAGES_PER_SECOND_MAX,
    connectionsPerAddressMax: values.CONNECTIONS_PER_ADDRESS_MAX,
    lockLimits: Object.freeze({
      locksPerAddressPerMinuteMax: values.RATE_LOCKS_PER_ADDRESS_MAX,
      locksPerSessionPerMinuteMax: values.RATE_LOCKS_PER_SESSION_MAX,
      locksPerCalendarPerMinuteMax: values.RATE_LOCKS_PER_CALENDAR_MAX,
      slotsPerAddressMax: values.LOCKED_SLOTS_PER_ADDRESS_MAX
    }),
    connectionsMax: values.CONNECTIONS_MAX,
    shutdownGraceMs: values.SHUTDOWN_GRACE_MS
  })
}

/** `NAME=value` lines of all settings in force; secrets are masked. */
export function printConfig(config: Config): string {
  return settingNames.map(name => `${name}=${settings[name].show(config)}\n`).join('')
}

/** For the reference: each setting's name, what it may be, its default and what it means. */
export function configTable(): { name: SettingName; kind: string; default: string; meaning: string }[] {
  return settingNames.map(name => {
    const { kind, fallback, inProduction, meaning, unset } = settings[name]
    const inDevelopment = unset ?? fallback
    const both = inProduction === undefined ? inDevelopment : `${inDevelopment}; production ${inProduction}`
    return { name, kind, default: both, meaning }
  })
}
