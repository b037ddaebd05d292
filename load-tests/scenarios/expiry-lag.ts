import { Redis } from 'ioredis'
import type { LockView } from '../../src/protocol/schemas.js'
import { startCluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { shareOf } from '../harness/crowd.js'
import { type CrowdHandlers, crowdModule } from '../harness/crowd-member.js'
import { Fleet } from '../harness/fleet.js'
import { storeSetups } from '../harness/options.js'
import { patiently } from '../harness/patient.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { daysOf, openCalendar, slotAt } from '../harness/slots.js'
import { percentile } from '../harness/stats.js'
import { cameTrue, pause } from '../harness/time.js'
import { WsClient } from '../harness/ws-driver.js'

const calendar = 'expiry'
const rounds = 3
const members = 2
const holders = 4
const ttlMinMs = 1_000
const ttlMaxMs = 4_000
/** Clocks of one machine agree, but both sides round to the millisecond. */
const roundingMs = 2
const p99TargetMs = 150
/** After this a watcher was not told late but never. */
const toldWithinMs = 10_000

/** Somebody walks away; how long until everybody else sees that the slot is free again. */
export const expiryLag: Scenario = {
  name: 'expiry-lag',
  summary: 'from the end of a lock to the moment when each watcher was told',
  stores: storeSetups,
  run
}

async function run({ stores, options, random, report, log }: Context): Promise<void> {
  const locks = options.times ?? 100
  const watchers = options.clients ?? 100
  const cluster = await startCluster({
    cli: options.cli,
    stores,
    instances: 2,
    report,
    env: { LOCK_TTL_MIN_MS: String(ttlMinMs) }
  })
  await cluster.putCalendar(calendar, openCalendar('room'))
  const fleet = new Fleet<CrowdHandlers>(crowdModule, members)
  await fleet.all('open', member => ({
    urls: cluster.ws,
    count: shareOf(watchers, members, member),
    firstHost: 2 + member,
    watch: { calendar, ...daysOf(locks * rounds * 2) }
  }))
  const clients = await Promise.all(
    Array.from({ length: holders }, (_, index) =>
      WsClient.open({ url: cluster.ws[index % cluster.ws.length]! })
    )
  )
  const reference = cluster.redisUrl === undefined ? undefined : await watchExpiredKeys(cluster.redisUrl)
  let next = 0

  const result = await runRounds(report, rounds, async (index, addLoads) => {
    const ends = new Map<string, number>()
    for (let i = 0; i < locks; i++) {
      const slot = slotAt('room', next++)
      const ttlMs = Math.floor(ttlMinMs + random() * (ttlMaxMs - ttlMinMs))
      const client = clients[i % holders]!
      const answer = await patiently(() => client.request('lock', { calendar, slots: [slot], ttlMs }))
      report.check('every lock on a free slot is granted', answer.ok, JSON.stringify(answer))
      if (!answer.ok) continue
      ends.set(slot, (answer.result as { lock: LockView }).lock.expiresAt)
      await reference?.set(slot, ttlMs)
      await pause(5)
    }
    const slots = [...ends.keys()]
    const cpu = watchCpu({
      server: cluster.pids.slotlock,
      redis: cluster.pids.redis,
      database: cluster.pids.mariadb
    })
    const lastEnd = Math.max(...ends.values())
    const receiving = await fleet.all('receive', () => ({ forMs: lastEnd - Date.now() + 100 }))
    addLoads(receiving.loads)
    const cpuUs = cpu()
    let lags: number[] = []
    let untold = 0
    await cameTrue(async () => {
      const { values } = await fleet.all('freedTimes', () => ({ slots }))
      lags = slots.flatMap((slot, at) =>
        values.flatMap(value => [...value[at]!].map(t => t - ends.get(slot)!))
      )
      untold = lags.filter(Number.isNaN).length
      return untold === 0
    }, toldWithinMs)
    report.check(
      'every watcher is told of every end',
      untold === 0 && lags.length === slots.length * watchers,
      `${untold} of ${lags.length} were not`,
      lags.length
    )
    const told = lags.filter(lag => !Number.isNaN(lag))
    report.check(
      'nobody is told before the end',
      Math.min(...told) >= -roundingMs,
      `${(-Math.min(...told)).toFixed(1)} ms before`,
      told.length
    )
    log(
      `round ${index + 1}: p50 ${percentile(told, 50).toFixed(1)} ms, p99 ${percentile(told, 99).toFixed(1)} ms`
    )
    const bare = reference?.lags() ?? []
    return {
      cpuUs,
      p50: percentile(told, 50),
      p99: percentile(told, 99),
      bareP50: percentile(bare, 50),
      bareP99: percentile(bare, 99)
    }
  })
  for (const client of clients) client.close()
  reference?.close()
  await fleet.end()

  const of = (choose: (round: (typeof result.values)[number]) => number): number[] =>
    result.values.map(choose)
  const lag = (p: 'p50' | 'p99', bare: 'bareP50' | 'bareP99') => ({
    what: `lag ${p}`,
    unit: 'ms',
    of: {
      slotlock: of(round => round[p]),
      ...(reference === undefined ? {} : { "Redis' own expired events": of(round => round[bare]) })
    }
  })
  report.side(lag('p50', 'bareP50'))
  report.side({ ...lag('p99', 'bareP99'), target: { atMost: p99TargetMs }, isVoid: result.isVoid })
  const ended = locks * watchers
  report.cpu('end of a lock told to a watcher', {
    server: of(round => round.cpuUs.server! / ended),
    ...(cluster.redisUrl === undefined ? {} : { redis: of(round => round.cpuUs.redis! / ended) }),
    ...(cluster.mysqlUrl === undefined ? {} : { database: of(round => round.cpuUs.database! / ended) })
  })
}

/** Redis tells of an expired key when it deletes it, which is when it happens to look: the lag others build on. */
async function watchExpiredKeys(url: string) {
  const commands = new Redis(url)
  const subscriber = new Redis(url)
  const prefix = 'reference:expiry:'
  const ends = new Map<string, number>()
  let lags: number[] = []
  await commands.config('SET', 'notify-keyspace-events', 'Ex')
  await subscriber.subscribe('__keyevent@0__:expired')
  subscriber.on('message', (_channel: string, key: string) => {
    const end = ends.get(key)
    if (end !== undefined) lags.push(performance.timeOrigin + performance.now() - end)
    ends.delete(key)
  })
  return {
    async set(slot: string, ttlMs: number): Promise<void> {
      ends.set(prefix + slot, Date.now() + ttlMs)
      await commands.set(prefix + slot, '1', 'PX', ttlMs)
    },
    /** Those of the last round. */
    lags(): number[] {
      const round = lags
      lags = []
      return round
    },
    close(): void {
      commands.disconnect()
      subscriber.disconnect()
    }
  }
}
