import { Redis } from 'ioredis'
import type { CalendarDefinition } from '../../src/domain/calendar.js'
import type { ResourceId } from '../../src/domain/ids.js'
import type { SlotState } from '../../src/protocol/schemas.js'
import { type Cluster, startCluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { shareOf } from '../harness/crowd.js'
import { Fleet } from '../harness/fleet.js'
import { ask, mustAsk } from '../harness/http-client.js'
import { storeSetups } from '../harness/options.js'
import { type Report, verdictOf } from '../harness/report.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { dateOf, firstDayMs } from '../harness/slots.js'
import { formatNumber, formatSpread, merged, percentile, spread } from '../harness/stats.js'
import { atRate, cameTrue, nowMs, pause } from '../harness/time.js'
import { openRawCommit, referencePath } from '../reference/raw.js'
import { cacheFigures, redisFigures } from './clinic-day.redis.js'
import { type ClinicHandlers, clinicModule, type TimedOperation } from './clinic-day.visitor.js'

const range = { calendar: 'clinic', from: dateOf(firstDayMs), to: dateOf(firstDayMs + 13 * 86_400_000) }
const doctors = 10
const members = 2
const rounds = 3
/** Arriving, looking around, locking and the form take so long on average; then the next visit begins. */
const visitMs = 30_000
const warmUpMs = 20_000
const pollerShare = 0.1
const bookingsPerHour = 1_000
/** The forerunners' promises, p99 in milliseconds. */
const promisedMs: Partial<Record<TimedOperation, number>> = { select: 50, lock: 5, poll: 100, book: 200 }
const queriesPerRequestMax = 10

/** Five hundred people at a clinic's booking page; what was promised by those who came before. */
export const clinicDay: Scenario = {
  name: 'clinic-day',
  summary:
    '500 visitors hover, lock, poll and book: the latencies promised by the forerunners, and no slot twice',
  stores: storeSetups,
  run
}

async function run({ stores, options, random, report, log }: Context): Promise<void> {
  const forMs = ((options.forS ?? 60) * 1000) / rounds
  const count = options.clients ?? 500
  const pollers = Math.round(count * pollerShare)
  const cluster = await startCluster({ cli: options.cli, stores, instances: 2, report })
  await cluster.putCalendar(range.calendar, clinic())
  const fleet = new Fleet<ClinicHandlers>(clinicModule, members)
  await fleet.all('open', member => ({
    range,
    ws: cluster.ws,
    http: cluster.http,
    visitors: shareOf(count - pollers, members, member),
    pollers: shareOf(pollers, members, member),
    firstHost: 2 + member,
    seed: Math.floor(random() * 1e9)
  }))
  log(`${count - pollers} visitors and ${pollers} pollers on ${cluster.ws.length} instance(s)`)

  await fleet.all('begin', () => ({ visitMs }))
  await pause(warmUpMs)
  const result = await runRounds(report, rounds, async (index, addLoads) => {
    const before = await cluster.truth.effort()
    const cpu = watchCpu({
      server: cluster.pids.slotlock,
      redis: cluster.pids.redis,
      database: cluster.pids.mariadb
    })
    const [day, beside] = await Promise.all([
      fleet.all('window', () => ({ forMs })),
      measureBeside(cluster, forMs)
    ])
    const used = cpu()
    const after = await cluster.truth.effort()
    addLoads(day.loads)
    const samples = (name: TimedOperation) => merged(day.values.map(value => value.samples[name]))
    const sum = (choose: (value: (typeof day.values)[number]) => number) =>
      day.values.reduce((total, value) => total + choose(value), 0)
    const requests = sum(value => value.requests)
    log(`round ${index + 1}: ${requests} requests, ${sum(value => value.bookings)} bookings`)
    return {
      samples,
      beside,
      cpuUs: Object.fromEntries(Object.entries(used).map(([who, us]) => [who, us / requests])),
      busyShare: sum(value => value.busy) / requests,
      bookingsPerHour: (sum(value => value.bookings) * 3_600_000) / forMs,
      queriesPerRequest:
        (after.statements - before.statements - beside.commits) / (requests + beside.health.length)
    }
  })
  const left = await fleet.all('leave', () => undefined as never)
  const booked = left.values.flatMap(value => value.booked)
  const cancelled = new Set(left.values.flatMap(value => value.cancelled))
  const refusals: Record<string, number> = {}
  for (const value of left.values)
    for (const [what, n] of Object.entries(value.refusals)) refusals[what] = (refusals[what] ?? 0) + n

  await verify(cluster, fleet, report, booked, cancelled)
  report.check(
    'nothing is refused but a slot that somebody else was faster at, or as BUSY',
    Object.keys(refusals).every(what => what === 'lock SLOT_UNAVAILABLE' || what.endsWith(' BUSY')),
    JSON.stringify(refusals),
    booked.length
  )
  const { values, isVoid } = result
  for (const [name, what] of [
    ['view', 'reading the slots of two weeks'],
    ['select', 'selection'],
    ['lock', 'lock'],
    ['poll', 'heartbeat poll'],
    ['book', 'booking'],
    ['cancel', 'cancelling a booking']
  ] as const) {
    if (values.every(round => round.samples(name).length === 0)) continue
    const each = (p: number): number[] => values.map(round => percentile(round.samples(name), p))
    const promised = promisedMs[name]
    const raw = name === 'lock' || name === 'book' ? rawReference(values) : undefined
    if (raw !== undefined) report.note(`beside a ${what}: ${raw}`)
    report.side({ what: `${what} p50`, unit: 'ms', of: { slotlock: each(50) } })
    report.side({
      what: `${what} p99`,
      unit: 'ms',
      of: { slotlock: each(99) },
      ...(promised === undefined ? {} : { target: { atMost: promised }, isVoid })
    })
  }
  report.side({
    what: 'GET /health p99',
    unit: 'ms',
    of: { slotlock: values.map(round => percentile(round.beside.health, 99)) }
  })
  report.cpu(
    'request of the day',
    Object.fromEntries(
      [
        'server',
        ...(stores === 'embedded' ? [] : ['database']),
        ...(stores === 'redis' ? ['redis'] : [])
      ].map(who => [who, values.map(round => round.cpuUs[who]!)])
    )
  )
  const rate = spread(values.map(round => round.bookingsPerHour))
  report.figure({
    what: 'bookings an hour at this rate',
    measured: formatSpread(rate),
    target: `> ${bookingsPerHour.toLocaleString('en-US')}`,
    verdict: verdictOf(rate.median > bookingsPerHour, false)
  })
  const busy = spread(values.map(round => round.busyShare))
  report.figure({
    what: 'refused as BUSY, share',
    measured: formatSpread(busy),
    target: '0',
    verdict: verdictOf(busy.max === 0, isVoid)
  })
  if (stores !== 'embedded') {
    const queries = spread(values.map(round => round.queriesPerRequest))
    report.figure({
      what: 'database statements per request, background work included',
      measured: formatSpread(queries),
      target: `< ${queriesPerRequestMax}`,
      verdict: verdictOf(queries.median < queriesPerRequestMax, false)
    })
  }
  if (cluster.redisUrl !== undefined) {
    await redisFigures(cluster.redisUrl, cluster.http, report, isVoid)
    await cacheFigures(cluster, report)
  }
  await fleet.end()

  function rawReference(of: typeof values): string {
    const p99 = (choose: (beside: (typeof values)[number]['beside']) => number[]) =>
      formatSpread(spread(of.map(round => percentile(choose(round.beside), 99))))
    const commit = `raw commit p99 at the same time ${p99(beside => beside.commit)}`
    return stores === 'redis' ? `raw SET NX ${p99(beside => beside.set)}; ${commit}` : commit
  }
}

/** Ten doctors, nine to five, every day: 16 slots each. */
function clinic(): Omit<CalendarDefinition, 'id'> {
  const nineToFive: [string, string][] = [['09:00', '17:00']]
  const hours = Object.fromEntries(
    ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'].map(day => [day, nineToFive])
  )
  return {
    name: 'Clinic',
    timeZone: 'UTC',
    slotMinutes: 30,
    grid: 'hours',
    resources: Array.from({ length: doctors }, (_, index) => ({
      id: `dr-${index}` as ResourceId,
      name: `Dr ${index}`,
      hours
    })),
    exceptions: []
  }
}

/** What a raw call costs, and what the health check takes, while all the visitors are there. */
async function measureBeside(cluster: Cluster, forMs: number) {
  const redis = cluster.redisUrl === undefined ? undefined : new Redis(cluster.redisUrl)
  const rawCommit = await openRawCommit({
    mysqlUrl: cluster.mysqlUrl,
    sqlitePath: referencePath(cluster.folder)
  })
  const set: number[] = []
  const commit: number[] = []
  const health: number[] = []
  const timed = async (into: number[], work: () => Promise<unknown>): Promise<void> => {
    const start = nowMs()
    await work()
    into.push(nowMs() - start)
  }
  const stamp = Math.floor(nowMs())
  const all: Promise<void>[] = []
  await atRate(10, forMs, (_, index) => {
    const name = `beside-${stamp}-${index}`
    if (redis !== undefined) all.push(timed(set, () => redis.set(name, '1', 'PX', 600_000, 'NX')))
    all.push(timed(commit, () => rawCommit.insert(name)))
    all.push(timed(health, () => ask(`${cluster.http[index % cluster.http.length]}/health`)))
  })
  await Promise.all(all)
  redis?.disconnect()
  await rawCommit.close()
  return { set, commit, health, commits: commit.length }
}

/** Three questions that decide whether it was a good day. */
async function verify(
  cluster: Cluster,
  fleet: Fleet<ClinicHandlers>,
  report: Report,
  booked: readonly { id: string; lock: string; slots: string[] }[],
  cancelled: ReadonlySet<string>
): Promise<void> {
  const bookings = await cluster.truth.bookings(range.calendar)
  const rows = new Map((await cluster.truth.slots(range.calendar)).map(row => [row.slot, row]))
  const owners = new Map<string, string>()
  for (const booking of bookings.filter(({ state }) => state === 'booked'))
    for (const slot of booking.slots) {
      const other = owners.get(slot)
      report.check('no slot is booked twice', other === undefined, `${slot}: ${other} and ${booking.id}`)
      owners.set(slot, booking.id)
    }
  const byId = new Map(bookings.map(booking => [booking.id, booking]))
  for (const { id, lock, slots } of booked) {
    const inDatabase = byId.get(id)
    const expected = cancelled.has(id) ? 'cancelled' : 'booked'
    const rowsHold =
      expected === 'cancelled' ||
      slots.every(slot => rows.get(slot)?.state === 'booked' && rows.get(slot)?.token === lock)
    report.check(
      'every acknowledged booking is in the database, with its slots',
      inDatabase?.state === expected && inDatabase.slots.join() === slots.join() && rowsHold,
      `${id} should be ${expected} and is ${inDatabase?.state ?? 'missing'}`
    )
  }

  const url = `${cluster.http[0]}/v1/calendars/${range.calendar}/slots?from=${range.from}&to=${range.to}`
  let looks = 0
  let wrong: string[] = []
  await cameTrue(async () => {
    const { slots } = await mustAsk<{ slots: SlotState[] }>(url)
    const { values } = await fleet.all('differences', () => ({ fresh: slots }))
    const all = values.flat()
    looks = all.length
    wrong = all.flat()
    return wrong.length === 0
  }, 5_000)
  report.check(
    'every watcher’s and every poller’s picture is what a fresh read gives',
    wrong.length === 0,
    `${formatNumber(wrong.length)} differences, such as: ${wrong[0]}`,
    looks
  )
}
