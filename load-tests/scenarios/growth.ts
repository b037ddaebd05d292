import { type Cluster, startCluster } from '../harness/cluster.js'
import { shareOf } from '../harness/crowd.js'
import { type CrowdHandlers, crowdModule } from '../harness/crowd-member.js'
import { Fleet } from '../harness/fleet.js'
import { LockerCrowd } from '../harness/locker-crowd.js'
import type { Report } from '../harness/report.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { daysOf, openCalendar } from '../harness/slots.js'
import { type Growth, logLogSlope } from '../harness/stats.js'
import { fillStock, stockResources } from '../harness/stock.js'
import { nowMs } from '../harness/time.js'
import { type Cost, CostMeter, processes } from './growth.meter.js'

const liveLocks = [1_000, 10_000, 100_000]
const calendars = [10, 100, 1_000, 10_000]
const watchers = [10, 100, 1_000]
const instances = [1, 2, 4]
/** Locks are taken in so many calendars, whatever their number. */
const busyCalendars = 10
const slopeMax = 0.05
const definingMax = 16
const watcherMembers = 2
/** The stock begins behind the slots of the load. */
const loadSlots = 40_000

/** Does a lock cost more because there are many others: locks, calendars, people who look on, instances? */
export const growth: Scenario = {
  name: 'growth',
  summary:
    'CPU and p50 of a lock with 1,000 to 100,000 live locks, 10 to 10,000 calendars, 10 to 1,000 watchers, 1 to 4 instances: log-log slopes',
  stores: ['redis'],
  run
}

async function run(context: Context): Promise<void> {
  const { report, options } = context
  const sizesUpTo = (sizes: readonly number[]): number[] =>
    options.clients === undefined ? [...sizes] : sizes.filter(size => size <= options.clients!)
  const cluster = await startCluster({ cli: options.cli, stores: 'redis', instances: 1, report })
  await overLocks(cluster, sizesUpTo(liveLocks), context)
  await overWatchers(cluster, sizesUpTo(watchers), context)
  await overCalendars(cluster, sizesUpTo(calendars), context)
  await overInstances(context)
  report.note(
    'slopes are of logarithms, by least squares through all sizes, once for each time every size was measured: 0 is no growth, 1 is in proportion; CPU is of all processes together, per lock at a steady rate, with their upkeep meanwhile'
  )
}

async function overLocks(cluster: Cluster, sizes: readonly number[], context: Context): Promise<void> {
  const calendar = 'stock'
  const resources = stockResources(sizes.at(-1)!)
  await cluster.putCalendar(calendar, openCalendar(...LockerCrowd.resources, ...resources))
  const meter = await CostMeter.open(cluster, [calendar], context)
  const found: Cost[][] = []
  let filled = 0
  for (const size of sizes) {
    await fillStock(cluster.mysqlUrl!, calendar, size - filled, loadSlots, filled)
    filled = size
    found.push(await meter.measure(`${size} live locks`))
  }
  await meter.close()
  tell(context.report, 'live locks in the calendar', sizes, found, slopeMax)
}

async function overCalendars(cluster: Cluster, sizes: readonly number[], context: Context): Promise<void> {
  const nameOf = (index: number): string => `calendar-${index}`
  const busy = Array.from({ length: busyCalendars }, (_, index) => nameOf(index))
  const found: Cost[][] = []
  let defined = 0
  let meter: CostMeter | undefined
  for (const size of sizes) {
    const start = nowMs()
    const from = defined
    const defineSome = async (): Promise<void> => {
      while (defined < size)
        await cluster.putCalendar(nameOf(defined++), openCalendar(...LockerCrowd.resources))
    }
    await Promise.all(Array.from({ length: definingMax }, defineSome))
    context.log(`${size - from} calendars defined in ${((nowMs() - start) / 1000).toFixed(1)} s`)
    meter ??= await CostMeter.open(cluster, busy, context)
    found.push(await meter.measure(`${size} calendars`))
  }
  await meter?.close()
  tell(context.report, 'calendars', sizes, found, slopeMax)
}

async function overWatchers(cluster: Cluster, sizes: readonly number[], context: Context): Promise<void> {
  const calendar = 'watched'
  await cluster.putCalendar(calendar, openCalendar(...LockerCrowd.resources))
  const meter = await CostMeter.open(cluster, [calendar], context)
  const fleet = new Fleet<CrowdHandlers>(crowdModule, watcherMembers)
  const found: Cost[][] = []
  let open = 0
  for (const size of sizes) {
    await fleet.all('open', member => ({
      urls: cluster.ws,
      count: shareOf(size - open, watcherMembers, member),
      firstHost: 2 + member,
      drain: true,
      watch: { calendar, ...daysOf(1) }
    }))
    open = size
    const before = (await fleet.all('received', () => undefined as never)).values
    found.push(await meter.measure(`${size} watchers`))
    const after = (await fleet.all('received', () => undefined as never)).values
    const frames = after.reduce((sum, { pushes }, at) => sum + pushes - before[at]!.pushes, 0)
    const each = after.flatMap(({ each }, at) => each.map((count, index) => count - before[at]!.each[index]!))
    const deaf = each.filter(count => count <= 0).length
    context.report.check(
      'every watcher is told',
      deaf === 0,
      `${deaf} of ${size} watchers heard nothing`,
      size
    )
    context.log(`${(frames / size).toFixed(0)} frames to each of ${size} watchers`)
  }
  await fleet.end()
  await meter.close()
  tell(context.report, 'watchers', sizes, found)
  // each more is one more to be told: what matters is that none of them costs more than the one before
  const perWatcher = found.map((costs, at) =>
    costs.map(cost => ({ ...cost, cpuUs: cost.cpuUs / sizes[at]! }))
  )
  slopes(context.report, 'CPU per lock and watcher over watchers', sizes, perWatcher, ({ cpuUs }) => cpuUs, 0)
}

/** All locks are asked of the first; what do the others cost, who have nobody to tell? */
async function overInstances(context: Context): Promise<void> {
  const found: Cost[][] = []
  for (const count of instances) {
    const { options, report } = context
    const cluster = await startCluster({ cli: options.cli, stores: 'redis', instances: count, report })
    await cluster.putCalendar('shared', openCalendar(...LockerCrowd.resources))
    const meter = await CostMeter.open(cluster, ['shared'], context)
    found.push(await meter.measure(`${count} instances`))
    await meter.close()
  }
  tell(context.report, 'instances', instances, found)
  slopes(context.report, 'CPU of Redis per lock over instances', instances, found, ({ parts }) => parts.redis)
}

function tell(
  report: Report,
  what: string,
  sizes: readonly number[],
  found: readonly Cost[][],
  atMost?: number
): void {
  slopes(report, `CPU per lock over ${what}`, sizes, found, ({ cpuUs }) => cpuUs, atMost)
  slopes(report, `p50 of a lock over ${what}`, sizes, found, ({ p50Ms }) => p50Ms)
  slopes(
    report,
    `p50 of raw EVALSHA + commit meanwhile, over ${what}`,
    sizes,
    found,
    ({ rawP50Ms }) => rawP50Ms
  )
  for (const [at, size] of sizes.entries())
    report.cpu(
      `lock with ${size} ${what}`,
      Object.fromEntries(processes.map(who => [who, found[at]!.map(({ parts }) => parts[who])]))
    )
  report.line({
    title: `CPU of one lock over ${what}`,
    x: { title: what, scale: 'log' },
    y: { title: 'µs of one core per lock', scale: 'log' },
    points: processes.flatMap(series =>
      sizes.flatMap((x, at) => found[at]!.map(({ parts }) => ({ series, x, y: parts[series] })))
    )
  })
}

/** One slope for each pass over all sizes. */
function slopes(
  report: Report,
  what: string,
  sizes: readonly number[],
  found: readonly Cost[][],
  costOf: (cost: Cost) => number,
  atMost?: number
): void {
  const rounds = found[0]!.map((_, round) =>
    logLogSlope(sizes.map((size, at): Growth => ({ size, cost: costOf(found[at]![round]!) })))
  )
  report.side({
    what,
    unit: 'log-log slope',
    of: { slotlock: rounds },
    ...(atMost === undefined ? {} : { target: { atMost }, isVoid: sizes.length < 2 })
  })
}
