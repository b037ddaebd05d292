import type { Limits } from '../domain/limits.js'
import type { WebhookType } from '../protocol/webhooks.js'
import type { LockLimitSettings } from '../transport/settings.js'
import type { Environment, LogLevel, Permission } from './words.js'

/** All settings in force, as the program reads them. Frozen, also inside. */
export interface Config {
  readonly environment: Environment
  /** What production refuses unless it is named here. */
  readonly allow: readonly Permission[]
  /** What the stores amount to: neither URL, MYSQL_URL alone, both. */
  readonly mode: 'embedded' | 'sql-only' | 'redis+sql'
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  readonly redisUrl: string | undefined
  readonly redisTls: TlsFiles
  /** What the Sentinels ask for, if they do; the password of Redis itself is in its URL. */
  readonly redisSentinelPassword: string | undefined
  readonly mysqlUrl: string | undefined
  readonly mysqlTls: 'off' | 'verify-ca' | 'verify-full'
  readonly mysqlTlsFiles: TlsFiles
  readonly mysqlConnectionsMax: number
  /** Folder of the embedded database. */
  readonly data: string
  /** The first signs, all verify. Empty only when embedded: then embeddedSecret keeps one in `data`. */
  readonly secrets: readonly string[]
  /** The keys that the host signs tokens with, and what those say; undefined: it signs none. */
  readonly hostTokens:
    | { readonly jwks: string; readonly issuer: string; readonly audience: string }
    | undefined
  /** Allowed browser origins; `['*']`: any; empty: only pages that this server itself gave out. */
  readonly origins: readonly string[]
  /** New visitors need the key of a site. */
  readonly siteKeyRequired: boolean
  /** Addresses and networks of proxies whose `X-Forwarded-For` is believed; empty: nobody's. */
  readonly trustProxy: readonly string[]
  readonly redisKeyPrefix: string
  readonly logLevel: LogLevel
  /** Where traces go; undefined: nowhere, and nothing is loaded for them. */
  readonly otlpEndpoint: string | undefined
  readonly limits: Readonly<Limits>
  readonly auditRetentionDays: number
  readonly webhooks: WebhookSettings
  /** 32 bytes each: the first encrypts customer data, all decrypt. Empty: it is not encrypted. */
  readonly customerKeys: readonly Buffer[]
  /** 0: kept until somebody erases it. */
  readonly customerRetentionDays: number
  readonly addressRetentionDays: number
  /** Rate limits; 0 is off. */
  readonly sessionsPerMinuteMax: number
  readonly requestsPerMinuteMax: number
  readonly messagesPerSecondMax: number
  readonly connectionsPerAddressMax: number
  readonly lockLimits: Readonly<LockLimitSettings>
  readonly connectionsMax: number
  readonly shutdownGraceMs: number
}

/** Without `urls` nothing is told to anybody. */
export interface WebhookSettings {
  readonly urls: readonly string[]
  /** All of them sign. `whsec_…`, as they stand in the setting. */
  readonly secrets: readonly string[]
  /** What the host wants to be told of; empty: everything. */
  readonly types: readonly WebhookType[]
  readonly timeoutMs: number
  /** Before the second attempt; each wait after it is twice as long. */
  readonly retryMs: number
}

/** The PEM files of one store's TLS: whom to believe, and who we are. */
export interface TlsFiles {
  readonly ca: PemFile | undefined
  readonly cert: PemFile | undefined
  readonly key: PemFile | undefined
}

export interface PemFile {
  readonly path: string
  readonly pem: string
}
