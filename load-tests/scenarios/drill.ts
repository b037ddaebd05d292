import { Agent } from 'node:http'
import { startCluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { type Ask, ask, codeOf, mustAsk } from '../harness/http-client.js'
import { watchOwnLoad } from '../harness/lag.js'
import { storeSetups } from '../harness/options.js'
import { verdictOf } from '../harness/report.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { dateOf, firstDayMs, openCalendar, slotAt } from '../harness/slots.js'
import { percentile } from '../harness/stats.js'
import { nowMs, pause } from '../harness/time.js'

const calendar = 'drill'
const rounds = 3
const averageMsMax = 100
/** People look at an answer before they ask again. */
const paceMs = 1_500
const sessionsAtOnce = 20
const busyPauseMs = 100

/** What the forerunners were drilled with: a thousand clients, ten thousand requests, and the average answer. */
export const drill: Scenario = {
  name: 'drill',
  summary: '1,000 clients send 10,000 requests: reading, hovering, locking, giving back; the average answer',
  stores: storeSetups,
  run
}

interface Client {
  token: string
  slot: string
  agent: Agent
  /** Of its first request of a round, after the round's begin. */
  startsMs: number
}

/** What a client asks in turn; a step that needs the lock finds its id there. */
interface Step {
  expected: number
  of(client: Client, lock: string): { path: string } & Ask
}

const day = dateOf(firstDayMs)
const look: Step = {
  expected: 200,
  of: () => ({ path: `/v1/calendars/${calendar}/slots?from=${day}&to=${day}` })
}
const hover: Step = {
  expected: 200,
  of: ({ slot }) => ({ method: 'PUT', path: `/v1/calendars/${calendar}/selection`, body: { slot } })
}
const steps: readonly Step[] = [
  look,
  hover,
  look,
  {
    expected: 201,
    of: ({ slot }) => ({ method: 'POST', path: `/v1/calendars/${calendar}/locks`, body: { slots: [slot] } })
  },
  { expected: 200, of: () => ({ path: '/v1/locks' }) },
  { expected: 200, of: (_, lock) => ({ method: 'PATCH', path: `/v1/locks/${lock}`, body: {} }) },
  hover,
  look,
  { expected: 204, of: (_, lock) => ({ method: 'DELETE', path: `/v1/locks/${lock}` }) },
  look
]

async function run({ stores, options, random, report, log }: Context): Promise<void> {
  const count = options.clients ?? 1_000
  const cluster = await startCluster({ cli: options.cli, stores, instances: 1, report })
  await cluster.putCalendar(calendar, openCalendar('desk'))
  const url = cluster.http[0]!
  const clients: Client[] = []
  while (clients.length < count) {
    const opened = await Promise.all(
      Array.from({ length: Math.min(sessionsAtOnce, count - clients.length) }, () =>
        mustAsk<{ token: string }>(`${url}/v1/sessions`, { method: 'POST', body: {} })
      )
    )
    for (const { token } of opened)
      clients.push({
        token,
        slot: slotAt('desk', clients.length),
        agent: new Agent({ keepAlive: true, maxSockets: 1 }),
        startsMs: random() * paceMs
      })
  }

  const wrong = { refused: [] as string[], busy: 0 }
  const result = await runRounds(report, rounds, async (index, addLoads) => {
    const load = watchOwnLoad()
    const cpu = watchCpu({
      server: cluster.pids.slotlock,
      redis: cluster.pids.redis,
      database: cluster.pids.mariadb
    })
    const beginMs = nowMs()
    const tookMs = (await Promise.all(clients.map(client => visit(url, client, beginMs, wrong)))).flat()
    addLoads([load()])
    const used = Object.entries(cpu()).map(([who, us]) => [who, us / tookMs.length])
    const averageMs = tookMs.reduce((sum, ms) => sum + ms, 0) / tookMs.length
    log(`round ${index + 1}: ${tookMs.length} requests, ${averageMs.toFixed(1)} ms on average`)
    return {
      answers: tookMs.length,
      averageMs,
      p99Ms: percentile(tookMs, 99),
      cpuUs: Object.fromEntries(used) as Record<string, number>
    }
  })
  for (const { agent } of clients) agent.destroy()

  report.check(
    'every request is carried out, if not at once then after BUSY',
    wrong.refused.length === 0,
    `${wrong.refused.length} were not, such as ${wrong.refused[0]}`,
    result.values.reduce((sum, { answers }) => sum + answers, 0)
  )
  const held = (await cluster.truth.slots(calendar)).filter(({ state }) => state === 'locked')
  report.check('what was given back is free in the database', held.length === 0, `${held.length} are held`)
  report.note(`${count * steps.length} requests of ${count} clients, each of which asks every ${paceMs} ms`)
  report.side({
    what: 'average answer',
    unit: 'ms',
    of: { slotlock: result.values.map(({ averageMs }) => averageMs) },
    target: { atMost: averageMsMax },
    isVoid: result.isVoid
  })
  report.side({ what: 'answer p99', unit: 'ms', of: { slotlock: result.values.map(({ p99Ms }) => p99Ms) } })
  report.cpu(
    'request of the drill',
    Object.fromEntries(
      [
        'server',
        ...(stores === 'embedded' ? [] : ['database']),
        ...(stores === 'redis' ? ['redis'] : [])
      ].map(who => [who, result.values.map(({ cpuUs }) => cpuUs[who]!)])
    )
  )
  report.figure({
    what: 'answered BUSY first, requests',
    measured: String(wrong.busy),
    target: '0',
    verdict: verdictOf(wrong.busy === 0, result.isVoid)
  })
}

/** From the moment each request was due to its answer; BUSY is asked again, and the time goes on. */
async function visit(
  url: string,
  client: Client,
  beginMs: number,
  wrong: { refused: string[]; busy: number }
): Promise<number[]> {
  const tookMs: number[] = []
  let lock = ''
  for (const [index, { expected, of }] of steps.entries()) {
    const dueMs = beginMs + client.startsMs + index * paceMs
    await pause(dueMs - nowMs())
    const { path, ...request } = of(client, lock)
    const send = () => ask(url + path, { token: client.token, agent: client.agent, ...request })
    let answer = await send()
    for (; codeOf(answer.text) === 'BUSY'; answer = await send()) {
      wrong.busy += 1
      await pause(busyPauseMs)
    }
    tookMs.push(nowMs() - dueMs)
    const { status, text } = answer
    if (status !== expected)
      wrong.refused.push(`${request.method ?? 'GET'} ${path}: ${status} ${text.slice(0, 200)}`)
    else if (status === 201) lock = (JSON.parse(text) as { lock: { id: string } }).lock.id
  }
  return tookMs
}
