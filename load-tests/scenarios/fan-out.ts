import { type Cluster, startCluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { shareOf } from '../harness/crowd.js'
import { extrasAreHere } from '../harness/extras.js'
import { Fleet } from '../harness/fleet.js'
import { mustAsk } from '../harness/http-client.js'
import { howToInstallNchan, nchanIsHere, startNchan } from '../harness/nchan.js'
import { startPeer } from '../harness/peers.js'
import type { Report } from '../harness/report.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { daysOf, openCalendar, slotAt } from '../harness/slots.js'
import { merged, percentile } from '../harness/stats.js'
import { cameTrue, nowMs, pause } from '../harness/time.js'
import { WsClient } from '../harness/ws-driver.js'
import { pushOf, slotOf } from '../peers/push.mjs'
import { type FanOutHandlers, fanOutModule, type Kind } from './fan-out.watcher.js'

const calendar = 'fan-out'
const rounds = 3
const members = 2
/** Per process of watchers; the others take bytes and count frames. */
const readersPerMember = 20
const lockerCount = 50
/** So that a hundred events come within one tick, as they do where an event is only a message. */
const slotsPerLock = 25
const loads = [
  { events: 1, times: 40, everyMs: 50 },
  { events: 100, times: 8, everyMs: 400 }
] as const
const toldWithinMs = 10_000
const targets: Record<number, Partial<Record<Kind, number>>> = {
  1: { preframed: 0.95, socketio: 3 },
  100: { socketio: 20, nchan: 1 }
}
const names: Record<Kind, string> = {
  slotlock: 'slotlock',
  preframed: 'pre-framed ws',
  socketio: 'Socket.IO + adapter',
  nchan: 'nchan'
}

/** One locks, everybody sees it. What does a delivery cost the instance that the watchers are connected to? */
export const fanOut: Scenario = {
  name: 'fan-out',
  summary:
    'one event, and a hundred at once, to 1,000 watchers: against pre-framed ws, Socket.IO with its adapter, and nchan',
  stores: ['redis'],
  run
}

interface Seen {
  /** Of the server with the watchers, per event and watcher. */
  cpuUs: number
  cpuUsPerEvent: Record<string, number>
  shownMs: Float64Array
  framesEach: number
}

async function run({ options, report, log }: Context): Promise<void> {
  const count = options.clients ?? 1_000
  const cluster = await startCluster({
    cli: options.cli,
    stores: 'redis',
    instances: 2,
    report,
    env: { LOCKED_SLOTS_PER_SESSION_MAX: '1000', LOCKS_PER_SESSION_MAX: '1000' }
  })
  await cluster.putCalendar(calendar, openCalendar('room'))
  const servers = await startServers(cluster, lockSome, report)
  const kinds = Object.keys(servers) as Kind[]
  const lockers = await Promise.all(
    Array.from({ length: lockerCount }, () => WsClient.open({ url: cluster.ws[0]! }))
  )
  async function lockSome(from: number, some: number): Promise<void> {
    await Promise.all(
      Array.from({ length: Math.ceil(some / slotsPerLock) }, async (_, index) => {
        const slots = Array.from({ length: Math.min(slotsPerLock, some) }, (_slot, at) =>
          slotAt('room', from + index * slotsPerLock + at)
        )
        const locker = lockers[Math.floor(from / slotsPerLock + index) % lockerCount]!
        const answer = await locker.request('lock', { calendar, slots })
        report.check('a lock on a free slot is granted', answer.ok, JSON.stringify(answer))
      })
    )
  }
  const fleets = {} as Record<Kind, Fleet<FanOutHandlers>>
  for (const [at, kind] of kinds.entries()) {
    fleets[kind] = new Fleet<FanOutHandlers>(fanOutModule, members)
    await fleets[kind].all('open', member => ({
      kind,
      url: servers[kind]!.url,
      count: shareOf(count, members, member),
      readers: readersPerMember,
      firstHost: 2 + at * members + member,
      watch: { calendar, ...daysOf(20_000) }
    }))
  }
  log(`${count} watchers of each of ${kinds.map(kind => names[kind]).join(', ')}`)

  let next = 0
  for (const { events, times, everyMs } of loads) {
    const result = await runRounds(report, rounds, async (index, addLoads) => {
      const seen = {} as Record<Kind, Seen>
      for (const kind of kinds) {
        const { pids, emit } = servers[kind]!
        const fleet = fleets[kind]
        const first = next
        const sentAt: number[] = []
        const before = (await fleet.all('taken', () => undefined as never)).values
        const receiving = fleet.all('receive', () => ({ forMs: times * everyMs }))
        const cpu = watchCpu(pids)
        for (let time = 0; time < times; time++) {
          const due = nowMs() + everyMs
          for (let event = 0; event < events; event++) sentAt.push(nowMs())
          await emit(next, events)
          next += events
          await pause(due - nowMs())
        }
        addLoads((await receiving).loads)
        const slots = Array.from({ length: next - first }, (_, event) =>
          kind === 'slotlock' ? slotAt('room', first + event) : slotOf(first + event)
        )
        let told: Float64Array[] = []
        await cameTrue(async () => {
          const { values } = await fleet.all('toldTimes', () => ({ slots, readers: readersPerMember }))
          told = slots.map((_, event) => merged(values.map(value => value[event]!)))
          return told.every(times_ => !times_.some(Number.isNaN))
        }, toldWithinMs)
        const cpuUs = cpu()
        const after = (await fleet.all('taken', () => undefined as never)).values
        report.check(
          `${names[kind]}: every reader is told of every event`,
          told.every(times_ => !times_.some(Number.isNaN)),
          'some were not',
          told.length * readersPerMember * members
        )
        report.check(
          `${names[kind]}: nobody is dropped`,
          after.every(({ gone }) => gone === 0),
          JSON.stringify(after)
        )
        const frames = (all: typeof after): number => all.reduce((sum, value) => sum + value.frames, 0)
        seen[kind] = {
          cpuUs: cpuUs.watched! / (events * times * count),
          cpuUsPerEvent: Object.fromEntries(
            Object.entries(cpuUs).map(([name, us]) => [name, us / (events * times)])
          ),
          shownMs: Float64Array.from(told, (times_, event) => Math.max(...times_) - sentAt[event]!),
          framesEach: (frames(after) - frames(before)) / count / times
        }
      }
      log(
        `${events} at once, round ${index + 1}: ${kinds.map(kind => `${names[kind]} ${seen[kind].cpuUs.toFixed(2)} µs`).join(', ')}`
      )
      return seen
    })
    const { values, isVoid } = result
    const burst = events === 1 ? 'one event' : `${events} events at once`
    const each = (choose: (seen: Seen) => number): Record<string, number[]> =>
      Object.fromEntries(kinds.map(kind => [names[kind], values.map(round => choose(round[kind]))]))
    report.side({
      what: `${burst}: CPU of the server per event and watcher`,
      unit: 'µs',
      of: each(({ cpuUs }) => cpuUs)
    })
    for (const kind of kinds) {
      if (kind === 'slotlock') continue
      const target = targets[events]?.[kind]
      report.ratio({
        what: `${burst}: ${names[kind]} / slotlock, CPU`,
        rounds: values.map(round => round[kind].cpuUs / round.slotlock.cpuUs),
        ...(target === undefined ? {} : { target: { atLeast: target }, isVoid })
      })
    }
    report.side({
      what: `${burst}: until the last of ${readersPerMember * members} readers has it, p50`,
      unit: 'ms',
      of: each(({ shownMs }) => percentile(shownMs, 50))
    })
    report.side({
      what: `${burst}: frames to each watcher`,
      unit: 'frames',
      of: each(seen => seen.framesEach)
    })
    for (const kind of kinds)
      report.cpu(
        `event, ${burst} (${names[kind]})`,
        Object.fromEntries(
          Object.keys(servers[kind]!.pids).map(who => [
            who,
            values.map(round => round[kind].cpuUsPerEvent[who]!)
          ])
        )
      )
  }
  for (const locker of lockers) locker.close()
  await Promise.all(kinds.map(kind => fleets[kind].end()))
  report.note(
    'slotlock, Socket.IO and nchan: made at one server, told through Redis, counted at the other; slotlock commits each to the database first'
  )
}

interface Server {
  url: string
  /** `watched`: the one that the watchers are connected to. */
  pids: { watched: number[] } & Record<string, number[]>
  emit: (from: number, count: number) => Promise<unknown>
}

/** Changes are made at one instance, and the watchers are at the other. */
async function startServers(
  cluster: Cluster,
  emit: Server['emit'],
  report: Report
): Promise<Partial<Record<Kind, Server>>> {
  const bare = await startPeer('preframed.mjs')
  const ws = (http: string): string => http.replace('http', 'ws')
  const { redis } = cluster.pids
  const [making, telling] = cluster.pids.slotlock
  const servers: Partial<Record<Kind, Server>> = {
    slotlock: {
      url: cluster.ws[1]!,
      pids: { watched: [telling!], maker: [making!], redis, database: cluster.pids.mariadb },
      emit
    },
    preframed: { url: `${ws(bare.http)}/`, pids: { watched: [bare.pid] }, emit: post(bare.http) }
  }
  if (extrasAreHere(report)) {
    const env = { PEER_REDIS_URL: cluster.redisUrl! }
    const [sender, receiver] = [await startPeer('socketio.mjs', env), await startPeer('socketio.mjs', env)]
    servers.socketio = {
      url: `${ws(receiver.http)}/socket.io/?EIO=4&transport=websocket`,
      pids: { watched: [receiver.pid], maker: [sender.pid], redis },
      emit: post(sender.http)
    }
  }
  if (nchanIsHere()) {
    const nchan = await startNchan(cluster.folder, cluster.redisUrl!)
    const publisher = await WsClient.openBare({ url: nchan.publish, onText: () => {} })
    servers.nchan = {
      url: nchan.subscribe,
      pids: { watched: [nchan.subscribersPid], redis },
      emit: async (from, count) => {
        for (let event = from; event < from + count; event++)
          publisher.sendText(JSON.stringify(pushOf(event)))
      }
    }
  } else report.note(howToInstallNchan)
  return servers
}

const post = (http: string) => (from: number, count: number) =>
  mustAsk(`${http}/emit?from=${from}&count=${count}`, { method: 'POST' })
