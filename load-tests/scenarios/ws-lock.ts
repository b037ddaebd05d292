import type { LockView } from '../../src/protocol/schemas.js'
import { startCluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { LockerCrowd } from '../harness/locker-crowd.js'
import { storeSetups } from '../harness/options.js'
import { openEcho, ownRedis } from '../harness/reference.js'
import type { Report } from '../harness/report.js'
import { type Rounds, runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { openCalendar } from '../harness/slots.js'
import { percentile } from '../harness/stats.js'
import { atRate, nowMs } from '../harness/time.js'
import { type Chain, runChain } from '../reference/chain.js'
import { openRawCommit, openRawLock, referencePath } from '../reference/raw.js'

const calendar = 'roundtrip'
const rounds = 3
/** Shares of the capacity that is measured first, in per cent. */
const levels = [10, 50, 80] as const
type Level = (typeof levels)[number]
/** Ours and the reference take turns so often: a slow moment of the machine meets both. */
const turnMs = 500
/** A reference that cannot keep up with the rate waits for itself, and is none. */
const behindMsMax = 250
/** So many sockets that ask for one lock after the other get what the service can give. */
const capacityClients = 64
const capacityMs = 2_000
const capacityLocksMax = 20_000
/** At half of the capacity. */
const targets = { p50: 1.5, p99: 2 } as const

/** People click at a tenth, at half and at four fifths of what the service can do. How long until a lock is theirs? */
export const wsLock: Scenario = {
  name: 'ws-lock',
  summary:
    'lock round trip over WebSocket at 10, 50 and 80 % of its capacity, against raw EVALSHA + raw commit + bare ws echo',
  stores: storeSetups,
  run
}

interface Measured {
  /** p50 and p99 of each, ms. */
  lock: Percentiles
  parts: Record<keyof Chain, Percentiles>
  cpuUs: Record<string, number>
}
type Percentiles = Record<'p50' | 'p99', number>

async function run({ stores, options, report, log }: Context): Promise<void> {
  const turns = Math.max(1, Math.round(((options.forS ?? 3) * 1000) / turnMs))
  const cluster = await startCluster({ cli: options.cli, stores, instances: 1, report })
  await cluster.putCalendar(calendar, openCalendar(...LockerCrowd.resources))
  const rawLock = openRawLock((cluster.redis ?? (await ownRedis(cluster.folder))).url)
  const rawCommit = await openRawCommit({
    mysqlUrl: cluster.mysqlUrl,
    sqlitePath: referencePath(cluster.folder)
  })
  const echo = await openEcho()
  const lockers = new LockerCrowd(cluster.ws, [calendar])
  const granted = new Map<string, string>()
  let busy = 0

  const lockOnce = async (dueMs: number): Promise<number> => {
    const { slot, answer } = await lockers.lock(dueMs)
    const lock = answer.ok ? (answer.result as { lock: LockView }).lock : undefined
    if (lock !== undefined) granted.set(slot, lock.id)
    else busy += 1
    report.check(
      'a lock on a free slot is granted, whole, or refused as BUSY',
      answer.ok ? lock?.state === 'held' && lock.slots.join() === slot : answer.error.code === 'BUSY',
      JSON.stringify(answer)
    )
    return answer.tookMs
  }
  /** Closed loop: each asks again when it has its answer. */
  const capacity = async (): Promise<number> => {
    await lockers.fill(capacityLocksMax, capacityClients)
    const start = nowMs()
    let answered = 0
    const client = async (): Promise<void> => {
      while (nowMs() - start < capacityMs && lockers.left > 0) {
        await lockOnce(nowMs())
        answered += 1
      }
    }
    await Promise.all(Array.from({ length: capacityClients }, client))
    return (answered * 1000) / (nowMs() - start)
  }
  await capacity()
  const perSecond = await capacity()
  log(`capacity ${perSecond.toFixed(0)} locks/s with ${capacityClients} sockets`)
  const busyBefore = busy

  /** At a rate, whether or not earlier ones were answered; resolves when all of them were. */
  const turn = async (
    rate: number,
    one: (dueMs: number, index: number) => Promise<unknown>
  ): Promise<number> => {
    const underway: Promise<unknown>[] = []
    const start = nowMs()
    await atRate(rate, turnMs, (due, index) => underway.push(one(due, index)))
    await Promise.all(underway)
    return nowMs() - start - turnMs
  }
  const atLevel = async (level: Level, spoil: (why: string) => void): Promise<Measured> => {
    const rate = (perSecond * level) / 100
    const lockMs: number[] = []
    const chain: Chain = { evalsha: [], commit: [], echo: [] }
    const cpuUs: Record<string, number> = {}
    for (let index = 0; index < turns; index++) {
      await lockers.fill(2 * Math.ceil((rate * turnMs) / 1000))
      const cpu = watchCpu({
        server: cluster.pids.slotlock,
        redis: cluster.pids.redis,
        database: cluster.pids.mariadb
      })
      await turn(rate, async due => lockMs.push(await lockOnce(due)))
      for (const [who, us] of Object.entries(cpu())) cpuUs[who] = (cpuUs[who] ?? 0) + us
      const behindMs = await turn(rate, due => {
        const slot = `${level}-${rawSlots++}`
        return runChain({ rawLock, rawCommit, echo: () => echo.roundTrip(slot) }, slot, due, chain)
      })
      if (behindMs > behindMsMax) spoil(`the reference was ${behindMs.toFixed(0)} ms behind at ${level} %`)
    }
    for (const who of Object.keys(cpuUs)) cpuUs[who]! /= lockMs.length
    const both = (samples: number[]): Percentiles => ({
      p50: percentile(samples, 50),
      p99: percentile(samples, 99)
    })
    return {
      lock: both(lockMs),
      parts: { evalsha: both(chain.evalsha), commit: both(chain.commit), echo: both(chain.echo) },
      cpuUs
    }
  }
  let rawSlots = 0
  const result = await runRounds(report, rounds, async (index, _addLoads, spoil) => {
    const found = {} as Record<Level, Measured>
    for (const level of levels) found[level] = await atLevel(level, spoil)
    const told = levels.map(level => `${level} %: ${found[level].lock.p50.toFixed(2)} ms`)
    log(`round ${index + 1}: p50 at ${told.join(', ')}`)
    return found
  })
  lockers.close()
  echo.close()
  rawLock.close()
  await rawCommit.close()

  const held = new Map((await cluster.truth.slots(calendar)).map(row => [row.slot, row.token]))
  const missing = [...granted].filter(([slot, lock]) => held.get(slot) !== lock)
  report.check(
    'every acknowledged lock is in the database under its own id',
    missing.length === 0,
    `${missing.length} are not, such as ${missing[0]?.join(' ')}`,
    granted.size
  )
  report.note(
    `capacity: ${perSecond.toFixed(0)} locks/s with ${capacityClients} sockets that wait for their answers, the generator on the same cores`
  )
  tell(
    report,
    result,
    stores === 'embedded'
      ? ['server']
      : stores === 'sql'
        ? ['server', 'database']
        : ['server', 'redis', 'database']
  )
  report.figure({
    what: 'refused as BUSY at 10, 50 and 80 %',
    measured: String(busy - busyBefore),
    target: '0',
    verdict: busy === busyBefore ? 'met' : result.isVoid ? 'void' : 'missed'
  })
}

function tell(
  report: Report,
  { values, isVoid }: Rounds<Record<Level, Measured>>,
  processes: readonly string[]
): void {
  const sum = ({ evalsha, commit, echo }: Measured['parts'], p: 'p50' | 'p99'): number =>
    evalsha[p] + commit[p] + echo[p]
  for (const level of levels) {
    const of = (choose: (measured: Measured) => number): number[] => values.map(round => choose(round[level]))
    for (const p of ['p50', 'p99'] as const) {
      report.side({
        what: `${p} at ${level} %`,
        unit: 'ms',
        of: {
          slotlock: of(({ lock }) => lock[p]),
          EVALSHA: of(({ parts }) => parts.evalsha[p]),
          commit: of(({ parts }) => parts.commit[p]),
          'ws echo': of(({ parts }) => parts.echo[p])
        }
      })
      report.ratio({
        what: `${p} at ${level} % / (EVALSHA + commit + ws echo)`,
        rounds: of(({ lock, parts }) => lock[p] / sum(parts, p)),
        ...(level === 50 ? { target: { atMost: targets[p] }, isVoid } : {})
      })
    }
    report.cpu(
      `lock at ${level} %`,
      Object.fromEntries(processes.map(who => [who, of(({ cpuUs }) => cpuUs[who]!)]))
    )
  }
}
