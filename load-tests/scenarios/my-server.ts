import type { LockView, SlotState } from '../../src/protocol/schemas.js'
import { mustAsk } from '../harness/http-client.js'
import { runRounds } from '../harness/rounds.js'
import type { Context, Scenario } from '../harness/scenario.js'
import { dateOf } from '../harness/slots.js'
import { percentile } from '../harness/stats.js'
import { atRate, cameTrue, nowMs } from '../harness/time.js'
import { WsClient } from '../harness/ws-driver.js'

const rounds = 3
const locksPerSecond = 20
const daysAhead = 14
const dayMs = 86_400_000
/** Should this end in the middle, what it locked is free again soon. */
const ttlMs = 60_000
const toldWithinMs = 10_000
/** Said by limits that a server under test may well have. */
const politeRefusals = ['BUSY', 'RATE_LIMITED', 'SLOT_UNAVAILABLE']

/** Somebody's own deployment, from outside: nothing is started, no database is looked into, everything is given back. */
export const myServer: Scenario = {
  name: 'my-server',
  summary:
    'locks and gives back free slots of a calendar of your own server, with watchers: --url http://… --calendar demo',
  stores: [],
  onlyNamed: true,
  run
}

async function run({ options, report, log }: Context): Promise<void> {
  const { url, calendar } = options
  if (url === undefined) throw new Error('my-server: --url http://host:port is wanted')
  const base = url.replace(/\/$/, '')
  const ws = `${base.replace(/^http/, 'ws')}/v1/ws`
  const from = dateOf(Date.now() + dayMs)
  const to = dateOf(Date.now() + daysAhead * dayMs)
  const path = `${base}/v1/calendars/${calendar}/slots?from=${from}&to=${to}`
  const { slots } = await mustAsk<{ slots: SlotState[] }>(path)
  const free = slots.filter(({ state }) => state === 'free').map(({ slot }) => slot)
  if (free.length === 0)
    throw new Error(`${calendar} has no free slot from ${from} to ${to}, or an open grid`)

  const count = options.clients ?? 20
  const toldAt: Map<string, number>[] = Array.from({ length: count }, () => new Map())
  const watchers = await Promise.all(
    toldAt.map(told =>
      WsClient.open({
        url: ws,
        onPush: (push, atMs) => {
          if (push.type !== 'slots') return
          for (const { slot, state, ver } of push.slots)
            if (state === 'locked') told.set(`${slot} ${ver}`, atMs)
        }
      })
    )
  )
  for (const watcher of watchers) {
    const answer = await watcher.request('watch', { calendar, from, to })
    if (!answer.ok) throw new Error(`watch was refused: ${answer.error.code}`)
  }
  const lockers = await Promise.all(Array.from({ length: count }, () => WsClient.open({ url: ws })))
  log(`${free.length} free slots of ${calendar}, ${count} watchers, ${locksPerSecond} locks/s`)

  let next = 0
  const refused: Record<string, number> = {}
  const result = await runRounds(report, rounds, async () => {
    const tookMs: number[] = []
    const releaseMs: number[] = []
    const granted: { key: string; answeredMs: number }[] = []
    const underway: Promise<void>[] = []
    const one = async (locker: WsClient, slot: string, dueMs: number): Promise<void> => {
      const answer = await locker.timed('lock', { calendar, slots: [slot], ttlMs }, dueMs)
      tookMs.push(answer.tookMs)
      if (!answer.ok) refused[answer.error.code] = (refused[answer.error.code] ?? 0) + 1
      report.check(
        'a lock is granted, or refused for a reason that a client can live with',
        answer.ok || politeRefusals.includes(answer.error.code),
        JSON.stringify(answer)
      )
      if (!answer.ok) return
      const { lock } = answer.result as { lock: LockView }
      granted.push({ key: `${slot} ${lock.fence}`, answeredMs: nowMs() })
      // long enough to be seen, however slowly the watchers are told
      await cameTrue(() => toldAt.every(told => told.has(`${slot} ${lock.fence}`)), toldWithinMs)
      const released = await locker.timed('release', { lock: lock.id })
      releaseMs.push(released.tookMs)
      report.check('what was locked is given back', released.ok, JSON.stringify(released))
    }
    await atRate(locksPerSecond, (options.forS ?? 10) * 1_000, due => {
      const index = next++
      underway.push(one(lockers[index % count]!, free[index % free.length]!, due))
    })
    await Promise.all(underway)
    const shownMs = granted.flatMap(({ key, answeredMs }) =>
      toldAt.map(told => Math.max(0, (told.get(key) ?? Number.NaN) - answeredMs))
    )
    report.check(
      'every watcher sees every lock',
      !shownMs.some(Number.isNaN),
      `${shownMs.filter(Number.isNaN).length} of ${shownMs.length} were not seen`,
      shownMs.length
    )
    return { tookMs, releaseMs, shownMs }
  })
  for (const client of [...watchers, ...lockers]) client.close()

  for (const [what, choose] of [
    ['lock', (round: (typeof result.values)[number]) => round.tookMs],
    ['release', (round: (typeof result.values)[number]) => round.releaseMs],
    ['shown to a watcher after the answer', (round: (typeof result.values)[number]) => round.shownMs]
  ] as const)
    for (const p of [50, 99])
      report.side({
        what: `${what} p${p}`,
        unit: 'ms',
        of: { slotlock: result.values.map(round => percentile(choose(round), p)) }
      })
  for (const [code, times] of Object.entries(refused)) report.note(`${code} ${times} times`)
}
