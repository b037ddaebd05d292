import { Redis } from 'ioredis'
import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { type Cluster, startCluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { LockLoad } from '../harness/lock-load.js'
import { verdictOf } from '../harness/report.js'
import { resynced } from '../harness/resyncs.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { openCalendar } from '../harness/slots.js'
import { formatNumber, merged, percentile } from '../harness/stats.js'
import { fillStock, missingMarks, stockResources } from '../harness/stock.js'
import { nowMs, pause, steadily } from '../harness/time.js'

const sizes = [10_000, 100_000]
const rounds = 3
const locksPerSecond = 100
const quietMs = 3_000
/** The stock begins behind the slots of the load. */
const loadSlots = 40_000
const keysPerPipeline = 1_000

/** Redis lost everything. How long until it knows all live locks again, and what do those notice who lock meanwhile? */
export const resync: Scenario = {
  name: 'resync',
  summary: 'Redis is flushed under a lock load: 10,000 and 100,000 live locks back from the database',
  stores: ['redis'],
  run
}

async function run({ options, report, log }: Context): Promise<void> {
  const cluster = await startCluster({ cli: options.cli, stores: 'redis', instances: 1, report })
  const admin = new Redis(cluster.redisUrl!)
  try {
    for (const size of options.clients === undefined ? sizes : [options.clients])
      await oneSize(cluster, admin, size, { options, report, log })
  } finally {
    admin.disconnect()
  }
}

async function oneSize(
  cluster: Cluster,
  admin: Redis,
  size: number,
  { options, report, log }: Pick<Context, 'options' | 'report' | 'log'>
): Promise<void> {
  const calendar = `stock-${size}`
  await cluster.putCalendar(calendar, openCalendar('counter', ...stockResources(size)))
  const stock = await fillStock(cluster.mysqlUrl!, calendar, size, loadSlots)
  const load = await LockLoad.open(cluster, calendar, report)
  const fire = (due: number): void => load.fire(due)
  const warmUp = steadily(locksPerSecond, fire)
  await resynced(cluster, calendar, 0)
  await pause(1_000)
  await warmUp.stop()
  await load.settled()

  const result = await runRounds(report, options.times ?? rounds, async index => {
    const raw = await rawCopy(cluster, calendar)
    const firing = steadily(locksPerSecond, fire)
    const startedAt = nowMs()
    await pause(quietMs)
    const cpu = watchCpu({
      server: cluster.pids.slotlock,
      redis: cluster.pids.redis,
      database: cluster.pids.mariadb
    })
    const flushedAt = nowMs()
    await admin.flushall()
    const [filled] = await resynced(cluster, calendar, flushedAt)
    const cpuMs = Object.fromEntries(Object.entries(cpu()).map(([name, us]) => [name, us / 1000]))
    const missing = await missingMarks(cluster.redisUrl!, calendar, stock)
    await firing.stop()
    await load.settled()
    report.check(
      'after the resync every live lock of the database has its own mark in Redis',
      missing === 0,
      `${missing} of ${size} have not`,
      size
    )
    report.check('the log line counts them', filled!.locks >= size, `it says ${filled!.locks}`)
    const during = load.between(startedAt, filled!.toMs).filter(({ answeredMs }) => answeredMs >= flushedAt)
    log(`${formatNumber(size)}, round ${index + 1}: ${filled!.ms} ms, by hand ${raw.toFixed(0)} ms`)
    return {
      ms: filled!.ms,
      raw,
      cpuMs,
      quiet: load.tookMs(startedAt, flushedAt - 250),
      during: Float64Array.from(during, ({ tookMs }) => tookMs)
    }
  })
  const rows = new Map((await cluster.truth.locks(calendar)).map(lock => [lock.id, lock.slots.join()]))
  for (const { lock, slot } of load.asked)
    if (lock !== undefined)
      report.check('every acknowledged lock is in the database, with its slot', rows.get(lock) === slot, lock)
  load.close()

  const { values, isVoid } = result
  const of = (choose: (round: (typeof values)[number]) => number): number[] => values.map(choose)
  const name = formatNumber(size)
  const boundMs = size <= 10_000 ? 1_000 : 1_500
  report.side({
    what: `resync of ${name} live locks`,
    unit: 'ms',
    of: { slotlock: of(round => round.ms), 'SELECT and pipelined SETs by hand': of(round => round.raw) },
    target: { atMost: boundMs },
    isVoid
  })
  report.ratio({
    what: `resync of ${name} / by hand`,
    rounds: of(round => round.ms / round.raw),
    target: { atMost: 2 },
    isVoid
  })
  const quiet = percentile(merged(values.map(round => round.quiet)), 99)
  const during = merged(values.map(round => round.during))
  report.figure({
    what: `lock p99 during the resync of ${name} / quiet (${during.length} locks)`,
    measured: `${formatNumber(percentile(during, 99) / quiet)} (${formatNumber(percentile(during, 99))} ms)`,
    reference: `quiet ${formatNumber(quiet)} ms`,
    target: '<= 2',
    verdict: verdictOf(percentile(during, 99) <= 2 * quiet, isVoid)
  })
  report.cpu(
    `lock that is synced, of ${name}`,
    Object.fromEntries(
      ['server', 'redis', 'database'].map(who => [who, of(round => (round.cpuMs[who]! * 1000) / size)])
    )
  )
}

/** The least that has to be done: read the rows, write a key for each. Under names of its own, in the same Redis. */
async function rawCopy({ mysqlUrl, redisUrl }: Cluster, calendar: string): Promise<number> {
  const connection = await createConnection(mysqlUrl!)
  const redis = new Redis(redisUrl!)
  await redis.ping()
  const start = nowMs()
  const [rows] = await connection.query<RowDataPacket[]>(
    'SELECT slot, token, ver, expires_ms FROM slots WHERE calendar = ? AND state = ?',
    [calendar, 'locked']
  )
  for (let from = 0; from < rows.length; from += keysPerPipeline) {
    const pipeline = redis.pipeline()
    for (const { slot, token, ver, expires_ms } of rows.slice(from, from + keysPerPipeline))
      pipeline.set(`reference:${slot}`, `${ver}:${token}`, 'PXAT', Number(expires_ms))
    await pipeline.exec()
  }
  const tookMs = nowMs() - start
  redis.disconnect()
  await connection.end()
  return tookMs
}
