import { Redis } from 'ioredis'
import { type Cluster, startCluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { shareOf } from '../harness/crowd.js'
import { type CrowdHandlers, crowdModule } from '../harness/crowd-member.js'
import { extrasAreHere } from '../harness/extras.js'
import { Fleet } from '../harness/fleet.js'
import { storeSetups } from '../harness/options.js'
import { startPeer } from '../harness/peers.js'
import { startReference } from '../harness/reference.js'
import type { Report } from '../harness/report.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { openCalendar, slotAt } from '../harness/slots.js'
import { formatSpread, merged, percentile, spread } from '../harness/stats.js'
import { nowMs } from '../harness/time.js'
import { WsClient } from '../harness/ws-driver.js'

const calendar = 'race'
const members = 4
/** Time for the order to reach all client processes before the moment they all wait for. */
const countdownMs = 60
/** Others' lock libraries, and in how many races; as they come, they let a thousand losers try again for seconds. */
const peers = [
  { name: 'redlock, no retry', lock: 'redlock-once', races: 5 },
  { name: 'redlock defaults', lock: 'redlock', races: 3 },
  { name: 'redis-semaphore tryAcquire', lock: 'semaphore-once', races: 5 },
  { name: 'redis-semaphore defaults', lock: 'semaphore', races: 1 }
] as const

/** A thousand people click the same slot in the same moment: one has it, everybody else hears until when. */
export const holdRace: Scenario = {
  name: 'hold-race',
  summary:
    '1,000 clients lock one slot at once: one winner, the others are told when it ends; against raw SET NX, redlock, redis-semaphore',
  stores: storeSetups,
  run
}

interface Race {
  winners: string[]
  codes: Record<string, number>
  withoutEnd: number
  lastMs: number
  p50Ms: number
}

async function run({ stores, options, report, log }: Context): Promise<void> {
  const count = options.clients ?? 1_000
  const cluster = await startCluster({ cli: options.cli, stores, instances: 2, report })
  await cluster.putCalendar(calendar, openCalendar('room'))
  const reference = await startReference(cluster)
  const raw = new Redis(reference.redis.url)
  const ours = await crowd(cluster.ws, count)
  const bare = await crowd([reference.ws], count)
  const rowsAlone = await rowsOfOneLock(cluster)
  log(`${count} clients on ${cluster.ws.length} instance(s)`)

  const { values, isVoid } = await runRounds(report, options.times ?? 20, async index => {
    const slot = slotAt('room', index)
    const before = await cluster.truth.effort()
    const cpu = watchCpu({
      server: cluster.pids.slotlock,
      redis: cluster.pids.redis,
      database: cluster.pids.mariadb
    })
    const result = await race(ours, slot)
    const cpuUs = cpu()
    const after = await cluster.truth.effort()
    await verify(cluster, report, { slot, count, ...result })
    for (const lock of result.winners) {
      const { values } = await ours.all('release', () => ({ lock }))
      report.check('the winner can give it back', values.includes(true), lock)
    }

    const behindSockets = await race(bare, slot)
    const startAtMs = nowMs() + countdownMs
    const echoMs = Math.max(...merged((await bare.all('echo', () => ({ startAtMs }))).values))
    const sets = nowMs()
    await Promise.all(
      Array.from({ length: count }, (_, at) => raw.set(`raw:${slot}`, at, 'PX', 600_000, 'NX'))
    )
    const setMs = nowMs() - sets
    return {
      ...result,
      cpuUs,
      rows: after.rowsChanged - before.rowsChanged,
      statements: after.statements - before.statements,
      behindSocketsMs: behindSockets.lastMs,
      rawMs: echoMs + setMs
    }
  })
  raw.disconnect()
  await bare.end()
  const raced =
    stores === 'redis' && extrasAreHere(report) ? await racePeers(cluster, ours, count, report) : []
  await ours.end()

  const of = (choose: (round: (typeof values)[number]) => number): number[] => values.map(choose)
  report.side({ what: 'median answer', unit: 'ms', of: { slotlock: of(round => round.p50Ms) } })
  report.side({
    what: 'last answer of a race',
    unit: 'ms',
    of: {
      slotlock: of(round => round.lastMs),
      'raw SET NX + echoes': of(round => round.rawMs),
      'EVALSHA behind bare sockets': of(round => round.behindSocketsMs),
      ...Object.fromEntries(raced.map(({ name, theirsMs }) => [name, theirsMs]))
    }
  })
  report.ratio({
    what: `last answer / (${count} raw SET NX + ${count} bare echoes)`,
    rounds: of(round => round.lastMs / round.rawMs),
    target: { atMost: 1.5 },
    isVoid
  })
  report.ratio({
    what: 'last answer / one EVALSHA each behind bare sockets',
    rounds: of(round => round.lastMs / round.behindSocketsMs)
  })
  for (const { name, oursMs, theirsMs } of raced)
    report.ratio({
      what: `${name} / slotlock, last answer`,
      rounds: theirsMs.map((ms, at) => ms / oursMs[at]!),
      ...(name === 'redlock defaults' ? { target: { atLeast: 10 } } : {})
    })
  report.ratio({
    what: 'database rows written by a race / by one lock alone',
    rounds: of(round => round.rows / rowsAlone),
    target: { atMost: 1 }
  })
  // a clock tick is ten milliseconds and a race hardly longer: only all of them together can be measured
  const perAnswer = (name: string): number[] => [
    of(round => round.cpuUs[name]!).reduce((sum, us) => sum + us, 0) / (count * values.length)
  ]
  report.cpu('answer in a race', {
    server: perAnswer('server'),
    ...(stores === 'redis' ? { redis: perAnswer('redis') } : {}),
    ...(stores === 'embedded' ? {} : { database: perAnswer('database') })
  })
  report.figure({
    what: 'database rows changed and statements per race',
    measured: `${formatSpread(spread(of(round => round.rows)))}; ${formatSpread(spread(of(round => round.statements)))}`,
    reference: `${count} clients`,
    verdict: 'info'
  })
  report.note('the cost of the burst in the client processes is in both sides of each ratio')
}

/** What the winner writes, and nobody else should: measured with a lock that nobody contends. */
async function rowsOfOneLock(cluster: Cluster): Promise<number> {
  const client = await WsClient.open({ url: cluster.ws[0]! })
  const before = await cluster.truth.effort()
  const answer = await client.request('lock', { calendar, slots: [slotAt('room', 999)] })
  const after = await cluster.truth.effort()
  client.close()
  if (!answer.ok) throw new Error(`a lone lock was refused: ${answer.error.code}`)
  return after.rowsChanged - before.rowsChanged
}

async function crowd(urls: readonly string[], count: number): Promise<Fleet<CrowdHandlers>> {
  const fleet = new Fleet<CrowdHandlers>(crowdModule, members)
  await fleet.all('open', member => ({
    urls: [...urls],
    count: shareOf(count, members, member),
    firstHost: 2 + member
  }))
  return fleet
}

/** Each peer after a race of ours, on a slot of its own. What its retries do to the machine is part of what it is. */
async function racePeers(
  cluster: Cluster,
  ours: Fleet<CrowdHandlers>,
  count: number,
  report: Report
): Promise<{ name: string; oursMs: number[]; theirsMs: number[] }[]> {
  const raced: { name: string; oursMs: number[]; theirsMs: number[] }[] = []
  for (const [at, { name, lock, races }] of peers.entries()) {
    const { http } = await startPeer('lock-server.mjs', {
      PEER_REDIS_URL: cluster.redisUrl!,
      PEER_LOCK: lock
    })
    const theirs = await crowd([http.replace('http', 'ws')], count)
    const found = { name, oursMs: [] as number[], theirsMs: [] as number[] }
    for (let index = 0; index < races; index++) {
      const slot = slotAt('room', 1_000 * (at + 1) + index)
      for (const [fleet, tookMs] of [
        [ours, found.oursMs],
        [theirs, found.theirsMs]
      ] as const) {
        const { winners, lastMs } = await race(fleet, slot)
        report.check(`one winner, so that the same work is compared: ${name}`, winners.length === 1)
        for (const won of winners) await fleet.all('release', () => ({ lock: won }))
        tookMs.push(lastMs)
      }
    }
    await theirs.end()
    raced.push(found)
  }
  return raced
}

async function race(fleet: Fleet<CrowdHandlers>, slot: string): Promise<Race> {
  const startAtMs = nowMs() + countdownMs
  const { values } = await fleet.all('race', () => ({ calendar, slot, startAtMs }))
  const codes: Record<string, number> = {}
  for (const value of values)
    for (const [code, n] of Object.entries(value.codes)) codes[code] = (codes[code] ?? 0) + n
  const tookMs = merged(values.map(value => value.tookMs))
  return {
    winners: values.flatMap(value => value.winners),
    codes,
    withoutEnd: values.reduce((sum, value) => sum + value.withoutEnd, 0),
    lastMs: Math.max(...tookMs),
    p50Ms: percentile(tookMs, 50)
  }
}

async function verify(
  cluster: Cluster,
  report: Report,
  { slot, count, winners, codes, withoutEnd }: Race & { slot: string; count: number }
): Promise<void> {
  report.check(
    'exactly one of all clients has the slot',
    winners.length === 1,
    `${slot} has ${winners.length} winners`
  )
  const held = (await cluster.truth.slots(calendar)).filter(
    row => row.slot === slot && row.state === 'locked'
  )
  report.check(
    'the database names the winner and nobody else',
    held.length === 1 && held[0]!.token === winners[0],
    `${slot} is held by ${held.map(row => row.token).join(', ') || 'nobody'}, not ${winners.join(', ')}`
  )
  report.check(
    'everybody else hears SLOT_UNAVAILABLE',
    (codes.SLOT_UNAVAILABLE ?? 0) === count - winners.length,
    JSON.stringify(codes)
  )
  report.check(
    'and in how many milliseconds it ends',
    withoutEnd === 0,
    `${withoutEnd} refusals without expiresInMs`
  )
}
