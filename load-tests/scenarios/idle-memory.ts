import { startCluster } from '../harness/cluster.js'
import { readProcessUse } from '../harness/cpu.js'
import { shareOf } from '../harness/crowd.js'
import { type CrowdHandlers, crowdModule } from '../harness/crowd-member.js'
import { Fleet } from '../harness/fleet.js'
import { openFilesMax } from '../harness/machine.js'
import { startReference } from '../harness/reference.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { daysOf, openCalendar } from '../harness/slots.js'
import { percentile, slope } from '../harness/stats.js'
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
  summary:
    '1,000, 5,000 and 10,000 idle sockets, each greeted and watching a calendar: memory per socket, against bare @fastify/websocket',
  stores: ['embedded', 'redis'],
  run
}

interface Step {
  sockets: number
  rssMb: number
  cpuUsPerSocketSecond: number
}

async function run({ stores, options, report, log }: Context): Promise<void> {
  const wanted = options.clients ?? 10_000
  const files = openFilesMax()
  const most = files === undefined ? wanted : Math.min(wanted, files - spareFiles)
  if (most < wanted)
    report.note(
      `only ${most} sockets: a process may have ${files} files open here (ulimit -n), and this test raises no limits`
    )
  const sizes = [most / 10, most / 2, most].map(Math.floor)
  const cluster = await startCluster({ cli: options.cli, stores, instances: 1, report })
  await cluster.putCalendar(calendar, openCalendar('room'))
  const reference = await startReference(cluster)
  const unknown = readProcessUse(cluster.pids.slotlock[0]!) === undefined
  if (unknown) report.note('this system has no /proc: memory cannot be read here')
  const ours = await measure(cluster.ws[0]!, cluster.pids.slotlock[0]!)
  const theirs = await measure(reference.ws, reference.pid)

  const perSocketKb = (steps: readonly Step[]): number =>
    slope(steps.map(({ sockets, rssMb }) => ({ size: sockets, cost: rssMb * 1024 })))
  for (const [at, { sockets }] of ours.entries())
    report.side({
      what: `memory with ${sockets.toLocaleString('en-US')} idle sockets`,
      unit: 'MB',
      of: { slotlock: [ours[at]!.rssMb], 'bare @fastify/websocket': [theirs[at]!.rssMb] },
      ...(sockets === most ? { target: { atMost: rssTargetMb }, isVoid: unknown } : {})
    })
  report.side({
    what: 'memory per idle socket, the slope of all sizes',
    unit: 'kB',
    of: { slotlock: [perSocketKb(ours)], 'bare @fastify/websocket': [perSocketKb(theirs)] }
  })
  report.ratio({
    what: 'memory per idle socket / bare @fastify/websocket',
    rounds: [perSocketKb(ours) / perSocketKb(theirs)],
    target: { atMost: 1.15 },
    isVoid: unknown
  })
  report.cpu('second of an idle socket', {
    server: ours.slice(1).map(step => step.cpuUsPerSocketSecond),
    'bare server': theirs.slice(1).map(step => step.cpuUsPerSocketSecond)
  })
  report.line({
    title: 'Resident memory',
    x: { title: 'idle sockets', scale: 'linear' },
    y: { title: 'MB', scale: 'linear' },
    points: [
      ...ours.map(({ sockets, rssMb }) => ({ series: 'slotlock', x: sockets, y: rssMb })),
      ...theirs.map(({ sockets, rssMb }) => ({ series: 'bare @fastify/websocket', x: sockets, y: rssMb }))
    ]
  })
  report.note(
    'memory of the process only; the kernel keeps about 4 kB more per socket. No forced collection: what V8 had not given back counts'
  )

  async function measure(url: string, serverPid: number): Promise<Step[]> {
    const fleet = new Fleet<CrowdHandlers>(crowdModule, members)
    const steps: Step[] = [await settled(serverPid, 0)]
    for (const size of sizes) {
      const more = size - steps.at(-1)!.sockets
      await fleet.all('open', member => ({
        urls: [url],
        count: shareOf(more, members, member),
        firstHost: 2 + member,
        drain: true,
        watch: { calendar, ...daysOf(1) }
      }))
      steps.push(await settled(serverPid, size))
      log(`${size} sockets: ${steps.at(-1)!.rssMb.toFixed(0)} MB`)
    }
    const alive = await fleet.all('alive', () => undefined as never)
    const answering = alive.values.reduce((sum, value) => sum + value.alive, 0)
    report.check(
      'every idle socket still answers a ping',
      answering === most,
      `${answering} of ${most}: ${alive.values.flatMap(value => value.whyNot).join('; ')}`,
      most
    )
    await fleet.end()
    return steps
  }
}

/** The middle of several looks while nothing happens: one look may fall just before a collection. */
async function settled(pid: number, sockets: number): Promise<Step> {
  const looks: number[] = []
  const before = readProcessUse(pid)?.cpuUs ?? Number.NaN
  for (let look = 0; look < 8; look++) {
    await pause(settleMs / 8)
    looks.push((readProcessUse(pid)?.rssBytes ?? Number.NaN) / 2 ** 20)
  }
  const cpuUs = (readProcessUse(pid)?.cpuUs ?? Number.NaN) - before
  return {
    sockets,
    rssMb: percentile(looks, 50),
    cpuUsPerSocketSecond: cpuUs / Math.max(1, sockets) / (settleMs / 1000)
  }
}
