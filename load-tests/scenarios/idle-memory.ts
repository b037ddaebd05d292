import { type Cluster, startCluster } from '../harness/cluster.js'
import { readProcessUse } from '../harness/cpu.js'
import { shareOf } from '../harness/crowd.js'
import { type CrowdHandlers, crowdModule } from '../harness/crowd-member.js'
import { Fleet } from '../harness/fleet.js'
import { openFilesMax } from '../harness/machine.js'
import { startReference } from '../harness/reference.js'
import { verdictOf } from '../harness/report.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { daysOf, openCalendar } from '../harness/slots.js'
import { formatNumber, percentile } from '../harness/stats.js'
import { pause } from '../harness/time.js'

const calendar = 'idle'
const members = 4
const rssTargetMb = 400
/** Files that a process needs besides the sockets. */
const spareFiles = 500
const settleMs = 4_000

/** Ten thousand people have the page open and do nothing. */
export const idleMemory: Scenario = {
  name: 'idle-memory',
  summary: '10,000 idle sockets, each greeted and watching a calendar: memory of the server per socket',
  stores: ['embedded', 'redis'],
  run
}

interface Steps {
  emptyMb: number
  greetedMb: number
  watchingMb: number
  cpuUsPerSocketSecond: number
}

async function run({ stores, options, report, log }: Context): Promise<void> {
  const wanted = options.clients ?? 10_000
  const files = openFilesMax()
  const count = files === undefined ? wanted : Math.min(wanted, files - spareFiles)
  if (count < wanted)
    report.note(
      `only ${count} sockets: a process may have ${files} files open here (ulimit -n), and this test raises no limits`
    )
  const cluster = await startCluster({ cli: options.cli, stores, instances: 1, report })
  await cluster.putCalendar(calendar, openCalendar('room'))
  const reference = await startReference(cluster)
  const pid = cluster.pids.slotlock[0]!
  if (readProcessUse(pid) === undefined) {
    report.note('this system has no /proc: memory cannot be read here')
    report.figure({ what: 'memory', measured: 'unknown on this system', verdict: 'void' })
  }
  const ours = await measure(cluster.ws[0]!, pid)
  const theirs = await measure(reference.ws, reference.pid)

  const perSocket = (steps: Steps, to: 'greetedMb' | 'watchingMb'): number =>
    ((steps[to] - steps.emptyMb) * 1024) / count
  report.figure({
    what: `RSS with ${count.toLocaleString('en-US')} idle sockets, MB`,
    measured: `${formatNumber(ours.watchingMb)} (empty ${formatNumber(ours.emptyMb)})`,
    reference: `bare @fastify/websocket ${formatNumber(theirs.watchingMb)} (empty ${formatNumber(theirs.emptyMb)})`,
    target: `< ${rssTargetMb}`,
    verdict: verdictOf(ours.watchingMb < rssTargetMb, Number.isNaN(ours.watchingMb))
  })
  for (const [what, step] of [
    ['kB per socket, greeted', 'greetedMb'],
    ['kB per socket, greeted and watching', 'watchingMb']
  ] as const)
    report.figure({
      what,
      measured: formatNumber(perSocket(ours, step)),
      reference: `bare ${formatNumber(perSocket(theirs, step))}, ratio ${formatNumber(perSocket(ours, step) / perSocket(theirs, step))}`,
      verdict: 'info'
    })
  report.figure({
    what: 'CPU of an idle socket, µs per second',
    measured: formatNumber(ours.cpuUsPerSocketSecond),
    reference: `bare ${formatNumber(theirs.cpuUsPerSocketSecond)}`,
    verdict: 'info'
  })
  report.note(
    'memory of the process only; the kernel keeps about 4 kB more per socket. No forced collection: what V8 had not given back counts'
  )

  async function measure(url: string, serverPid: number): Promise<Steps> {
    const fleet = new Fleet<CrowdHandlers>(crowdModule, members)
    const emptyMb = await settledMb(serverPid)
    const { values } = await fleet.all('open', member => ({
      urls: [url],
      count: shareOf(count, members, member),
      firstHost: 2 + member,
      drain: true
    }))
    log(`${count} sockets open after ${Math.max(...values.map(value => value.tookMs)).toFixed(0)} ms`)
    const greetedMb = await settledMb(serverPid)
    await fleet.all('watch', () => ({ calendar, ...daysOf(1) }))
    const before = readProcessUse(serverPid)?.cpuUs ?? Number.NaN
    const watchingMb = await settledMb(serverPid)
    const cpuUs = (readProcessUse(serverPid)?.cpuUs ?? Number.NaN) - before
    const alive = await fleet.all('alive', () => undefined as never)
    const answering = alive.values.reduce((sum, value) => sum + value.alive, 0)
    report.check(
      'every idle socket still answers a ping',
      answering === count,
      `${answering} of ${count}: ${alive.values.flatMap(value => value.whyNot).join('; ')}`,
      count
    )
    await fleet.end()
    return {
      emptyMb,
      greetedMb,
      watchingMb,
      cpuUsPerSocketSecond: cpuUs / count / (settleMs / 1000)
    }
  }
}

/** The middle of several looks while nothing happens: one look may fall just before a collection. */
async function settledMb(pid: Cluster['pids']['slotlock'][number]): Promise<number> {
  const looks: number[] = []
  for (let look = 0; look < 8; look++) {
    await pause(settleMs / 8)
    looks.push((readProcessUse(pid)?.rssBytes ?? Number.NaN) / 2 ** 20)
  }
  return percentile(looks, 50)
}
