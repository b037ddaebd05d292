import { type Cluster, startCluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { codeOf, mustAsk } from '../harness/http-client.js'
import { type HttpLoadResult, postLoad } from '../harness/http-driver.js'
import { type StoreSetup, storeSetups } from '../harness/options.js'
import { startReference } from '../harness/reference.js'
import { verdictOf } from '../harness/report.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { openCalendar, slotAt } from '../harness/slots.js'
import { formatNumber } from '../harness/stats.js'

const calendar = 'throughput'
const rounds = 3
const connections = 64
/** A minute apart, a resource has room for so many slots within 60 days. */
const slotsPerResource = 80_000
const locksPerSession = 60
const sessions = 1_000
const warmUpMs = 2_000
/** Of what one raw EVALSHA behind the same framework does, which is durable nowhere. */
const targets: Partial<Record<StoreSetup, number>> = { redis: 0.6, sql: 0.5 }

/** Locks over HTTP as fast as they go, each on a slot of its own: what the promise costs per lock. */
export const httpLocks: Scenario = {
  name: 'http-locks',
  summary:
    'POST locks on distinct slots, against bare Fastify with one raw EVALSHA, with one raw commit, with both',
  stores: storeSetups,
  run
}

interface Arm extends HttpLoadResult {
  /** CPU time per answered lock, by process. */
  cpuUs: Record<string, number>
}

async function run({ stores, options, report, log }: Context): Promise<void> {
  const forMs = (options.forS ?? 3) * 1000
  const cluster = await startCluster({ cli: options.cli, stores, instances: 1, report })
  await cluster.putCalendar(calendar, openCalendar('r0', 'r1', 'r2', 'r3', 'r4'))
  const reference = await startReference(cluster)
  const references = stores === 'redis' ? ['evalsha', 'commit', 'evalsha-commit'] : ['evalsha', 'commit']
  const tokens = tokenSource(cluster)
  await tokens.fill(sessions)
  let sent = 0
  const acknowledged: string[] = []
  const refused: Record<string, number> = {}

  const measured = async (nodePid: number, drive: () => Promise<HttpLoadResult>): Promise<Arm> => {
    const cpu = watchCpu({
      server: [nodePid],
      redis: [reference.redis.pid],
      database: cluster.pids.mariadb,
      generator: [process.pid]
    })
    const result = await drive()
    const used = cpu()
    const cpuUs = Object.fromEntries(Object.entries(used).map(([name, us]) => [name, us / result.answers]))
    return { ...result, cpuUs }
  }
  const nextSlot = (): string => {
    sent += 1
    return slotAt(`r${Math.floor(sent / slotsPerResource)}`, sent % slotsPerResource)
  }
  const ours = (ms = forMs) =>
    measured(cluster.pids.slotlock[0]!, () =>
      postLoad({
        url: cluster.http[0]!,
        connections,
        forMs: ms,
        next: () => ({
          path: `/v1/calendars/${calendar}/locks`,
          headers: { authorization: `Bearer ${tokens.next()}` },
          body: JSON.stringify({ slots: [nextSlot()] })
        }),
        onAnswer: (status, body) => {
          if (status === 201) {
            acknowledged.push(body)
            return
          }
          const code = codeOf(body) ?? String(status)
          refused[code] = (refused[code] ?? 0) + 1
        }
      })
    )
  const theirs = (store: string, ms = forMs) =>
    measured(reference.pid, () =>
      postLoad({
        url: reference.http,
        connections,
        forMs: ms,
        next: () => ({ path: `/${store}`, headers: {}, body: JSON.stringify({ slots: [nextSlot()] }) })
      })
    )

  // code that V8 has not compiled yet costs three times as much, and not the same on both sides
  await ours(warmUpMs)
  for (const store of references) await theirs(store, warmUpMs / 2)
  const result = await runRounds(report, rounds, async (index, addLoads) => {
    const arms: Record<string, Arm> = { slotlock: await ours() }
    for (const store of references) arms[store] = await theirs(store)
    addLoads(Object.values(arms).map(arm => arm.load))
    const told = Object.entries(arms).map(([name, { perSecond }]) => `${name} ${perSecond.toFixed(0)}/s`)
    log(`round ${index + 1}: ${told.join(', ')}`)
    await tokens.fill(sessions)
    return arms
  })

  report.check(
    'a lock on a slot of its own is granted, or refused as BUSY, and nothing else',
    Object.keys(refused).every(code => code === 'BUSY'),
    `refused ${JSON.stringify(refused)}`,
    acknowledged.length
  )
  const busyShare = (refused.BUSY ?? 0) / (acknowledged.length + (refused.BUSY ?? 0))
  report.figure({
    what: `refused as BUSY at ${connections} connections, share`,
    measured: formatNumber(busyShare),
    target: '0',
    verdict: verdictOf(busyShare === 0, result.isVoid)
  })
  const held = new Map((await cluster.truth.slots(calendar)).map(row => [row.slot, row]))
  const missing = acknowledged.filter(body => {
    const { lock } = JSON.parse(body) as { lock: { id: string; slots: string[] } }
    return lock.slots.some(slot => held.get(slot)?.token !== lock.id || held.get(slot)?.state !== 'locked')
  })
  report.check(
    'every acknowledged lock is in the database under its own id',
    missing.length === 0,
    `${missing.length} are not, such as ${missing[0]?.slice(0, 200)}`,
    acknowledged.length
  )

  const { values, isVoid } = result
  const names = ['slotlock', ...references]
  const each = (choose: (arm: Arm) => number): Record<string, number[]> =>
    Object.fromEntries(names.map(name => [name, values.map(round => choose(round[name]!))]))
  report.side({ what: 'throughput', unit: 'locks/s', of: each(arm => arm.perSecond) })
  for (const store of references) {
    const target = store === 'evalsha' ? targets[stores] : undefined
    report.ratio({
      what: `locks/s / bare Fastify + ${store}`,
      rounds: values.map(round => round.slotlock!.perSecond / round[store]!.perSecond),
      ...(target === undefined ? {} : { target: { atLeast: target }, isVoid })
    })
  }
  for (const name of names) {
    const processes = busyProcesses(stores, name)
    report.cpu(
      `lock (${name})`,
      Object.fromEntries(processes.map(who => [who, values.map(round => round[name]!.cpuUs[who]!)]))
    )
  }
  report.side({ what: `p50 at ${connections} connections`, unit: 'ms', of: each(arm => arm.p50Ms) })
  report.side({ what: `p99 at ${connections} connections`, unit: 'ms', of: each(arm => arm.p99Ms) })
}

/** Those that have a part in it; of the others the clock would show their upkeep. */
const busyProcesses = (stores: StoreSetup, arm: string): string[] => [
  'server',
  ...(arm.startsWith('evalsha') || (arm === 'slotlock' && stores === 'redis') ? ['redis'] : []),
  ...(stores !== 'embedded' && arm !== 'evalsha' ? ['database'] : []),
  'generator'
]

/** Sessions enough that none of them reaches its limit of live locks; neighbouring requests are of different people. */
function tokenSource(cluster: Cluster) {
  let fresh: { token: string; locks: number }[] = []
  let next = 0
  return {
    async fill(sessions: number): Promise<void> {
      const url = `${cluster.http[0]}/v1/sessions`
      fresh = fresh.filter(({ locks }) => locks < locksPerSession)
      for (let missing = sessions - fresh.length; missing > 0; missing = sessions - fresh.length) {
        const opened = await Promise.all(
          Array.from({ length: Math.min(20, missing) }, () =>
            mustAsk<{ token: string }>(url, { method: 'POST', body: {} })
          )
        )
        fresh.push(...opened.map(({ token }) => ({ token, locks: 0 })))
      }
    },
    next(): string {
      // round robin: a session's own requests are taken one after the other, and would wait for each other
      for (let tries = 0; tries < fresh.length; tries++) {
        const session = fresh[next++ % fresh.length]!
        if (session.locks >= locksPerSession) continue
        session.locks += 1
        return session.token
      }
      throw new Error('the round used more sessions than were opened for it')
    }
  }
}
