import type { LockView } from '../../src/protocol/schemas.js'
import { type Cluster, startCluster } from '../harness/cluster.js'
import { readProcessUse, watchCpu } from '../harness/cpu.js'
import { shareOf } from '../harness/crowd.js'
import { type CrowdHandlers, crowdModule } from '../harness/crowd-member.js'
import { Fleet } from '../harness/fleet.js'
import { storeSetups } from '../harness/options.js'
import { patiently } from '../harness/patient.js'
import { type Report, verdictOf } from '../harness/report.js'
import { type Rounds, runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { daysOf, openCalendar, slotAt } from '../harness/slots.js'
import { merged, percentile } from '../harness/stats.js'
import { atRate, cameTrue } from '../harness/time.js'
import { WsClient } from '../harness/ws-driver.js'

const calendar = 'storm'
const rounds = 3
/** Two hundred people whose mouse is on another slot every second, and then ten times a second. */
const hoverers = 200
const rates = [200, 2_000] as const
const members = 2
/** Of the hoverers of each process; they are asked at the end what they saw. The others only have to be written to. */
const readersPerMember = 20
/** Share of the watchers that read nothing while a storm lasts. */
const stalledShare = 0.05
const locksPerSecond = 50
/** A session's requests are taken one after the other: one locker alone would wait for itself. */
const lockerCount = 20
const seenWithinMs = 5_000

/** Everybody moves the mouse; the one who clicks must not wait for it. */
export const hoverStorm: Scenario = {
  name: 'hover-storm',
  summary:
    '200 and 2,000 hovers/s on one calendar with 500 watchers, some of whom read nothing: what it does to a lock, and what ten times as many cost',
  stores: storeSetups,
  run
}

interface Storm {
  lock: { p50: number; p99: number }
  hoverP99: number
  cpuUs: number
  hovers: number
  framesEach: number
}
interface Round {
  quiet: { p50: number; p99: number }
  storms: Record<(typeof rates)[number], Storm>
}

interface Crowds {
  hoverers: Fleet<CrowdHandlers>
  drains: Fleet<CrowdHandlers>
  stalled: Fleet<CrowdHandlers>
}

async function run({ stores, options, random, report, log }: Context): Promise<void> {
  const forMs = (options.forS ?? 5) * 1000
  const watchers = Math.max(options.clients ?? 500, hoverers + 20)
  const cluster = await startCluster({ cli: options.cli, stores, instances: 1, report })
  await cluster.putCalendar(calendar, openCalendar('room', 'counter'))
  const stalledCount = Math.ceil(watchers * stalledShare)
  const crowds = await openCrowds(cluster, watchers, stalledCount)
  const lockers = await Promise.all(
    Array.from({ length: lockerCount }, () => WsClient.open({ url: cluster.ws[0]! }))
  )
  const locks = lockLoad(lockers, report)
  const slots = Array.from({ length: 100 }, (_, index) => slotAt('room', index))
  const both = (tookMs: Float64Array) => ({ p50: percentile(tookMs, 50), p99: percentile(tookMs, 99) })

  const storm = async (
    perSecond: number,
    addLoads: Parameters<Parameters<typeof runRounds>[2]>[1]
  ): Promise<Storm> => {
    const received = async (): Promise<number> =>
      (await crowds.drains.all('received', () => undefined as never)).values.reduce(
        (sum, { pushes }) => sum + pushes,
        0
      )
    const before = await received()
    await crowds.stalled.all('stall', () => undefined as never)
    const cpu = watchCpu({ server: cluster.pids.slotlock })
    const [took, hovered, drained] = await Promise.all([
      locks.atRate(forMs),
      crowds.hoverers.all('hover', () => ({
        calendar,
        slots,
        hoverers: hoverers / members,
        perSecond: perSecond / members,
        forMs,
        seed: Math.floor(random() * 1e9)
      })),
      crowds.drains.all('receive', () => ({ forMs }))
    ])
    const cpuUs = cpu().server!
    const framesEach = ((await received()) - before) / drainCount(watchers, stalledCount)
    addLoads([...hovered.loads, ...drained.loads])
    await crowds.stalled.all('resume', () => undefined as never)
    const refused = hovered.values.map(value => value.refused)
    const sent = hovered.values.reduce((sum, value) => sum + value.sent, 0)
    report.check(
      'every hover is taken',
      refused.every(codes => Object.keys(codes).length === 0),
      JSON.stringify(refused),
      sent
    )
    await verifyPictures(
      crowds,
      hovered.values.flatMap(value => value.last),
      report
    )
    return {
      lock: both(took),
      hoverP99: percentile(merged(hovered.values.map(value => value.tookMs)), 99),
      cpuUs,
      hovers: sent,
      framesEach
    }
  }

  await locks.atRate(forMs)
  const rssBefore = readProcessUse(cluster.pids.slotlock[0]!)?.rssBytes ?? Number.NaN
  const result = await runRounds<Round>(report, rounds, async (index, addLoads) => {
    const quiet = both(await locks.atRate(forMs))
    const storms = {} as Round['storms']
    for (const rate of rates) storms[rate] = await storm(rate, addLoads)
    const told = rates.map(rate => `at ${rate} hovers/s ${storms[rate].lock.p99.toFixed(2)} ms`)
    log(`round ${index + 1}: lock p99 ${quiet.p99.toFixed(2)} ms, ${told.join(', ')}`)
    return { quiet, storms }
  })
  const rssAfter = readProcessUse(cluster.pids.slotlock[0]!)?.rssBytes ?? Number.NaN
  for (const answer of (await crowds.drains.all('alive', () => undefined as never)).values)
    report.check('no watcher that reads was dropped', answer.whyNot.length === 0, answer.whyNot.join('; '))
  for (const client of lockers) client.close()
  await Promise.all(Object.values(crowds).map((fleet: Fleet<CrowdHandlers>) => fleet.end()))

  tell(report, result, watchers)
  report.figure({
    what: 'locks refused as BUSY',
    measured: String(locks.busy()),
    target: '0',
    verdict: verdictOf(locks.busy() === 0, result.isVoid)
  })
  report.note(
    `${stalledCount} watchers read nothing during each storm; the server's memory grew by ${((rssAfter - rssBefore) / 2 ** 20).toFixed(0)} MB over all rounds`
  )
}

const drainCount = (watchers: number, stalled: number): number => watchers - stalled - hoverers

async function openCrowds(cluster: Cluster, watchers: number, stalledCount: number): Promise<Crowds> {
  const urls = cluster.ws
  const watch = { calendar, ...daysOf(2_000) }
  const crowds: Crowds = {
    hoverers: new Fleet<CrowdHandlers>(crowdModule, members),
    drains: new Fleet<CrowdHandlers>(crowdModule, members),
    stalled: new Fleet<CrowdHandlers>(crowdModule, 1)
  }
  const perMember = hoverers / members
  await crowds.hoverers.all('open', () => ({ urls, count: readersPerMember, watch }))
  await crowds.hoverers.all('open', () => ({ urls, count: perMember - readersPerMember, drain: true, watch }))
  await crowds.drains.all('open', member => ({
    urls,
    count: shareOf(drainCount(watchers, stalledCount), members, member),
    firstHost: 3 + member,
    drain: true,
    watch
  }))
  await crowds.stalled.all('open', () => ({ urls, count: stalledCount, firstHost: 6, watch }))
  return crowds
}

/** Locks on free slots at a steady rate, each given back at once. */
function lockLoad(lockers: readonly WsClient[], report: Report) {
  let next = 0
  let busy = 0
  const one = async (client: WsClient, dueMs: number, tookMs: number[]): Promise<void> => {
    const slot = slotAt('counter', next++ % 2_000)
    const answer = await client.timed('lock', { calendar, slots: [slot] }, dueMs)
    tookMs.push(answer.tookMs)
    const wasBusy = !answer.ok && answer.error.code === 'BUSY'
    if (wasBusy) busy += 1
    report.check(
      'a lock on a free slot is granted, or refused as BUSY',
      answer.ok || wasBusy,
      JSON.stringify(answer)
    )
    if (!answer.ok) return
    const { lock } = answer.result as { lock: LockView }
    await patiently(() => client.request('release', { lock: lock.id }))
  }
  return {
    busy: () => busy,
    async atRate(forMs: number): Promise<Float64Array> {
      const tookMs: number[] = []
      const sent: Promise<void>[] = []
      await atRate(locksPerSecond, forMs, (due, index) => {
        sent.push(one(lockers[index % lockers.length]!, due, tookMs))
      })
      await Promise.all(sent)
      return Float64Array.from(tookMs)
    }
  }
}

/** Whoever was told last where somebody is must still have it so; who read nothing meanwhile catches up, or knows it. */
async function verifyPictures(
  crowds: Crowds,
  last: [viewer: string, slot: string][],
  report: Report
): Promise<void> {
  for (const [who, fleet] of [
    ['every watcher', crowds.hoverers],
    ['every watcher that had stopped reading, and was not told 4008,', crowds.stalled]
  ] as const) {
    let looks = 0
    let examples: string[] = []
    let misseen = 0
    await cameTrue(async () => {
      const { values } = await fleet.all('misseenSelections', () => ({ last }))
      looks = values.reduce((sum, value) => sum + value.looks, 0)
      misseen = values.reduce((sum, value) => sum + value.misseen, 0)
      examples = values.flatMap(value => value.examples)
      return misseen === 0
    }, seenWithinMs)
    report.check(
      `when the storm is over ${who} sees every hoverer where it is`,
      misseen === 0,
      `${misseen} of ${looks}: ${examples.join('; ')}`,
      looks
    )
  }
  const { values } = await crowds.stalled.all('alive', () => undefined as never)
  report.check(
    'who stopped reading is kept, or closed with 4008',
    values.every(({ whyNot }) => whyNot.every(reason => reason.includes('4008'))),
    JSON.stringify(values)
  )
}

function tell(report: Report, { values, isVoid }: Rounds<Round>, watchers: number): void {
  const of = (choose: (round: Round) => number): number[] => values.map(choose)
  const [rate, tenfold] = rates
  for (const p of ['p50', 'p99'] as const) {
    report.side({
      what: `lock ${p}`,
      unit: 'ms',
      of: {
        [`at ${tenfold} hovers/s`]: of(round => round.storms[tenfold].lock[p]),
        [`at ${rate} hovers/s`]: of(round => round.storms[rate].lock[p]),
        quiet: of(round => round.quiet[p])
      }
    })
    for (const at of rates)
      report.ratio({
        what: `lock ${p} at ${at} hovers/s / quiet`,
        rounds: of(round => round.storms[at].lock[p] / round.quiet[p]),
        ...(p === 'p99' ? { target: { atMost: 1.5 }, isVoid } : {})
      })
  }
  report.ratio({
    what: `CPU of the server, ${tenfold} / ${rate} hovers/s`,
    rounds: of(round => round.storms[tenfold].cpuUs / round.storms[rate].cpuUs),
    target: { atMost: 1.5 },
    isVoid
  })
  for (const at of rates)
    report.side({
      what: `hover p99 at ${at}/s`,
      unit: 'ms',
      of: { slotlock: of(round => round.storms[at].hoverP99) },
      target: { atMost: 50 },
      isVoid
    })
  report.cpu(
    `hover told to ${watchers}, with the locks meanwhile`,
    Object.fromEntries(
      rates.map(at => [`server at ${at}/s`, of(round => round.storms[at].cpuUs / round.storms[at].hovers)])
    )
  )
  report.side({
    what: 'frames to each watcher',
    unit: 'frames',
    of: Object.fromEntries(rates.map(at => [`at ${at} hovers/s`, of(round => round.storms[at].framesEach)]))
  })
}
