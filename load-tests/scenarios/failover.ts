import type { SlotState } from '../../src/protocol/schemas.js'
import { type Cluster, type Service, startCluster, startSqlTwin } from '../harness/cluster.js'
import { type CrowdHandlers, crowdModule } from '../harness/crowd-member.js'
import { Fleet } from '../harness/fleet.js'
import { mustAsk } from '../harness/http-client.js'
import { type Asked, LockLoad } from '../harness/lock-load.js'
import { verdictOf } from '../harness/report.js'
import { type Resynced, resynced } from '../harness/resyncs.js'
import { type Rounds, runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { daysOf, openCalendar } from '../harness/slots.js'
import { formatNumber, formatSpread, merged, percentile, spread } from '../harness/stats.js'
import { fillStock, missingMarks, type StockLock, stockResources } from '../harness/stock.js'
import { cameTrue, nowMs, pause, steadily } from '../harness/time.js'

const calendar = 'failover'
const rounds = 3
const instances = 2
/** On each of the two services, in turn: what one of them meets the other meets a moment later. */
const locksPerSecond = 100
const quietMs = 4_000
const outageMs = 5_000
/** Locks due so soon after the fault are those that find it out. */
const affectedMs = 250
/** Long enough after the fault to be the ordinary state of an outage. */
const outMs = 1_000
const stockSize = 10_000
/** Slots of the load; the stock begins behind them, where no watcher looks. */
const loadSlots = 40_000
/** The twin knows nothing of the fault. A round in which it is as slow as this measured the neighbours. */
const controlP99MsMax = 40
const usedAgainWithinMs = 30_000

type Fault = 'killed' | 'frozen'

/** What was seen of one fault. All samples in milliseconds. */
interface Outage {
  quiet: Float64Array
  affected: Float64Array
  out: Float64Array
  /** The service that never had Redis, in the same seconds. */
  sqlQuiet: Float64Array
  sqlOut: Float64Array
  duringResync: Float64Array
  /** Change x watcher: from the answer to whoever locked until this watcher was told. */
  shownQuiet: Float64Array
  shownAtFault: Float64Array
  shownOut: Float64Array
  resyncs: Resynced[]
  usedAgainMs: number
  busy: Record<'quiet' | 'fault' | 'out' | 'back', number>
}

/** Redis goes, and nobody may notice more than a delay. */
export const failover: Scenario = {
  name: 'failover',
  summary:
    'Redis killed, and Redis frozen, under a lock load with watchers; then back, with 10,000 live locks',
  stores: ['redis'],
  run
}

async function run({ options, report, log }: Context): Promise<void> {
  const watchers = options.clients ?? 60
  const locks = options.times ?? stockSize
  const cluster = await startCluster({ cli: options.cli, stores: 'redis', instances, report })
  const twin = await startSqlTwin(cluster, { cli: options.cli, instances, report })
  const days = daysOf(loadSlots - 2_880)
  const definition = openCalendar('counter', ...stockResources(locks))
  for (const service of [cluster, twin]) await service.putCalendar(calendar, definition)
  const stock = await fillStock(cluster.mysqlUrl!, calendar, locks, loadSlots)

  const watching = new Fleet<CrowdHandlers>(crowdModule, 1)
  const drains = new Fleet<CrowdHandlers>(crowdModule, 1)
  const watch = { calendar, ...days }
  await watching.all('open', () => ({ urls: cluster.ws, count: watchers, watch }))
  await drains.all('open', () => ({ urls: twin.ws, count: watchers, firstHost: 3, drain: true, watch }))
  const ours = await LockLoad.open(cluster, calendar, report)
  const theirs = await LockLoad.open(twin, calendar, report)
  const scene: Scene = { cluster, stock, watching, watchers, ours, theirs, report, days }

  // the first locks find an empty Redis and have it filled
  const warmUp = steadily(2 * locksPerSecond, (due, index) => (index % 2 === 0 ? ours : theirs).fire(due))
  await resynced(cluster, calendar, 0)
  await pause(2_000)
  await warmUp.stop()
  await Promise.all([ours.settled(), theirs.settled()])

  const seen = {} as Record<Fault, Rounds<Outage>>
  for (const fault of ['killed', 'frozen'] as const) {
    seen[fault] = await runRounds(report, rounds, async (index, addLoads, spoil) => {
      const receiving = watching.all('receive', () => ({ forMs: quietMs + outageMs }))
      const outage = await oneOutage(scene, fault)
      addLoads((await receiving).loads)
      const control = percentile(outage.sqlOut, 99)
      if (control > controlP99MsMax) spoil(`without any Redis a lock took ${formatNumber(control)} ms at p99`)
      log(
        `${fault}, round ${index + 1}: lock p99 quiet ${p99(outage.quiet)} ms, at the fault ${p99(outage.affected)} ms, ` +
          `while it is out ${p99(outage.out)} ms (SQL only ${p99(outage.sqlOut)} ms)`
      )
      return outage
    })
  }
  await checkDatabase(cluster, ours, report)
  ours.close()
  theirs.close()
  await Promise.all([watching.end(), drains.end()])
  for (const fault of ['killed', 'frozen'] as const) figuresOf(report, fault, seen[fault])
  const outages = [...seen.killed.values, ...seen.frozen.values]
  const busyWhile = (phase: keyof Outage['busy']): number =>
    outages.reduce((sum, outage) => sum + outage.busy[phase], 0)
  const busy = ours.asked.filter(({ code }) => code === 'BUSY').length
  report.figure({
    what: `locks refused as BUSY, of ${formatNumber(ours.asked.length)}`,
    measured: `${busy} (at the fault ${busyWhile('fault')}, while it is out ${busyWhile('out')}, when it is back ${busyWhile('back')})`,
    reference: `SQL only ${theirs.asked.filter(({ code }) => code === 'BUSY').length}`,
    target: '0',
    verdict: verdictOf(busy === 0, seen.killed.isVoid && seen.frozen.isVoid)
  })
  report.note(
    `${locksPerSecond} locks/s on each of two services with ${instances} instances, each lock held for 3 s; ${watchers} watchers each; ${formatNumber(locks)} live locks`
  )
}

interface Scene {
  cluster: Cluster
  stock: readonly StockLock[]
  watching: Fleet<CrowdHandlers>
  watchers: number
  ours: LockLoad
  theirs: LockLoad
  report: Context['report']
  days: { from: string; to: string }
}

async function oneOutage(scene: Scene, fault: Fault): Promise<Outage> {
  const { cluster, stock, ours, theirs, report } = scene
  const redis = cluster.redis!
  const load = steadily(2 * locksPerSecond, (due, index) => (index % 2 === 0 ? ours : theirs).fire(due))
  const startedAt = nowMs()
  await pause(quietMs)
  const faultAt = nowMs()
  if (fault === 'killed') await redis.kill()
  else redis.freeze()
  await pause(faultAt + outageMs - nowMs())
  if (fault === 'killed') await redis.restartEmpty()
  else redis.thaw()
  const backAt = nowMs()
  const usedAgain = await cameTrue(() => whenUsedAgain(cluster, backAt) !== undefined, usedAgainWithinMs)
  report.check('Redis is used again when it is back', usedAgain, `not within ${usedAgainWithinMs} ms`)
  const resyncs = await resynced(cluster, calendar, backAt)
  await load.stop()
  await Promise.all([ours.settled(), theirs.settled()])

  const missing = await missingMarks(cluster.redisUrl!, calendar, stock)
  report.check(
    'after the resync every live lock of the database has its own mark in Redis',
    missing === 0,
    `${missing} of ${stock.length} have not`,
    stock.length
  )
  await checkPictures(scene)

  const busyIn = (fromMs: number, toMs: number): number =>
    ours.between(fromMs, toMs).filter(({ code }) => code === 'BUSY').length
  const shown = (fromMs: number, toMs: number) => shownMs(scene, ours.between(fromMs, toMs))
  const resyncFrom = Math.min(...resyncs.map(({ fromMs }) => fromMs))
  const resyncTo = Math.max(...resyncs.map(({ toMs }) => toMs))
  return {
    quiet: ours.tookMs(startedAt, faultAt - affectedMs),
    affected: Float64Array.from(
      ours.between(startedAt, faultAt + affectedMs).filter(({ answeredMs }) => answeredMs >= faultAt),
      ({ tookMs }) => tookMs
    ),
    out: ours.tookMs(faultAt + outMs, faultAt + outageMs),
    sqlQuiet: theirs.tookMs(startedAt, faultAt - affectedMs),
    sqlOut: theirs.tookMs(faultAt + outMs, faultAt + outageMs),
    duringResync: Float64Array.from(
      ours.between(startedAt, resyncTo).filter(({ answeredMs }) => answeredMs >= resyncFrom),
      ({ tookMs }) => tookMs
    ),
    shownQuiet: await shown(startedAt, faultAt - affectedMs),
    shownAtFault: await shown(faultAt - affectedMs, faultAt + outMs),
    shownOut: await shown(faultAt + outMs, faultAt + outageMs),
    resyncs,
    busy: {
      quiet: busyIn(startedAt, faultAt),
      fault: busyIn(faultAt, faultAt + outMs),
      out: busyIn(faultAt + outMs, backAt),
      back: busyIn(backAt, Number.POSITIVE_INFINITY)
    },
    usedAgainMs: (whenUsedAgain(cluster, backAt) ?? Number.NaN) - backAt
  }
}

/** When the last instance said so; undefined while one has not. */
function whenUsedAgain(service: Service, afterMs: number): number | undefined {
  const wallToMonotonic = nowMs() - Date.now()
  const times = service.logged().map(entries =>
    entries
      .filter(({ msg }) => msg.startsWith('redis: works'))
      .map(({ time }) => time + wallToMonotonic)
      .find(at => at >= afterMs)
  )
  return times.includes(undefined) ? undefined : Math.max(...(times as number[]))
}

/** Per change and watcher, from the answer until the watcher was told; a watcher may hear it before. */
async function shownMs(
  { watching, watchers, report }: Scene,
  asked: readonly Asked[]
): Promise<Float64Array> {
  const granted = asked.filter(({ lock }) => lock !== undefined)
  const { values } = await watching.all('lockedTimes', () => ({ slots: granted.map(({ slot }) => slot) }))
  const shown = granted.flatMap(({ answeredMs }, index) =>
    values.flatMap(value => [...value[index]!].map(at => Math.max(0, at - answeredMs)))
  )
  const untold = shown.filter(Number.isNaN).length
  report.check(
    'every watcher is told of every lock while it lasts',
    untold === 0 && shown.length === granted.length * watchers,
    `${untold} of ${shown.length} were not`,
    shown.length
  )
  return Float64Array.from(shown.filter(ms => !Number.isNaN(ms)))
}

async function checkPictures({ cluster, watching, report, days }: Scene): Promise<void> {
  const url = `${cluster.http[0]}/v1/calendars/${calendar}/slots?from=${days.from}&to=${days.to}`
  let wrong: string[] = []
  let looks = 0
  await cameTrue(async () => {
    const { slots } = await mustAsk<{ slots: SlotState[] }>(url)
    const [pictures] = (await watching.all('differences', () => ({ fresh: slots, within: days }))).values
    looks = pictures!.length
    wrong = pictures!.flat()
    return wrong.length === 0
  }, 5_000)
  report.check(
    'every watcher’s picture is what a fresh read gives',
    wrong.length === 0,
    `${wrong.length} differences, such as: ${wrong[0]}`,
    looks
  )
}

async function checkDatabase(
  { truth }: Cluster,
  { asked }: LockLoad,
  report: Context['report']
): Promise<void> {
  const rows = new Map((await truth.locks(calendar)).map(lock => [lock.id, lock]))
  for (const { lock, slot } of asked) {
    if (lock === undefined) continue
    const row = rows.get(lock)
    report.check(
      'every acknowledged lock is in the database, with its slot',
      row?.slots.join() === slot,
      `${lock} on ${slot}: ${row === undefined ? 'no such lock' : row.slots.join()}`
    )
  }
}

const p99 = (samples: ArrayLike<number>): string => formatNumber(percentile(samples, 99))

function figuresOf(report: Context['report'], fault: Fault, { values, isVoid }: Rounds<Outage>): void {
  const all = (choose: (outage: Outage) => Float64Array) => merged(values.map(choose))
  const text = (samples: Float64Array): string =>
    `p50 ${formatNumber(percentile(samples, 50))}, p99 ${p99(samples)}`
  const affected = all(outage => outage.affected)
  const affectedP99 = percentile(affected, 99)
  report.figure({
    what: `${fault}: locks that found it out, ms (${affected.length})`,
    measured: `${text(affected)}, last ${formatNumber(Math.max(...affected))}`,
    reference: `quiet ${text(all(outage => outage.quiet))}`,
    target: 'p99 < 100',
    verdict: verdictOf(affectedP99 < 100, isVoid)
  })
  report.figure({
    what: `${fault}: locks while Redis is out, ms`,
    measured: text(all(outage => outage.out)),
    reference: `SQL only, in turn ${text(all(outage => outage.sqlOut))}`,
    verdict: 'info'
  })
  for (const p of [50, 99]) {
    report.ratio({
      what: `${fault}: lock p${p} while Redis is out / SQL only`,
      rounds: values.map(({ out, sqlOut }) => percentile(out, p) / percentile(sqlOut, p)),
      target: { atMost: 1.3 },
      isVoid
    })
    report.side({
      what: `${fault}: lock p${p}`,
      unit: 'ms',
      of: {
        'while Redis is out': values.map(({ out }) => percentile(out, p)),
        'SQL only': values.map(({ sqlOut }) => percentile(sqlOut, p)),
        quiet: values.map(({ quiet }) => percentile(quiet, p))
      }
    })
  }
  const atFault = all(outage => outage.shownAtFault)
  report.figure({
    what: `${fault}: a lock shown to a watcher, ms after its answer, in the second of the fault`,
    measured: `${text(atFault)}, last ${formatNumber(Math.max(...atFault))}`,
    reference: `quiet ${text(all(outage => outage.shownQuiet))}; later while out ${text(all(outage => outage.shownOut))}`,
    target: 'last <= 1,000',
    verdict: verdictOf(Math.max(...atFault) <= 1_000, isVoid)
  })
  const resyncMs = spread(values.flatMap(({ resyncs }) => resyncs.map(({ ms }) => ms)))
  report.figure({
    what: `${fault}, then back: resync of ${formatNumber(Math.max(...values.flatMap(v => v.resyncs.map(r => r.locks))))} locks, ms`,
    measured: formatSpread(resyncMs),
    reference: `used again ${formatSpread(spread(values.map(({ usedAgainMs }) => usedAgainMs)))} ms after it was back`,
    target: '< 1,000',
    verdict: verdictOf(resyncMs.max < 1_000, isVoid)
  })
  const during = all(outage => outage.duringResync)
  const ratio =
    percentile(during, 99) /
    percentile(
      all(outage => outage.quiet),
      99
    )
  report.figure({
    what: `${fault}, then back: lock p99 during the resync / quiet (${during.length} locks)`,
    measured: `${formatNumber(ratio)} (${text(during)} ms)`,
    target: '<= 2',
    verdict: verdictOf(ratio <= 2, isVoid)
  })
}
