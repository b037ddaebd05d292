import type { Redis } from 'ioredis'
import type { Finding } from '../../domain/finding.js'

export interface RedisInspection {
  /** `redis 7.0.15`, `valkey 8.1.0`; undefined when INFO may not be read. */
  version: string | undefined
  /** New with each start of the server process. */
  runId: string | undefined
  findings: Finding[]
}

/**
 * Looks at how the server is set up and says what may hurt. Nothing here is fatal: no promise hangs on Redis.
 *
 * INFO tells nearly everything; CONFIG is often closed to an application's user, which is a good thing, so not being
 * allowed to read it is only mentioned.
 */
export async function inspectRedis(redis: Redis): Promise<RedisInspection> {
  const findings: Finding[] = []
  const info = await readInfo(redis, findings)

  const policy = info.get('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction') {
    findings.push({
      code: 'redis-eviction',
      severity: 'warning',
      what: `maxmemory-policy is ${policy}: under pressure Redis throws out marks of live locks`,
      do: 'set maxmemory-policy to noeviction; until then more requests go to the database'
    })
  }
  if (info.get('role') === 'slave') {
    findings.push({
      code: 'redis-replica',
      severity: 'critical',
      what: 'this server is a replica: it refuses every write',
      do: 'let REDIS_URL name the primary'
    })
  }
  const version = info.get('redis_version')
  if (version !== undefined && Number.parseInt(version, 10) < oldestMajor) {
    findings.push({
      code: 'redis-old',
      severity: 'critical',
      what: `Redis ${version} is older than ${oldestMajor}.0, which the scripts need (SET … KEEPTTL)`,
      do: `use Redis ${oldestMajor}.0 or later, or Valkey`
    })
  }
  findings.push(...memoryFindings(info))
  if (info.get('aof_enabled') === '0') {
    findings.push({
      code: 'redis-no-aof',
      severity: 'info',
      what: 'Redis keeps no append-only file: it comes back empty, and is filled again from the database',
      do: 'nothing; appendonly yes with appendfsync everysec would keep the hovers too'
    })
  }
  await inspectOutputBuffer(redis, findings)

  const valkey = info.get('valkey_version')
  const named =
    valkey !== undefined ? `valkey ${valkey}` : version !== undefined ? `redis ${version}` : undefined
  return { version: named, runId: info.get('run_id'), findings }
}

const oldestMajor = 6
/** Of maxmemory; above it a crowd may fill the rest before anybody looks. */
const memoryShareHigh = 0.9

function memoryFindings(info: ReadonlyMap<string, string>): Finding[] {
  const [used, max] = [Number(info.get('used_memory')), Number(info.get('maxmemory'))]
  if (max === 0) {
    return [
      {
        code: 'redis-unbounded',
        severity: 'info',
        what: 'maxmemory is not set: Redis takes what its machine has',
        do: 'set maxmemory, 256mb is plenty, so that it meets a bound of its own first'
      }
    ]
  }
  if (used > max * memoryShareHigh) {
    return [
      {
        code: 'redis-full',
        severity: 'warning',
        what: `Redis uses ${Math.round((used / max) * 100)} % of its maxmemory; full, it takes no writes`,
        do: 'raise maxmemory, or give slotlock a Redis of its own; the database answers meanwhile'
      }
    ]
  }
  return []
}

/** A subscriber that falls behind by more is disconnected; Redis' default. */
const smallOutputBufferBytes = 33_554_432

async function readInfo(redis: Redis, findings: Finding[]): Promise<Map<string, string>> {
  try {
    return parseInfo(await redis.info())
  } catch (error) {
    if (redis.status !== 'ready') throw error
    findings.push({
      code: 'redis-info-closed',
      severity: 'info',
      what: 'INFO may not be read, so the version and the eviction policy are unknown',
      do: 'allow this user +info, or see to maxmemory-policy noeviction by hand'
    })
    return new Map()
  }
}

async function inspectOutputBuffer(redis: Redis, findings: Finding[]): Promise<void> {
  try {
    const [, limits] = (await redis.config('GET', 'client-output-buffer-limit')) as string[]
    const hardBytes = Number(/pubsub (\d+)/.exec(limits ?? '')?.[1] ?? 0)
    // 0 is no limit
    if (hardBytes > 0 && hardBytes <= smallOutputBufferBytes) {
      findings.push({
        code: 'redis-output-buffer',
        severity: 'info',
        what: `a subscriber that falls ${hardBytes / 1_048_576} MiB behind is cut off`,
        do: 'under heavy load raise client-output-buffer-limit, for example: pubsub 64mb 16mb 60'
      })
    }
  } catch (error) {
    if (redis.status !== 'ready') throw error
    findings.push({
      code: 'redis-config-closed',
      severity: 'info',
      what: 'CONFIG may not be read, so the output buffer of subscribers is unknown',
      do: 'nothing, if it was set up by hand: client-output-buffer-limit pubsub 64mb 16mb 60'
    })
  }
}

export function parseInfo(text: string): Map<string, string> {
  const fields = new Map<string, string>()
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1))
  }
  return fields
}
