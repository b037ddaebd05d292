import type { LockView } from '../../src/protocol/schemas.js'
import { startCluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { storeSetups } from '../harness/options.js'
import { startReference } from '../harness/reference.js'
import { verdictOf } from '../harness/report.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { openCalendar, slotAt } from '../harness/slots.js'
import { formatSpread, percentile, spread } from '../harness/stats.js'
import { nowMs, pause } from '../harness/time.js'
import { WsClient } from '../harness/ws-driver.js'
import { openRawCommit, openRawLock, referencePath } from '../reference/raw.js'

const calendar = 'roundtrip'
const rounds = 5
const target = 2.5

/** One visitor clicks; how long until the lock is theirs. */
export const wsLock: Scenario = {
  name: 'ws-lock',
  summary: 'lock round trip over WebSocket at light load, against one raw EVALSHA and one raw commit',
  stores: storeSetups,
  run
}

async function run({ stores, options, report, log }: Context): Promise<void> {
  const locksPerRound = options.times ?? 300
  const cluster = await startCluster({ cli: options.cli, stores, instances: 1, report })
  await cluster.putCalendar(calendar, openCalendar('room'))
  const reference = await startReference(cluster)
  const client = await WsClient.open({ url: cluster.ws[0]! })
  const echo = await WsClient.open({ url: reference.ws })
  const rawLock = cluster.redisUrl === undefined ? undefined : openRawLock(cluster.redisUrl)
  const rawCommit = await openRawCommit({
    mysqlUrl: cluster.mysqlUrl,
    sqlitePath: referencePath(cluster.folder)
  })

  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const start = nowMs()
    await work()
    return nowMs() - start
  }
  let index = 0
  /** One of each, right after one another: a slow moment of the machine meets all four. */
  const once = async (into: Record<'lock' | 'evalsha' | 'commit' | 'echo', number[]>): Promise<void> => {
    const slot = slotAt('room', index++)
    const answer = await client.timed('lock', { calendar, slots: [slot] })
    const lock = answer.ok ? (answer.result as { lock: LockView }).lock : undefined
    report.check(
      'every lock on a free slot is granted, whole',
      lock?.state === 'held' && lock.slots.join() === slot,
      JSON.stringify(answer)
    )
    into.lock.push(answer.tookMs)
    if (lock !== undefined) {
      if (index % 50 === 0) {
        const row = (await cluster.truth.slots(calendar)).find(found => found.slot === slot)
        report.check('what was acknowledged is committed', row?.token === lock.id, `${slot}: ${row?.token}`)
      }
      await client.request('release', { lock: lock.id })
    }
    if (rawLock !== undefined) into.evalsha.push(await timed(() => rawLock.take(slot, 'raw')))
    into.commit.push(await timed(() => rawCommit.insert(slot)))
    into.echo.push(await timed(() => echo.request('ping')))
    await pause(1)
  }
  const fresh = () =>
    ({ lock: [], evalsha: [], commit: [], echo: [] }) as Record<
      'lock' | 'evalsha' | 'commit' | 'echo',
      number[]
    >
  const warmUp = fresh()
  for (let i = 0; i < 200; i++) await once(warmUp)

  const result = await runRounds(report, rounds, async round => {
    const cpu = watchCpu({ server: cluster.pids.slotlock })
    const took = fresh()
    for (let i = 0; i < locksPerRound; i++) await once(took)
    const of = (p: number) => ({
      lock: percentile(took.lock, p),
      evalsha: took.evalsha.length === 0 ? 0 : percentile(took.evalsha, p),
      commit: percentile(took.commit, p),
      echo: percentile(took.echo, p)
    })
    log(`round ${round + 1}: p50 ${of(50).lock.toFixed(2)} ms, p99 ${of(99).lock.toFixed(2)} ms`)
    return { p50: of(50), p99: of(99), cpuUs: cpu().server! / locksPerRound }
  })
  client.close()
  echo.close()
  rawLock?.close()
  await rawCommit.close()

  const raw = stores === 'redis' ? 'EVALSHA + commit' : 'commit'
  for (const p of ['p50', 'p99'] as const) {
    const of = (name: 'lock' | 'evalsha' | 'commit' | 'echo') =>
      formatSpread(spread(result.values.map(round => round[p][name])))
    const ratio = spread(result.values.map(round => round[p].lock / (round[p].evalsha + round[p].commit)))
    report.figure({
      what: `${p}, ms`,
      measured: of('lock'),
      reference: `${stores === 'redis' ? `EVALSHA ${of('evalsha')}; ` : ''}commit ${of('commit')}; socket alone ${of('echo')}`,
      verdict: 'info'
    })
    report.figure({
      what: `${p} / (${raw})`,
      measured: formatSpread(ratio),
      ...(p === 'p50' ? { target: `<= ${target}` } : {}),
      verdict: p === 'p50' ? verdictOf(ratio.median <= target, result.isVoid) : 'info'
    })
  }
  report.figure({
    what: 'CPU of the server, µs per lock and release',
    measured: formatSpread(spread(result.values.map(round => round.cpuUs))),
    verdict: 'info'
  })
}
