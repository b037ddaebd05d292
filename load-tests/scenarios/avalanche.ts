import type { SlotState } from '../../src/protocol/schemas.js'
import { startCluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { shareOf } from '../harness/crowd.js'
import { Fleet } from '../harness/fleet.js'
import { mustAsk } from '../harness/http-client.js'
import { LockLoad } from '../harness/lock-load.js'
import { LockerCrowd } from '../harness/locker-crowd.js'
import { openFilesMax } from '../harness/machine.js'
import { startReference } from '../harness/reference.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { daysOf, openCalendar } from '../harness/slots.js'
import { merged, percentile } from '../harness/stats.js'
import { cameTrue, nowMs, pause, steadily } from '../harness/time.js'
import { type AvalancheHandlers, avalancheModule } from './avalanche.client.js'

const calendar = 'avalanche'
const rounds = 3
const members = 4
/** In a calendar that nobody watches: what is measured is the avalanche's doing, not the fan-out's. */
const locksPerSecond = 50
/** In the calendar that all of them watch, so that pictures go stale while they are away. */
const changesPerSecond = 2
/** Locked slots that every snapshot has. */
const lockedSlots = 200
const quietMs = 2_000
const countdownMs = 100
const rightWithinMs = 10_000
/** Files that a process needs besides the sockets. */
const spareFiles = 500
const days = daysOf(2_000)

/** A proxy on the way is restarted: five thousand pages lose their connection together and come back together. */
export const avalanche: Scenario = {
  name: 'avalanche',
  summary:
    '5,000 watchers are cut off at once, connect again at once and read a snapshot, under a lock load: against the same at bare @fastify/websocket',
  stores: ['embedded', 'redis'],
  run
}

async function run({ stores, options, report, log }: Context): Promise<void> {
  const files = openFilesMax()
  const wanted = options.clients ?? 5_000
  const count = files === undefined ? wanted : Math.min(wanted, files - spareFiles)
  if (count < wanted) report.note(`only ${count} sockets: a process may have ${files} files open here`)
  const cluster = await startCluster({ cli: options.cli, stores, instances: 1, report })
  await cluster.putCalendar(calendar, openCalendar('counter', ...LockerCrowd.resources))
  await cluster.putCalendar('elsewhere', openCalendar('counter'))
  const reference = await startReference(cluster)
  const load = await LockLoad.open(cluster, 'elsewhere', report)
  const changes = await LockLoad.open(cluster, calendar, report)
  const firing = () => [
    steadily(locksPerSecond, due => load.fire(due)),
    steadily(changesPerSecond, due => changes.fire(due))
  ]
  const stopped = async (all: ReturnType<typeof firing>): Promise<void> => {
    await Promise.all(all.map(each => each.stop()))
    await Promise.all([load.settled(), changes.settled()])
  }
  const holders = new LockerCrowd(cluster.ws, [calendar])
  await holders.fill(lockedSlots, 1)
  for (let index = 0; index < lockedSlots; index++)
    report.check('a lock on a free slot is granted', (await holders.lock(nowMs())).answer.ok)
  holders.close()
  const snapshot = () =>
    mustAsk<{ slots: SlotState[] }>(
      `${cluster.http[0]}/v1/calendars/${calendar}/slots?from=${days.from}&to=${days.to}`
    )

  const warmUp = firing()
  const watch = { calendar, ...days }
  const sides = [
    {
      url: cluster.ws[0]!,
      pids: { server: cluster.pids.slotlock, redis: cluster.pids.redis, database: cluster.pids.mariadb }
    },
    { url: reference.ws, pids: { server: [reference.pid] } }
  ].map(side => ({ ...side, fleet: new Fleet<AvalancheHandlers>(avalancheModule, members) }))
  const [ours, bare] = sides as [(typeof sides)[0], (typeof sides)[0]]
  for (const [at, { url, fleet }] of sides.entries())
    await fleet.all('open', member => ({
      url,
      watch,
      count: shareOf(count, members, member),
      firstHost: 2 + at * members + member
    }))
  await stopped(warmUp)
  log(`${count} pages at slotlock, ${count} at a bare server`)

  const fall = async ({ url, pids, fleet }: (typeof sides)[0]) => {
    const cpu = watchCpu(pids)
    const startAtMs = nowMs() + countdownMs
    const { values, loads } = await fleet.all('fall', () => ({ url, watch, startAtMs }))
    const cpuUs = Object.fromEntries(Object.entries(cpu()).map(([who, us]) => [who, us / count]))
    const backMs = merged(values.map(value => value.backMs))
    const tries = values.reduce((sum, value) => sum + value.tries, 0)
    return { startAtMs, backMs, lastMs: Math.max(...backMs), cpuUs, tries, loads }
  }

  const { values, isVoid } = await runRounds(report, options.times ?? rounds, async index => {
    const underway = firing()
    const quietFrom = nowMs()
    await pause(quietMs)
    const quietTo = nowMs()
    const slotlock = await fall(ours)
    const backAt = slotlock.startAtMs + slotlock.lastMs
    await stopped(underway)
    report.check(
      'every page comes back',
      !slotlock.backMs.some(Number.isNaN),
      `${slotlock.backMs.filter(Number.isNaN).length} of ${count} did not`,
      count
    )
    const fresh = await snapshot()
    let wrong: string[] = []
    await cameTrue(async () => {
      const found = await ours.fleet.all('differences', () => ({ fresh: fresh.slots, within: days }))
      wrong = found.values.flatMap(value => value.examples)
      return wrong.length === 0
    }, rightWithinMs)
    report.check(
      'and ends with the picture that a fresh read gives',
      wrong.length === 0,
      wrong.join('; '),
      count
    )

    await bare.fleet.all('keep', () => ({ result: fresh }))
    const reference = await fall(bare)
    log(
      `round ${index + 1}: the last is back after ${slotlock.lastMs.toFixed(0)} ms, at the bare server after ${reference.lastMs.toFixed(0)} ms`
    )
    return {
      slotlock,
      reference,
      quiet: load.tookMs(quietFrom, quietTo),
      meanwhile: load.tookMs(slotlock.startAtMs, backAt)
    }
  })
  for (const [name, locks] of [
    ['elsewhere', load],
    [calendar, changes]
  ] as const) {
    const rows = new Map((await cluster.truth.locks(name)).map(lock => [lock.id, lock.slots.join()]))
    for (const { lock, slot } of locks.asked)
      if (lock !== undefined)
        report.check(
          'every acknowledged lock is in the database, with its slot',
          rows.get(lock) === slot,
          lock
        )
    locks.close()
  }
  await Promise.all(sides.map(({ fleet }) => fleet.end()))

  const of = (choose: (round: (typeof values)[number]) => number): number[] => values.map(choose)
  for (const [what, choose] of [
    ['half of them are back', (backMs: Float64Array) => percentile(backMs, 50)],
    ['the last is back', (backMs: Float64Array) => Math.max(...backMs)]
  ] as const) {
    report.side({
      what: `until ${what}`,
      unit: 'ms',
      of: {
        slotlock: of(({ slotlock }) => choose(slotlock.backMs)),
        'bare @fastify/websocket': of(({ reference }) => choose(reference.backMs))
      }
    })
    report.ratio({
      what: `until ${what} / bare server`,
      rounds: of(({ slotlock, reference }) => choose(slotlock.backMs) / choose(reference.backMs))
    })
  }
  report.ratio({
    what: 'CPU of the server per page that comes back / bare server',
    rounds: of(({ slotlock, reference }) => slotlock.cpuUs.server! / reference.cpuUs.server!)
  })
  report.cpu('page that comes back', {
    server: of(({ slotlock }) => slotlock.cpuUs.server!),
    ...(stores === 'redis' ? { database: of(({ slotlock }) => slotlock.cpuUs.database!) } : {}),
    'bare server': of(({ reference }) => reference.cpuUs.server!)
  })
  report.side({
    what: `lock p99 at ${locksPerSecond}/s, until the last is back`,
    unit: 'ms',
    of: {
      slotlock: of(({ meanwhile }) => percentile(meanwhile, 99)),
      quiet: of(({ quiet }) => percentile(quiet, 99))
    }
  })
  report.side({
    what: 'connections tried per page',
    unit: 'tries',
    of: { slotlock: of(({ slotlock }) => slotlock.tries / count) }
  })
  if (isVoid) report.note('no round counted: the machine was too busy')
}
