import { randomBytes } from 'node:crypto'
import { access, constants, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.js'
import type { Clock, Random } from '../domain/clock.js'
import { StoreError } from '../domain/errors.js'
import type { Finding } from '../domain/finding.js'
import type { LockId, SessionId, SlotId } from '../domain/ids.js'
import { mysqlTlsOf } from '../store-addresses.js'
import type { SqlLockStore } from '../stores/sql/lock-store.js'
import { openMysqlStore } from '../stores/sql/open-mysql.js'
import { openSqliteStore } from '../stores/sql/open-sqlite.js'
import { scratchCalendar } from '../stores/sql/scratch.js'
import { distanceTo, distanceWords, judgeDistance } from './distance.js'
import type { Examined } from './report.js'

/** Every lock waits for the database once. */
const databaseSlowMs = 20
const freeBytesMin = 256 * 1_048_576
const scratchTtlMs = 60_000
const scratchLifeMs = 10 * scratchTtlMs

/** The judge: how it is set up, and a real lock that is contested, extended and released. Changes no table, defines nothing. */
export async function examineDatabase(config: Config, clock: Clock, random: Random): Promise<Examined> {
  const examined: Examined = { area: 'database', facts: [], findings: [] }
  let store: SqlLockStore | undefined
  try {
    store = await open(config, clock, random, examined)
    if (store === undefined) return examined
    const opened = store
    const distance = await distanceTo(clock, async () => (await opened.ping()).nowMs)
    const { findings, server } = await store.inspect()
    if (server !== undefined) examined.facts.push(server)
    examined.facts.push(distanceWords(distance))
    examined.findings.push(...findings, ...judgeDistance('database', distance, databaseSlowMs))
    // without tables the rest says only that again
    if (findings.some(({ code }) => code.startsWith('schema-') || code === 'database-read-only'))
      return examined
    const broken = await lockAndRelease(store)
    if (broken === undefined) examined.facts.push('a lock was granted, defended, extended and released')
    else examined.findings.push(broken)
  } catch (error) {
    examined.findings.push(refusalOf(error))
  } finally {
    await store?.close()
  }
  return examined
}

async function open(
  config: Config,
  clock: Clock,
  random: Random,
  examined: Examined
): Promise<SqlLockStore | undefined> {
  if (config.mysqlUrl !== undefined) {
    return openMysqlStore(config.mysqlUrl, {
      clock,
      random,
      connectionsMax: config.mysqlConnectionsMax,
      tls: mysqlTlsOf(config)
    })
  }
  const path = join(config.data, 'slotlock.db')
  examined.facts.push(`SQLite in ${path}`)
  try {
    await access(path, constants.R_OK | constants.W_OK)
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    examined.findings.push(
      missing
        ? {
            code: 'schema-missing',
            severity: 'critical',
            what: `there is no database in ${config.data} yet`,
            do: 'run `slotlock migrate`, or `slotlock serve`, which makes it'
          }
        : {
            code: 'database-rights',
            severity: 'critical',
            what: `${path} may not be read and written by this user`,
            do: 'run as the user that owns it, or give it to this one'
          }
    )
    return undefined
  }
  const { bavail, bsize } = await statfs(config.data)
  if (bavail * bsize < freeBytesMin) {
    examined.findings.push({
      code: 'database-disk-full',
      severity: 'warning',
      what: `${Math.floor((bavail * bsize) / 1_048_576)} MiB are free where the database is`,
      do: 'make room: without it nothing can be locked'
    })
  }
  return openSqliteStore(path, { clock })
}

/** What a visitor's lock goes through, and one who wants the same slot. */
async function lockAndRelease(store: SqlLockStore): Promise<Finding | undefined> {
  const calendar = scratchCalendar()
  const slots = ['doctor/2000-01-01T00:00Z', 'doctor/2000-01-01T00:30Z'] as SlotId[]
  const [ann, bob] = [newId<SessionId>(), newId<SessionId>()]
  const grant = (owner: SessionId, lock: LockId, wanted: SlotId[]) =>
    store.grant({
      ...{ calendar, owner, lock, slots: wanted, ttlMs: scratchTtlMs, fingerprint: 'doctor' },
      ...{ locksMax: 8, lockedSlotsMax: 64, lockLifeMaxMs: scratchLifeMs }
    })
  const expect = (step: string, got: { status: string }, wanted: string): void => {
    if (got.status !== wanted) throw new Misjudged(`${step}: ${got.status} instead of ${wanted}`)
  }
  const held = newId<LockId>()
  try {
    // prepares what a first statement prepares: the clock, the plan
    await store.ping()
    expect('a lock on two free slots', await grant(ann, held, slots), 'GRANTED')
    expect('another on one of them', await grant(bob, newId(), slots.slice(1)), 'CONFLICT')
    const longer = { lock: held, owner: ann, ttlMs: 2 * scratchTtlMs, lockLifeMaxMs: scratchLifeMs }
    expect('extending it', await store.extend(longer), 'EXTENDED')
    expect('releasing it', await store.release({ lock: held, owner: ann }), 'ENDED')
    const next = newId<LockId>()
    expect('a lock on what was released', await grant(bob, next, slots), 'GRANTED')
    expect('releasing that', await store.release({ lock: next, owner: bob }), 'ENDED')
    return undefined
  } catch (error) {
    if (!(error instanceof Misjudged)) return refusalOf(error)
    return {
      code: 'database-misjudges',
      severity: 'critical',
      what: error.message,
      do: 'do not run slotlock on it: look for a proxy in between that splits reads from writes, or a server that is none of the tested ones'
    }
  } finally {
    // where it may not, the locks end by themselves within two minutes, and the purge takes them a day later
    await store.eraseScratch(calendar).catch(() => {})
  }
}

class Misjudged extends Error {}

const newId = <T extends string>(): T => randomBytes(16).toString('base64url') as T

const byErrno = new Map<number, Omit<Finding, 'what'>>()
const known = (errnos: number[], code: string, advice: string): void => {
  for (const errno of errnos) byErrno.set(errno, { code, severity: 'critical', do: advice })
}
known(
  [1045, 1698, 1130, 1129],
  'database-login',
  'correct user and password of MYSQL_URL, or the account in the database; special characters are written as %XX'
)
known([1049], 'database-missing', 'CREATE DATABASE, or correct the name in MYSQL_URL')
known(
  [1044, 1142, 1143, 1227, 1370],
  'database-rights',
  'GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX on this database to the account'
)
known([1040, 1203, 1226], 'database-few-connections', 'raise max_connections, or end what holds them')
known([1290, 1792, 1836], 'database-read-only', 'let MYSQL_URL name the primary')
known([1021, 1114, 1041, 1037], 'database-disk-full', 'make room where the database is')

/** Whatever a call throws, as a finding. */
function refusalOf(error: unknown): Finding {
  if (!(error instanceof StoreError)) throw error
  const what = error.message
  const cause = error.cause as { errno?: number; code?: string } | undefined
  const named = byErrno.get(cause?.errno ?? 0)
  if (named !== undefined) return { ...named, what }
  if (
    /CERT|SIGNATURE|ALTNAME|ERR_SSL|ERR_TLS|EPROTO|HANDSHAKE|UNABLE_TO|secure connection/.test(
      `${cause?.code} ${what}`
    )
  ) {
    return {
      code: 'database-tls',
      severity: 'critical',
      what,
      do: 'MYSQL_TLS_CA must name who signed the certificate of the database, and with verify-full the host of MYSQL_URL be in it'
    }
  }
  return {
    code: 'database-unreachable',
    severity: 'critical',
    what,
    do: 'start the database, open the way to it, or correct MYSQL_URL; without it nothing can be locked'
  }
}
