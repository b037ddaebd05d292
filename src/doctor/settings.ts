import { isIP } from 'node:net'
import { type Config, ConfigError, readConfig } from '../config.js'
import type { Finding } from '../domain/finding.js'
import { hostOf } from '../settings/store-kinds.js'
import type { Examined } from './report.js'

/** The settings as the service would read them. `config` undefined: it would not start with them. */
export function examineSettings(env: NodeJS.ProcessEnv): { config: Config | undefined; examined: Examined } {
  const examined: Examined = { area: 'settings', facts: [], findings: [] }
  let config: Config
  try {
    config = readConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    examined.findings = error.problems.map(what => ({
      code: 'settings-wrong',
      severity: 'critical' as const,
      what,
      do: 'correct it; `slotlock config` prints all settings in force'
    }))
    return { config: undefined, examined }
  }
  examined.facts.push(config.environment, config.mode)
  examined.findings.push(...judgeSettings(config))
  return { config, examined }
}

export function judgeSettings(config: Config): Finding[] {
  const findings: Finding[] = []
  const found = (code: string, severity: Finding['severity'], what: string, advice: string): void =>
    void findings.push({ code, severity, what, do: advice })
  const { environment, host, redisUrl, mysqlUrl, origins } = config
  if (environment === 'development' && !isHere(host)) {
    found(
      'settings-development',
      'warning',
      `SLOTLOCK_ENV is development, and HOST ${host} can be reached from elsewhere`,
      'set SLOTLOCK_ENV=production'
    )
  }
  if (environment === 'production' && origins.includes('*')) {
    found('settings-any-origin', 'info', 'every page of the world may connect', 'nothing, if that is meant')
  }
  if (redisUrl !== undefined && !isHere(hostOf(redisUrl)) && /^(redis|valkey)(\+sentinel)?:/.test(redisUrl)) {
    found(
      'redis-plain',
      'info',
      'Redis is on another machine and spoken to without TLS',
      'use rediss://, unless nobody else is on that network'
    )
  }
  if (redisUrl !== undefined && !isHere(hostOf(redisUrl)) && !redisUrl.includes('@')) {
    found(
      'redis-open',
      'warning',
      'REDIS_URL names no password: who reaches that Redis may empty it, and read who hovers where',
      'give slotlock an account of its own (ACL SETUSER)'
    )
  }
  if (environment === 'production' && config.customerKeys.length === 0) {
    found(
      'settings-customer-plain',
      'warning',
      'CUSTOMER_KEY is not set: who gets hold of the database, or of a backup, reads names and addresses of customers',
      'set it, then run `slotlock encrypt` once; make one with: node -p "crypto.randomBytes(32).toString(\'base64\')"'
    )
  }
  if (mysqlUrl !== undefined && !isHere(hostOf(mysqlUrl)) && config.mysqlTls === 'off') {
    found(
      'database-plain',
      'warning',
      'the database is on another machine and spoken to without TLS, and names and addresses of customers go there',
      'set MYSQL_TLS=verify-full, unless nobody else is on that network'
    )
  }
  return findings
}

function isHere(host: string): boolean {
  if (host === 'localhost') return true
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1'
}
