import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Redis } from 'ioredis'
import type { Clock, Random } from '../domain/clock.js'
import { StoreError } from '../domain/errors.js'
import type { Finding } from '../domain/finding.js'
import type { LockId, SlotId, ViewerTag } from '../domain/ids.js'
import { parseRedisUrl, type RedisAddress } from '../stores/redis/address.js'
import { commandClient } from '../stores/redis/connections.js'
import { RedisFastLane } from '../stores/redis/fast-lane.js'
import { inspectRedis } from '../stores/redis/inspect.js'
import { RedisKeys } from '../stores/redis/keys.js'
import { scratchCalendar } from '../stores/sql/scratch.js'
import { distanceTo, distanceWords, judgeDistance } from './distance.js'
import type { Examined } from './report.js'

interface Patient {
  address: RedisAddress
  prefix: string
  clock: Clock
  random: Random
}

/** A doctor has more time than a request: what takes longer than 40 ms is told as slow, not as broken. */
const patienceMs = 2_000
const connectWithinMs = 4_000
/** A quarter of what a request waits at most. */
const redisSlowMs = 10

/** Everything a running instance does with Redis, in a calendar of its own that is deleted afterwards. */
export async function examineRedis(patient: Patient): Promise<Examined> {
  const examined: Examined = { area: 'redis', facts: [], findings: [] }
  const client = commandClient(patient.address, patient.random, patienceMs)
  try {
    const refused = await connected(client)
    if (refused !== undefined) {
      const speaksPlainly = refused.code === 'redis-unreachable' && (await answersWithoutTls(patient.address))
      examined.findings.push(speaksPlainly ? plainServer : refused)
      return examined
    }
    const { version, findings } = await inspectRedis(client)
    const distance = await distanceTo(patient.clock, async () => {
      const [seconds, microseconds] = await client.time()
      return Number(seconds) * 1_000 + Number(microseconds) / 1_000
    })
    examined.facts.push(version ?? 'a Redis', distanceWords(distance))
    examined.findings.push(...findings, ...judgeDistance('redis', distance, redisSlowMs))
    const broken = await exercise(patient, client)
    if (broken === undefined) examined.facts.push('scripts, hovers and messages work')
    else examined.findings.push(broken)
  } catch (error) {
    examined.findings.push(refusalOf(error))
  } finally {
    client.disconnect()
  }
  return examined
}

/** undefined: it is ready. */
async function connected(client: Redis): Promise<Finding | undefined> {
  let lastError: Error | undefined
  return new Promise(resolve => {
    const timer = setTimeout(() => over(unreachable(lastError)), connectWithinMs)
    const over = (finding: Finding | undefined): void => {
      clearTimeout(timer)
      resolve(finding)
    }
    client.on('error', (error: Error) => {
      lastError = error
      const known = loginFinding(error) ?? tlsFinding(error)
      if (known !== undefined) over(known)
    })
    client.on('ready', () => over(undefined))
  })
}

const unreachable = (error: Error | undefined): Finding => ({
  code: 'redis-unreachable',
  severity: 'critical',
  what: `no connection within ${connectWithinMs / 1_000} s: ${error?.message || codeOf(error) || 'it does not answer'}`,
  do: 'start Redis, open the way to it, or correct REDIS_URL; instances run without it, only slower'
})

function loginFinding(error: unknown): Finding | undefined {
  if (!/WRONGPASS|NOAUTH|invalid password|without any password/i.test(String(error))) return undefined
  return {
    code: 'redis-login',
    severity: 'critical',
    what: 'Redis does not accept the user and password of REDIS_URL',
    do: 'correct them, or the account in Redis (ACL SETUSER); special characters are written as %XX'
  }
}

function tlsFinding(error: unknown): Finding | undefined {
  const code = codeOf(error)
  if (!/CERT|SIGNATURE|ALTNAME|^ERR_SSL|^ERR_TLS|EPROTO|UNABLE_TO/.test(code)) return undefined
  return {
    code: 'redis-tls',
    severity: 'critical',
    what: `TLS does not come about: ${code}`,
    do: 'REDIS_TLS_CA must name who signed the certificate of Redis, and the host of REDIS_URL be in it'
  }
}

const plainServer: Finding = {
  code: 'redis-tls',
  severity: 'critical',
  what: 'Redis answers there without TLS, and REDIS_URL wants TLS',
  do: 'give Redis a tls-port and name that one, or write redis:// if nobody else is on that network'
}

/** To whom a TLS client speaks says nothing at all: it waits for the end of what it takes for a command. */
async function answersWithoutTls(address: RedisAddress): Promise<boolean> {
  const { host, port, tls } = parseRedisUrl(address)
  if (tls === undefined || host === undefined || port === undefined) return false
  const socket = connect({ host, port })
  try {
    socket.write('PING\r\n')
    const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(patienceMs) })) as [Buffer]
    return /^[+-]/.test(answer.toString())
  } catch {
    return false
  } finally {
    socket.on('error', () => {})
    socket.destroy()
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''

/** As the fast lane does it for a lock: fill, reserve, settle and tell, hover, count, and a message that comes back. */
async function exercise(
  { address, prefix, clock, random }: Patient,
  client: Redis
): Promise<Finding | undefined> {
  const calendar = scratchCalendar()
  const keys = new RedisKeys(prefix)
  const viewer = 'doctor' as ViewerTag
  const slot = 'doctor/2000-01-01T00:00Z' as SlotId
  const lane = new RedisFastLane({
    ...address,
    prefix,
    clock,
    random,
    listener: () => {},
    commandTimeoutMs: patienceMs
  })
  try {
    await hears(lane, clock)
    const nowMs = clock.now()
    await lane.hydrate(calendar, async () => ({ rows: [], nowMs }))
    const lock = randomBytes(16).toString('base64url') as LockId
    const reserved = await lane.reserve({ calendar, slots: [slot], lock })
    if (reserved.status !== 'RESERVED') return misbehaves(`a free slot is answered with ${reserved.status}`)
    const row = {
      calendar,
      slot,
      state: 'free',
      ver: nowMs * 1_000,
      owner: null,
      token: null,
      expiresAt: 0
    } as const
    await lane.settle(calendar, [row], nowMs)
    await lane.putSelection({ calendar, viewer, slot, seq: 1, expiresAt: nowMs + 5_000 }, nowMs)
    const hovers = await lane.readSelections(calendar, nowMs)
    if (hovers.length !== 1) return misbehaves('a hover that was put is not there')
    const [counted] = await lane.addCounts([{ name: calendar, by: 1, windowMs: patienceMs }])
    if (counted?.total !== 1) return misbehaves('a count that all instances share does not begin at 1')
    await lane.probe()
    return undefined
  } catch (error) {
    return refusalOf(error)
  } finally {
    await lane.close()
    const left = [
      ...[keys.slot(calendar, slot), keys.generation(calendar)],
      ...[keys.selection(calendar, viewer), keys.selections(calendar)],
      ...[keys.count(calendar), keys.probe(lane.instance)]
    ]
    // what may not be deleted ends by itself
    await Promise.allSettled(left.map(key => client.del(key)))
  }
}

const misbehaves = (what: string): Finding => ({
  code: 'redis-misbehaves',
  severity: 'critical',
  what,
  do: 'look whether REDIS_URL leads to one server, and not to several behind a balancer'
})

/** A subscription takes a moment to be confirmed, so the first rounds of proof may fail. */
async function hears(lane: RedisFastLane, clock: Clock): Promise<void> {
  const until = clock.monotonic() + patienceMs
  for (;;) {
    try {
      await lane.probe()
      return
    } catch (error) {
      const refused = refusalOf(error).code !== 'redis-deaf'
      if (refused || clock.monotonic() > until) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

/** Whatever a call throws, as a finding. */
function refusalOf(error: unknown): Finding {
  const said = error instanceof Error ? error.message : String(error)
  if (!(error instanceof StoreError) && !(error instanceof Error && 'command' in error)) throw error
  if (/unknown command|NOPERM.*(eval|script)|NOPERM.*\beval/i.test(said)) {
    return {
      code: 'redis-no-lua',
      severity: 'critical',
      what: `the server does not run scripts for us: ${said}`,
      do: 'allow the account +@scripting, and do not rename EVAL and EVALSHA'
    }
  }
  if (/NOPERM/.test(said)) {
    return {
      code: 'redis-rights',
      severity: 'critical',
      what: `the account may not do what slotlock does: ${said}`,
      do: 'allow it ~<prefix>* &<prefix>* +@read +@write +@pubsub +@scripting +@connection +time +info, where the prefix is REDIS_KEY_PREFIX'
    }
  }
  if (/OOM/.test(said)) {
    return {
      code: 'redis-full',
      severity: 'critical',
      what: 'Redis is full and takes no writes',
      do: 'raise maxmemory, or give slotlock a Redis of its own; the database answers meanwhile'
    }
  }
  if (/READONLY/.test(said)) {
    return {
      code: 'redis-replica',
      severity: 'critical',
      what: 'this server is a replica: it refuses every write',
      do: 'let REDIS_URL name the primary'
    }
  }
  if (/subscriber is not connected|did not come back/.test(said)) {
    return {
      code: 'redis-deaf',
      severity: 'critical',
      what: 'what is published does not come back on the subscription',
      do: 'allow the account +@pubsub and its channels (&<prefix>*), and look for a proxy that does not know SUBSCRIBE'
    }
  }
  return { code: 'redis-error', severity: 'critical', what: said, do: 'see what Redis logs about it' }
}
