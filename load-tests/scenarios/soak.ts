import type { SlotState } from '../../src/protocol/schemas.js'
import { type Cluster, startCluster } from '../harness/cluster.js'
import { readProcessUse } from '../harness/cpu.js'
import { shareOf } from '../harness/crowd.js'
import { type CrowdHandlers, crowdModule } from '../harness/crowd-member.js'
import { Fleet } from '../harness/fleet.js'
import { mustAsk } from '../harness/http-client.js'
import { LockLoad } from '../harness/lock-load.js'
import { storeSetups } from '../harness/options.js'
import type { Report } from '../harness/report.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { daysOf, openCalendar, slotAt } from '../harness/slots.js'
import { percentile } from '../harness/stats.js'
import { cameTrue, nowMs, pause, steadily } from '../harness/time.js'
import { WsClient } from '../harness/ws-driver.js'

const calendar = 'soak'
const defaultForS = 1_800
const looks = 240
const locksPerSecond = 30
const hoversPerSecond = 20
/** Taken again and again: a calendar that fills up is read longer and longer, and its pages take ever more memory. */
const slotCount = 2_000
const watcherCount = 200
const members = 2
/** Pages that are opened, read and closed again. */
const visitsPerSecond = 5
/** V8 settles in the first minutes; a run that is all settling says nothing of leaks. */
const tellsFromS = 600
const growthMax = 1.1
const rightWithinMs = 10_000

/** Half an hour of ordinary work. Does the memory stay where it was? */
export const soak: Scenario = {
  name: 'soak',
  summary:
    'half an hour of locks, hovers, watchers and pages that come and go: memory stays flat, and so does the latency',
  stores: storeSetups,
  onlyNamed: true,
  run
}

interface Look {
  atS: number
  rssMb: Record<string, number>
}

async function run({ stores, options, random, report, log }: Context): Promise<void> {
  const forS = options.forS ?? defaultForS
  const cluster = await startCluster({ cli: options.cli, stores, instances: 1, report })
  const days = daysOf(slotCount)
  await cluster.putCalendar(calendar, openCalendar('counter', 'room'))
  const fleet = new Fleet<CrowdHandlers>(crowdModule, members)
  await fleet.all('open', member => ({
    urls: cluster.ws,
    count: shareOf(options.clients ?? watcherCount, members, member),
    firstHost: 2 + member,
    watch: { calendar, ...days }
  }))
  const load = await LockLoad.open(cluster, calendar, report, slotCount)
  log(
    `${forS} s of ${locksPerSecond} locks, ${hoversPerSecond} hovers and ${visitsPerSecond} visits a second`
  )

  const startMs = nowMs()
  const locking = steadily(locksPerSecond, due => load.fire(due))
  const visits = new Set<Promise<void>>()
  const visiting = steadily(visitsPerSecond, () => {
    const visit = visitOnce(cluster, days, report).finally(() => visits.delete(visit))
    visits.add(visit)
  })
  const hovering = fleet.all('hover', () => ({
    calendar,
    slots: Array.from({ length: 100 }, (_, index) => slotAt('room', index)),
    hoverers: 20,
    perSecond: hoversPerSecond / members,
    forMs: forS * 1000,
    seed: Math.floor(random() * 1e9)
  }))
  const seen: Look[] = []
  for (let look = 0; look < looks; look++) {
    await pause(startMs + ((look + 1) * forS * 1000) / looks - nowMs())
    seen.push({ atS: (nowMs() - startMs) / 1000, rssMb: memoryOf(cluster) })
    if (look % 24 === 23) log(`${seen.at(-1)!.atS.toFixed(0)} s: ${seen.at(-1)!.rssMb.server!.toFixed(0)} MB`)
  }
  const endMs = nowMs()
  for (const { refused, sent } of (await hovering).values)
    report.check('every hover is taken', Object.keys(refused).length === 0, JSON.stringify(refused), sent)
  await Promise.all([locking.stop(), visiting.stop()])
  await Promise.all([load.settled(), ...visits])

  await verify(cluster, fleet, load, days, report)
  load.close()
  await fleet.end()
  tell(report, seen, load, { startMs, endMs, isShort: forS < tellsFromS })
}

function memoryOf({ pids }: Cluster): Record<string, number> {
  const of = (list: readonly number[]): number =>
    list.reduce((sum, pid) => sum + (readProcessUse(pid)?.rssBytes ?? Number.NaN), 0) / 2 ** 20
  return {
    server: of(pids.slotlock),
    ...(pids.redis.length > 0 ? { redis: of(pids.redis) } : {}),
    ...(pids.mariadb.length > 0 ? { database: of(pids.mariadb) } : {})
  }
}

/** A page is opened, looks at the calendar, and is gone. */
async function visitOnce(
  cluster: Cluster,
  days: { from: string; to: string },
  report: Report
): Promise<void> {
  const client = await WsClient.open({ url: cluster.ws[0]!, drain: true })
  const answer = await client.request('watch', { calendar, ...days })
  report.check('a page that is opened gets its snapshot', answer.ok, JSON.stringify(answer).slice(0, 200))
  client.close()
}

async function verify(
  cluster: Cluster,
  fleet: Fleet<CrowdHandlers>,
  load: LockLoad,
  days: { from: string; to: string },
  report: Report
): Promise<void> {
  const { slots: fresh } = await mustAsk<{ slots: SlotState[] }>(
    `${cluster.http[0]}/v1/calendars/${calendar}/slots?from=${days.from}&to=${days.to}`
  )
  let wrong: string[] = []
  await cameTrue(async () => {
    const { values } = await fleet.all('differences', () => ({ fresh, within: days }))
    wrong = values.flat(2)
    return wrong.length === 0
  }, rightWithinMs)
  report.check(
    'in the end every watcher has the picture that a fresh read gives',
    wrong.length === 0,
    wrong.slice(0, 3).join('; ')
  )
  const rows = new Map((await cluster.truth.locks(calendar)).map(lock => [lock.id, lock.slots.join()]))
  for (const { lock, slot } of load.asked)
    if (lock !== undefined)
      report.check('every acknowledged lock is in the database, with its slot', rows.get(lock) === slot, lock)
}

function tell(
  report: Report,
  seen: readonly Look[],
  load: LockLoad,
  { startMs, endMs, isShort }: { startMs: number; endMs: number; isShort: boolean }
): void {
  const quarter = (at: number): Look[] =>
    seen.slice(Math.floor((at * seen.length) / 4), Math.floor(((at + 1) * seen.length) / 4))
  const median = (some: readonly Look[], who: string): number =>
    percentile(
      some.map(({ rssMb }) => rssMb[who]!),
      50
    )
  for (const who of Object.keys(seen[0]!.rssMb)) {
    report.ratio({
      what: `memory of the ${who}, last quarter / second quarter`,
      rounds: [median(quarter(3), who) / median(quarter(1), who)],
      ...(who === 'server' ? { target: { atMost: growthMax }, isVoid: isShort } : {})
    })
    report.side({
      what: `memory of the ${who} in the last quarter`,
      unit: 'MB',
      of: { slotlock: quarter(3).map(({ rssMb }) => rssMb[who]!) }
    })
  }
  const p99 = (at: number): number => {
    const from = startMs + (at * (endMs - startMs)) / 4
    return percentile(load.tookMs(from, from + (endMs - startMs) / 4), 99)
  }
  report.ratio({ what: 'lock p99, last quarter / second quarter', rounds: [p99(3) / p99(1)] })
  report.line({
    title: 'Resident memory',
    x: { title: 'seconds since the start', scale: 'linear' },
    y: { title: 'MB', scale: 'linear' },
    points: Object.keys(seen[0]!.rssMb).flatMap(series =>
      seen.map(({ atS, rssMb }) => ({ series, x: atS, y: rssMb[series]! }))
    )
  })
  if (isShort)
    report.note(
      `too short to tell: the memory of Node settles in the first minutes, so from ${tellsFromS} s on`
    )
}
