import type { LockView } from '../../src/protocol/schemas.js'
import { type Cluster, startCluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { storeSetups } from '../harness/options.js'
import { patiently } from '../harness/patient.js'
import { pickSome } from '../harness/random.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { openCalendar, slotAt } from '../harness/slots.js'
import { percentile } from '../harness/stats.js'
import { nowMs, pause } from '../harness/time.js'
import { WsClient } from '../harness/ws-driver.js'
import { openTextbook } from '../reference/textbook.js'

const calendar = 'overlap'
const writers = 16
const slotCount = 12
const rounds = 3
const checkEveryMs = 250

/** Sixteen people take overlapping sets of slots in every order there is. */
export const overlap: Scenario = {
  name: 'overlap',
  summary: '16 writers, random overlapping sets of 1 to 4 slots: all or nothing, and no deadlock gets out',
  stores: storeSetups,
  run
}

async function run({ stores, options, random, report, log }: Context): Promise<void> {
  const forMs = ((options.forS ?? 30) * 1000) / rounds
  const cluster = await startCluster({ cli: options.cli, stores, instances: 2, report })
  await cluster.putCalendar(calendar, openCalendar('room'))
  const slots = Array.from({ length: slotCount }, (_, index) => slotAt('room', index))
  const clients = await Promise.all(
    Array.from({ length: writers }, (_, index) =>
      WsClient.open({ url: cluster.ws[index % cluster.ws.length]! })
    )
  )
  const textbook = await openTextbook({ mysqlUrl: cluster.mysqlUrl, folder: cluster.folder }, slots)
  const codes: Record<string, number> = {}
  const tookMs: number[] = []
  let acknowledged = 0
  /** Who we know to have each slot: set when a grant is acknowledged, cleared before its release is sent. */
  const holders = new Map<string, string>()

  const write = async (client: WsClient): Promise<void> => {
    const wanted = pickSome(random, slots, 1 + Math.floor(random() * 4))
    const answer = await client.timed('lock', { calendar, slots: wanted })
    tookMs.push(answer.tookMs)
    if (!answer.ok) {
      codes[answer.error.code] = (codes[answer.error.code] ?? 0) + 1
      return
    }
    acknowledged += 1
    const { lock } = answer.result as { lock: LockView }
    report.check(
      'a lock holds all slots that were asked for, and no others',
      [...lock.slots].sort().join() === [...wanted].sort().join(),
      `asked for ${wanted.join()}, got ${lock.slots.join()}`
    )
    for (const slot of wanted) {
      const other = holders.get(slot)
      report.check('no slot has two holders', other === undefined, `${slot}: ${other} and ${lock.id}`)
      holders.set(slot, lock.id)
    }
    const row = await cluster.truth.lock(lock.id)
    report.check(
      'every acknowledged lock is in the database',
      row?.state === 'held' && row.slots.join() === [...wanted].sort().join(),
      `${lock.id}: ${row?.state} ${row?.slots.join()}`
    )
    await pause(random() * 4)
    for (const slot of wanted) holders.delete(slot)
    const released = await patiently(() => client.request('release', { lock: lock.id }))
    report.check('the holder can release', released.ok, JSON.stringify(released))
  }
  const inParallel = async (work: (index: number) => Promise<void>): Promise<number> => {
    const end = nowMs() + forMs
    let done = 0
    const loop = async (index: number): Promise<void> => {
      while (nowMs() < end) {
        await work(index)
        done += 1
      }
    }
    await Promise.all(Array.from({ length: writers }, (_, index) => loop(index)))
    return (done * 1000) / forMs
  }

  const ours: number[] = []
  const theirs: number[] = []
  const { slotlock, redis, mariadb } = cluster.pids
  const busy: Record<string, number[]> = {
    server: slotlock,
    ...(redis.length > 0 ? { redis } : {}),
    ...(mariadb.length > 0 ? { database: mariadb } : {})
  }
  const cpuPerAttempt = Object.fromEntries(Object.keys(busy).map(who => [who, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    const watching = watchForHalves(cluster, report)
    const cpu = watchCpu(busy)
    const before = tookMs.length
    ours.push(await inParallel(index => write(clients[index]!)))
    for (const [who, us] of Object.entries(cpu())) cpuPerAttempt[who]!.push(us / (tookMs.length - before))
    await watching.stop()
    theirs.push(
      await inParallel(async () => {
        const took = await textbook.take(pickSome(random, slots, 1 + Math.floor(random() * 4)))
        if (!took) return
        await pause(random() * 4)
        await textbook.release(took)
      })
    )
    log(`round ${round + 1}: ${ours.at(-1)!.toFixed(0)} attempts/s, textbook ${theirs.at(-1)!.toFixed(0)}/s`)
  }
  report.check(
    'nobody hears of a deadlock: refusals are SLOT_UNAVAILABLE and nothing else',
    Object.keys(codes).every(code => code === 'SLOT_UNAVAILABLE' || code === 'BUSY'),
    JSON.stringify(codes),
    tookMs.length
  )
  report.check('somebody got something', acknowledged > 0, 'no lock was granted at all', acknowledged)
  for (const client of clients) client.close()
  await textbook.close()

  report.side({
    what: 'attempts of 16 writers',
    unit: 'attempts/s',
    of: { slotlock: ours, 'SELECT … FOR UPDATE by hand': theirs }
  })
  report.ratio({
    what: 'attempts/s / SELECT … FOR UPDATE by hand',
    rounds: ours.map((rate, index) => rate / theirs[index]!)
  })
  report.side({ what: 'attempt p50', unit: 'ms', of: { slotlock: [percentile(tookMs, 50)] } })
  report.side({ what: 'attempt p99', unit: 'ms', of: { slotlock: [percentile(tookMs, 99)] } })
  report.cpu('attempt', cpuPerAttempt)
  report.figure({
    what: 'granted; refused',
    measured: `${acknowledged.toLocaleString('en-US')}; ${JSON.stringify(codes)}`,
    reference: `deadlocks of the reference: ${textbook.deadlocks()}`,
    verdict: 'info'
  })
}

/** Looks at the whole table while the writers are at it: rows of one lock change together or not at all. */
function watchForHalves(cluster: Cluster, report: Context['report']): { stop(): Promise<void> } {
  let stopped = false
  const look = async (): Promise<void> => {
    while (!stopped) {
      const rows = (await cluster.truth.slots(calendar)).filter(row => row.state === 'locked')
      for (const token of new Set(rows.map(row => row.token))) {
        const lock = await cluster.truth.lock(token)
        const had = rows.filter(row => row.token === token).map(row => row.slot)
        report.check(
          'the rows of one lock are all there or none of them',
          had.join() === lock?.slots.join(),
          `${token} has ${had.join()} of ${lock?.slots.join()}`
        )
      }
      await pause(checkEveryMs)
    }
  }
  const looking = look()
  return {
    stop: async () => {
      stopped = true
      await looking
    }
  }
}
