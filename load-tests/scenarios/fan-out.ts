import { startCluster } from '../harness/cluster.js'
import { readProcessUse } from '../harness/cpu.js'
import { shareOf } from '../harness/crowd.js'
import { installExtras } from '../harness/extras.js'
import { Fleet } from '../harness/fleet.js'
import { mustAsk } from '../harness/http-client.js'
import { startPeer } from '../harness/peers.js'
import { verdictOf } from '../harness/report.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { daysOf, openCalendar, slotAt } from '../harness/slots.js'
import { formatNumber, formatSpread, merged, percentile, spread } from '../harness/stats.js'
import { cameTrue, nowMs, pause } from '../harness/time.js'
import { WsClient } from '../harness/ws-driver.js'
import { slotOf } from '../peers/push.mjs'
import { type FanOutHandlers, fanOutModule, type Kind } from './fan-out.watcher.js'

const calendar = 'fan-out'
const kinds = ['slotlock', 'preframed', 'socketio'] as const
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
  100: { socketio: 20 }
}

/** One locks, everybody sees it. What does a delivery cost the instance that the watchers are connected to? */
export const fanOut: Scenario = {
  name: 'fan-out',
  summary:
    'one event, and a hundred at once, to 1,000 watchers: against pre-framed ws, and Socket.IO with its adapter',
  stores: ['redis'],
  run
}

async function run({ options, report, log }: Context): Promise<void> {
  const count = options.clients ?? 1_000
  installExtras()
  const cluster = await startCluster({
    cli: options.cli,
    stores: 'redis',
    instances: 2,
    report,
    env: { LOCKED_SLOTS_PER_SESSION_MAX: '1000', LOCKS_PER_SESSION_MAX: '1000' }
  })
  await cluster.putCalendar(calendar, openCalendar('room'))
  const redis = { PEER_REDIS_URL: cluster.redisUrl! }
  const [sender, receiver] = [await startPeer('socketio.mjs', redis), await startPeer('socketio.mjs', redis)]
  const bare = await startPeer('preframed.mjs')
  const ws = (http: string): string => http.replace('http', 'ws')
  // changes are made at one instance, and the watchers are at the other
  const servers: Record<
    Kind,
    { url: string; pid: number; emit: (from: number, count: number) => Promise<unknown> }
  > = {
    slotlock: { url: cluster.ws[1]!, pid: cluster.pids.slotlock[1]!, emit: lockSome },
    preframed: { url: `${ws(bare.http)}/`, pid: bare.pid, emit: post(bare.http) },
    socketio: {
      url: `${ws(receiver.http)}/socket.io/?EIO=4&transport=websocket`,
      pid: receiver.pid,
      emit: post(sender.http)
    }
  }
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
      url: servers[kind].url,
      count: shareOf(count, members, member),
      readers: readersPerMember,
      firstHost: 2 + at * members + member,
      watch: { calendar, ...daysOf(20_000) }
    }))
  }
  log(`${count} watchers of each of ${kinds.join(', ')}`)

  let next = 0
  for (const { events, times, everyMs } of loads) {
    const result = await runRounds(report, rounds, async (index, addLoads) => {
      const seen = {} as Record<Kind, { cpuUs: number; shownMs: Float64Array; framesEach: number }>
      for (const kind of kinds) {
        const { pid, emit } = servers[kind]
        const fleet = fleets[kind]
        const first = next
        const sentAt: number[] = []
        const before = (await fleet.all('taken', () => undefined as never)).values
        const receiving = fleet.all('receive', () => ({ forMs: times * everyMs }))
        const cpuBefore = readProcessUse(pid)?.cpuUs ?? Number.NaN
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
        const cpuUs = (readProcessUse(pid)?.cpuUs ?? Number.NaN) - cpuBefore
        const after = (await fleet.all('taken', () => undefined as never)).values
        report.check(
          `${kind}: every reader is told of every event`,
          told.every(times_ => !times_.some(Number.isNaN)),
          'some were not',
          told.length * readersPerMember * members
        )
        report.check(
          `${kind}: nobody is dropped`,
          after.every(({ gone }) => gone === 0),
          JSON.stringify(after)
        )
        const frames = (all: typeof after): number => all.reduce((sum, value) => sum + value.frames, 0)
        seen[kind] = {
          cpuUs: cpuUs / (events * times * count),
          shownMs: Float64Array.from(told, (times_, event) => Math.max(...times_) - sentAt[event]!),
          framesEach: (frames(after) - frames(before)) / count / times
        }
      }
      log(
        `${events} at once, round ${index + 1}: ${kinds.map(kind => `${kind} ${seen[kind].cpuUs.toFixed(2)} µs`).join(', ')}`
      )
      return seen
    })
    const { values, isVoid } = result
    const of = (choose: (round: (typeof values)[number]) => number) => spread(values.map(choose))
    for (const kind of kinds)
      report.figure({
        what: `${events} at once, ${kind}: CPU µs per event and watcher`,
        measured: formatSpread(of(round => round[kind].cpuUs)),
        reference: `${formatNumber(of(round => round[kind].framesEach).median)} frames each; the last of ${readersPerMember * members} readers has it after p50 ${formatSpread(of(round => percentile(round[kind].shownMs, 50)))} ms`,
        verdict: 'info'
      })
    for (const kind of ['preframed', 'socketio'] as const) {
      const ratio = of(round => round[kind].cpuUs / round.slotlock.cpuUs)
      const target = targets[events]?.[kind]
      report.figure({
        what: `${events} at once: ${kind} / slotlock, CPU`,
        measured: formatSpread(ratio),
        ...(target === undefined ? {} : { target: `>= ${target}` }),
        verdict: target === undefined ? 'info' : verdictOf(ratio.median >= target, isVoid)
      })
    }
  }
  for (const locker of lockers) locker.close()
  await Promise.all(kinds.map(kind => fleets[kind].end()))
  report.note(
    'slotlock and Socket.IO: made at one server, told through Redis, counted at the other; slotlock commits each to the database first'
  )
}

const post = (http: string) => (from: number, count: number) =>
  mustAsk(`${http}/emit?from=${from}&count=${count}`, { method: 'POST' })
