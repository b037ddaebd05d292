import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { isAbsolute } from 'node:path'
import { deliveredKeptMs } from '../domain/webhook-store.js'
import { weaknessOf } from './secret-strength.js'
import type { PemFile } from './shape.js'
import { hostOf } from './store-kinds.js'
import type { SettingName, Values } from './table.js'

/** What each setting may be and together they may not. A setting that could not be read is left out. */
export function contradictions(values: Partial<Values>): string[] {
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
  if (values.LOCKED_SLOTS_PER_ADDRESS_MAX !== 0) {
    ordered('SLOTS_PER_LOCK_MAX', 'LOCKED_SLOTS_PER_ADDRESS_MAX', 'the largest lock could never be had')
  }
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
  problems.push(
    ...hostTokenProblems(values),
    ...tlsProblems(values),
    ...webhookProblems(values),
    ...productionProblems(values)
  )
  return problems
}

const isUnset = (value: unknown): boolean =>
  value === undefined || (Array.isArray(value) && value.length === 0)

/** Without all three a token of the same keys for another service would be one for us. */
function hostTokenProblems(values: Partial<Values>): string[] {
  const names = ['HOST_JWKS', 'HOST_JWT_ISSUER', 'HOST_JWT_AUDIENCE'] as const
  const isSet = (name: (typeof names)[number]): boolean => values[name] !== undefined && values[name] !== ''
  const given = names.filter(isSet)
  const missing = names.filter(name => name in values && !isSet(name))
  if (given.length === 0 || missing.length === 0) return []
  return [`${given.join(' and ')} set and ${missing.join(' and ')} not: the host's tokens need all three`]
}

function tlsProblems(values: Partial<Values>): string[] {
  const problems: string[] = []
  for (const store of ['REDIS', 'MYSQL'] as const) {
    const [certName, keyName] = [`${store}_TLS_CERT`, `${store}_TLS_KEY`] as const
    const cert = values[certName]
    const key = values[keyName]
    if (certName in values && keyName in values && (cert === undefined) !== (key === undefined)) {
      const [given, missing] = cert === undefined ? [keyName, certName] : [certName, keyName]
      problems.push(
        `${given} is set and ${missing} is not: a certificate is shown with its key or not at all`
      )
    }
    if (cert !== undefined && key !== undefined && !belongTogether(cert, key)) {
      problems.push(`${keyName} is not the key to ${certName}`)
    }
  }
  const filesOf = (store: 'REDIS' | 'MYSQL'): SettingName[] =>
    ([`${store}_TLS_CA`, `${store}_TLS_CERT`, `${store}_TLS_KEY`] as const).filter(
      name => values[name] !== undefined
    )
  const redisUrl = values.REDIS_URL
  if ('REDIS_URL' in values && !/^(rediss|valkeys)/.test(redisUrl ?? '')) {
    for (const name of filesOf('REDIS')) {
      problems.push(`${name} is set and REDIS_URL does not begin with rediss: nothing would be encrypted`)
    }
  }
  if (values.MYSQL_TLS === 'off') {
    for (const name of filesOf('MYSQL')) {
      problems.push(
        `${name} is set and MYSQL_TLS is off: nothing would be encrypted; set MYSQL_TLS=verify-full`
      )
    }
  }
  if (values.MYSQL_TLS === 'verify-full' && values.MYSQL_URL !== undefined) {
    // the driver compares with no name at all then
    if (isIP(hostOf(values.MYSQL_URL)) !== 0) {
      problems.push(
        'MYSQL_TLS is verify-full and MYSQL_URL has an address for a host: give the name that the certificate is for, or ' +
          'take verify-ca'
      )
    }
  }
  return problems
}

const belongTogether = (cert: PemFile, key: PemFile): boolean =>
  new X509Certificate(cert.pem).checkPrivateKey(createPrivateKey(key.pem))

/** Events are rows of the audit trail: one that is deleted before its last attempt could not be sent any more. */
const webhookRetentionDaysMin = Math.ceil(deliveredKeptMs / 86_400_000)

function webhookProblems(values: Partial<Values>): string[] {
  const { WEBHOOK_URL: urls, WEBHOOK_SECRET: secrets, AUDIT_RETENTION_DAYS: days } = values
  const problems: string[] = []
  if (urls !== undefined && urls.length > 0) {
    if (secrets !== undefined && secrets.length === 0) {
      problems.push(
        'WEBHOOK_URL is set and WEBHOOK_SECRET is not: the host could not tell a webhook from what somebody else sends. Make ' +
          `one with: node -p "'whsec_' + crypto.randomBytes(32).toString('base64')"`
      )
    }
    if (days !== undefined && days < webhookRetentionDaysMin) {
      problems.push(
        `AUDIT_RETENTION_DAYS is ${days}: with WEBHOOK_URL at least ${webhookRetentionDaysMin} are needed, because a webhook ` +
          'that fails is tried for three days, from the audit trail'
      )
    }
  }
  if (urls !== undefined && urls.length === 0) {
    for (const name of ['WEBHOOK_SECRET', 'WEBHOOK_EVENTS'] as const) {
      if (name in values && !isUnset(values[name]))
        problems.push(`${name} is set and WEBHOOK_URL is not: nobody would be told of anything`)
    }
  }
  return problems
}

/** What is good enough to try slotlock and not to put it in front of the public. */
function productionProblems(values: Partial<Values>): string[] {
  const { SLOTLOCK_ENV, SLOTLOCK_ALLOW: allow = [], SLOTLOCK_SECRET: secrets = [] } = values
  if (SLOTLOCK_ENV !== 'production') return []
  const problems: string[] = []
  if (values.SLOTLOCK_ORIGINS?.includes('*') && !allow.includes('any-origin')) {
    problems.push(
      'SLOTLOCK_ORIGINS is *: in production name the origins of your pages, or set SLOTLOCK_ALLOW=any-origin if every ' +
        'page of the world is meant'
    )
  }
  const weakness = secrets.map(weaknessOf).find(found => found !== undefined)
  if (weakness !== undefined && !allow.includes('weak-secret')) {
    problems.push(
      `SLOTLOCK_SECRET is weak: it ${weakness}. Make one with: node -p "crypto.randomBytes(32).toString('base64url')"`
    )
  }
  const embedded = 'MYSQL_URL' in values && values.MYSQL_URL === undefined
  if (embedded && values.SLOTLOCK_DATA !== undefined && !isAbsolute(values.SLOTLOCK_DATA)) {
    problems.push(
      'SLOTLOCK_DATA is not an absolute path: in production the bookings must not depend on where the service was started'
    )
  }
  return problems
}
