import type { Finding, Severity } from '../domain/finding.js'
import type { ServiceStatus } from '../protocol/schemas.js'
import type { StatusSource } from './ports.js'

export type HealthServices = ReturnType<StatusSource['services']>

export interface HealthFacts {
  status: ServiceStatus
  services: HealthServices
  /** What only another layer can find, such as a Redis that evicts. */
  otherFindings: readonly Finding[]
  mode: 'embedded' | 'redis+sql' | 'sql-only'
  draining: boolean
  eventLoopLagMs: number
  /** Sockets now, of how many; 0: unbounded. */
  sockets: number
  connectionsMax: number
  /** Readers closed with 4008 since the start, of all sockets since then. */
  slowReadersClosed: number
  socketsOpened: number
}

export type Grade = 'A' | 'B' | 'C' | 'D' | 'E' | 'F'

/** Above these a person would want to know; from there points are lost. */
const databaseSlowMs = 20
const redisSlowMs = 10
const lagHighMs = 50
const lagSevereMs = 250

/**
 * From facts to one number, for a dashboard's corner: 100, less what each finding costs. It decides nothing; `status`
 * is what machines act on.
 */
export function scoreHealth(facts: HealthFacts): { grade: Grade; score: number; findings: Finding[] } {
  let score = 100
  const findings: Finding[] = []
  const find = (costs: number, severity: Severity, code: string, what: string, advice: string): void => {
    score -= costs
    findings.push({ code, severity, what, do: advice })
  }
  const { database, redis } = facts.services
  if (facts.status === 'unavailable') {
    find(
      80,
      'critical',
      'database-out',
      'Nothing can be locked or booked now.',
      'Bring the database back; locks and bookings are all in it.'
    )
  } else if (!database.healthy) {
    find(
      30,
      'warning',
      'database-unsteady',
      'The database answers, but not every time.',
      'Look at its load, its disk and its connections.'
    )
  } else if (database.latencyMs !== null && database.latencyMs > databaseSlowMs) {
    find(
      10,
      'warning',
      'database-slow',
      `The database takes ${Math.round(database.latencyMs)} ms for nothing.`,
      'Every lock waits for that once: look for load, or move it closer.'
    )
  }
  if (redis !== undefined && !redis.healthy) {
    find(
      25,
      'warning',
      redis.connected ? 'redis-stuck' : 'redis-out',
      redis.connected
        ? 'Redis is connected and does not do its work.'
        : 'Redis is out; the database answers in its place.',
      'Bring Redis back. No lock is lost meanwhile, and it is filled again by itself.'
    )
  } else if (redis?.latencyMs != null && redis.latencyMs > redisSlowMs) {
    find(
      5,
      'warning',
      'redis-slow',
      `Redis takes ${Math.round(redis.latencyMs)} ms to answer.`,
      'Look for slow commands (SLOWLOG) or load on its machine.'
    )
  }
  if (facts.eventLoopLagMs > lagSevereMs) {
    find(
      25,
      'critical',
      'event-loop-late',
      `The event loop is ${Math.round(facts.eventLoopLagMs)} ms late.`,
      'Add an instance: this one has more to do than it can.'
    )
  } else if (facts.eventLoopLagMs > lagHighMs) {
    find(
      10,
      'warning',
      'event-loop-late',
      `The event loop is ${Math.round(facts.eventLoopLagMs)} ms late.`,
      'Watch it; another instance would share the load.'
    )
  }
  if (facts.connectionsMax > 0 && facts.sockets > facts.connectionsMax * 0.9) {
    find(
      10,
      'warning',
      'sockets-full',
      `${facts.sockets} of ${facts.connectionsMax} sockets are in use.`,
      'Add an instance, or raise the bound if memory allows.'
    )
  }
  if (facts.socketsOpened >= 100 && facts.slowReadersClosed > facts.socketsOpened * 0.05) {
    find(
      5,
      'info',
      'slow-readers',
      'More than one reader in twenty was too slow and was closed.',
      'Look at the network between here and them.'
    )
  }
  if (facts.draining)
    find(0, 'info', 'draining', 'This instance is leaving.', 'Nothing; its visitors are sent to the others.')
  if (facts.mode === 'embedded') {
    find(
      0,
      'info',
      'embedded',
      'The embedded database serves one instance only.',
      'Set MYSQL_URL before you start a second one.'
    )
  }
  for (const finding of facts.otherFindings) {
    const costs = { info: 0, warning: 10, critical: 30 }[finding.severity]
    find(costs, finding.severity, finding.code, finding.what, finding.do)
  }
  score = Math.max(0, score)
  return { grade: gradeOf(score), score, findings }
}

function gradeOf(score: number): Grade {
  if (score >= 90) return 'A'
  if (score >= 80) return 'B'
  if (score >= 65) return 'C'
  if (score >= 50) return 'D'
  if (score >= 30) return 'E'
  return 'F'
}
