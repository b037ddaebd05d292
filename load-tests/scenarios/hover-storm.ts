import type { LockView } from '../../src/protocol/schemas.js'
import { startCluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { shareOf } from '../harness/crowd.js'
import { type CrowdHandlers, crowdModule } from '../harness/crowd-member.js'
import { Fleet } from '../harness/fleet.js'
import { storeSetups } from '../harness/options.js'
import { patiently } from '../harness/patient.js'
import { verdictOf } from '../harness/report.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { daysOf, openCalendar, slotAt } from '../harness/slots.js'
import { formatSpread, merged, percentile, spread } from '../harness/stats.js'
import { atRate, cameTrue } from '../harness/time.js'
import { WsClient } from '../harness/ws-driver.js'

const calendar = 'storm'
const rounds = 3
const hoversPerSecond = 200
const hoverers = 40
const members = 2
const locksPerSecond = 50
/** A session's requests are taken one after the other: one locker alone would wait for itself. */
const lockerCount = 20
const target = 3

/** Everybody moves the mouse; the one who clicks must not wait for it. */
export const hoverStorm: Scenario = {
  name: 'hover-storm',
  summary: '200 hovers/s on one calendar with 500 watchers: what it does to the latency of a lock',
  stores: storeSetups,
  run
}

async function run({ stores, options, random, report, log }: Context): Promise<void> {
  const forMs = (options.forS ?? 5) * 1000
  const watchers = options.clients ?? 500
  const cluster = await startCluster({ cli: options.cli, stores, instances: 1, report })
  await cluster.putCalendar(calendar, openCalendar('room', 'counter'))
  const days = daysOf(2_000)
  // the hoverers read every push, to be asked at the end what they saw; the rest only have to be written to
  const readers = new Fleet<CrowdHandlers>(crowdModule, 1)
  const drains = new Fleet<CrowdHandlers>(crowdModule, members)
  await readers.all('open', () => ({ urls: cluster.ws, count: hoverers, watch: { calendar, ...days } }))
  await drains.all('open', member => ({
    urls: cluster.ws,
    count: shareOf(watchers - hoverers, members, member),
    firstHost: 3 + member,
    drain: true,
    watch: { calendar, ...days }
  }))
  const lockers = await Promise.all(
    Array.from({ length: lockerCount }, () => WsClient.open({ url: cluster.ws[0]! }))
  )
  let busy = 0
  const slots = Array.from({ length: 100 }, (_, index) => slotAt('room', index))
  let next = 0

  const lockAtRate = async (): Promise<Float64Array> => {
    const tookMs: number[] = []
    const sent: Promise<unknown>[] = []
    await atRate(locksPerSecond, forMs, (due, index) => {
      const client = lockers[index % lockerCount]!
      const slot = slotAt('counter', next++ % 2_000)
      const work = async (): Promise<void> => {
        const answer = await client.timed('lock', { calendar, slots: [slot] }, due)
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
      sent.push(work())
    })
    await Promise.all(sent)
    return Float64Array.from(tookMs)
  }
  const hover = () =>
    readers.all('hover', () => ({
      calendar,
      slots,
      hoverers,
      perSecond: hoversPerSecond,
      forMs,
      seed: Math.floor(random() * 1e9)
    }))

  await lockAtRate()
  const result = await runRounds(report, rounds, async (index, addLoads) => {
    const quiet = await lockAtRate()
    const [before] = (await drains.all('received', () => undefined as never)).values
    const cpu = watchCpu({ server: cluster.pids.slotlock })
    const [storm, hovered, drained] = await Promise.all([
      lockAtRate(),
      hover(),
      drains.all('receive', () => ({ forMs }))
    ])
    const cpuUs = cpu().server!
    const after = await drains.all('received', () => undefined as never)
    addLoads([...hovered.loads, ...drained.loads])
    const { sent, tookMs, refused, last } = hovered.values[0]!
    report.check('every hover is taken', Object.keys(refused).length === 0, JSON.stringify(refused), sent)

    let seen = { looks: 0, misseen: 0, examples: [] as string[] }
    await cameTrue(async () => {
      seen = (await readers.all('misseenSelections', () => ({ last }))).values[0]!
      return seen.misseen === 0
    }, 3_000)
    report.check(
      'when the storm is over every watcher sees every hoverer where it is',
      seen.misseen === 0,
      `${seen.misseen} of ${seen.looks}: ${seen.examples.join('; ')}`,
      seen.looks
    )
    log(
      `round ${index + 1}: lock p99 ${percentile(quiet, 99).toFixed(2)} ms, in the storm ${percentile(storm, 99).toFixed(2)} ms`
    )
    return {
      quiet: { p50: percentile(quiet, 50), p99: percentile(quiet, 99) },
      storm: { p50: percentile(storm, 50), p99: percentile(storm, 99) },
      hoverP99: percentile(merged([tookMs]), 99),
      cpuUsPerHover: cpuUs / sent,
      pushesPerWatcher: ((after.values[0]?.pushes ?? 0) - (before?.pushes ?? 0)) / (watchers / members)
    }
  })
  for (const answer of (await drains.all('alive', () => undefined as never)).values)
    report.check('no watcher was dropped', answer.whyNot.length === 0, answer.whyNot.join('; '))
  for (const client of lockers) client.close()
  await Promise.all([readers.end(), drains.end()])

  const of = (choose: (round: (typeof result.values)[number]) => number) => spread(result.values.map(choose))
  for (const p of ['p50', 'p99'] as const) {
    report.figure({
      what: `lock ${p} in the storm, ms`,
      measured: formatSpread(of(round => round.storm[p])),
      reference: `quiet ${formatSpread(of(round => round.quiet[p]))}`,
      verdict: 'info'
    })
    const ratio = of(round => round.storm[p] / round.quiet[p])
    report.figure({
      what: `lock ${p}, storm / quiet`,
      measured: formatSpread(ratio),
      ...(p === 'p99' ? { target: `<= ${target}` } : {}),
      verdict: p === 'p99' ? verdictOf(ratio.median <= target, result.isVoid) : 'info'
    })
  }
  report.figure({
    what: 'locks refused as BUSY',
    measured: String(busy),
    target: '0',
    verdict: verdictOf(busy === 0, result.isVoid)
  })
  report.figure({
    what: 'hover p99, ms',
    measured: formatSpread(of(round => round.hoverP99)),
    target: '<= 50',
    verdict: verdictOf(of(round => round.hoverP99).median <= 50, result.isVoid)
  })
  report.figure({
    what: `CPU of the server per hover told to ${watchers}, µs`,
    measured: formatSpread(of(round => round.cpuUsPerHover)),
    verdict: 'info'
  })
  report.figure({
    what: 'frames to each watcher in a storm',
    measured: formatSpread(of(round => round.pushesPerWatcher)),
    reference: `${(hoversPerSecond * forMs) / 1000} hovers`,
    verdict: 'info'
  })
}
