import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../helpers/process.js'
import { Case, count, type Tally } from './case.js'
import { Dice } from './dice.js'
import { fillUp } from './filling.js'
import { Findings } from './findings.js'
import { isGrowing, type Trend, trendOf } from './flatness.js'
import { frameBytes } from './frame-bytes.js'
import { Honest } from './honest.js'
import { httpBytes } from './http-bytes.js'
import { Ledger } from './ledger.js'
import { messages } from './messages.js'
import type { FuzzOptions } from './options.js'
import { requests } from './requests.js'
import type { Vitals } from './vitals.js'
import { battlefield, createWorld, quiet, type World } from './world.js'

/**
 * One run: attackers beside an honest visitor, in rounds. Between two rounds nobody asks anything: the sockets of the
 * instance have to be gone then, and what it still holds is a sample. At the end the rows are held against what was
 * answered.
 */

export interface Outcome {
  findings: Findings
  cases: number
  tally: Tally
  honest: Honest
  samples: readonly Taken[]
  heap: Trend | undefined
  rss: Trend | undefined
  /** Acknowledged ones that were looked up at the end. */
  locks: number
  bookings: number
}

/** `sent`: by then. */
type Taken = Vitals & { atMs: number; sent: number }

const attackersMax = 12
const roundsMax = 30
const roundMsMin = 1_000
const dayMs = 86_400_000
/** In a shorter run growth would not be told from warming up, and a crowd before it would take longer than the run. */
const judgedFromMs = 120_000
/** After the first round the pools are as large as they get, and the code is compiled. */
const memoryBounds = {
  heap: { share: 0.05, leastBytes: 3_000_000 },
  rss: { share: 0.1, leastBytes: 16_000_000 }
}

const kinds = [
  [5, messages],
  [5, requests],
  [4, frameBytes],
  [4, httpBytes]
] as const

export async function fuzz(
  t: { teardown(end: () => unknown): void },
  options: FuzzOptions,
  log: (text: string) => void = () => {}
): Promise<Outcome> {
  const findings = new Findings()
  const world = await createWorld(t, options.stores, findings)
  const ledger = new Ledger()
  const tally: Tally = { sent: new Map(), outcomes: new Map() }
  const honest = new Honest(world, findings)
  const run = async (number: number, tell?: (step: string) => void): Promise<void> => {
    const one = new Case(number, { seed: options.seed, world, ledger, findings, tally, tell })
    const kind = new Dice(options.seed, -number - 2).weighted(kinds)
    count(tally.sent, 'cases')
    await kind(one).catch(error => one.finds('a case comes to its end', String(error)))
  }

  let startedAt = performance.now()
  const samples: Taken[] = []
  let next = 0
  if (options.only !== undefined) {
    await run(options.only, log)
    next = 1
  } else {
    await honest.visit()
    if (options.forMs >= judgedFromMs) {
      await fillUp(world)
      log(`${seconds(performance.now() - startedAt)} s: a crowd has filled what an instance remembers`)
      startedAt = performance.now()
    }
    const roundMs = Math.max(roundMsMin, options.forMs / roundsMax)
    while (performance.now() - startedAt < options.forMs && world.instance.process.running) {
      const endsAt = performance.now() + roundMs
      const goesOn = (): boolean => performance.now() < endsAt && world.instance.process.running
      const attackers = Array.from({ length: attackersMax }, async () => {
        while (goesOn()) await run(next++)
      })
      const visitor = async (): Promise<void> => {
        while (goesOn()) await honest.visit()
      }
      await Promise.all([...attackers, visitor()])
      if (!world.instance.process.running) break
      const vitals = await settled(world, samples[0], findings)
      samples.push({ ...vitals, atMs: performance.now() - startedAt, sent: sum(tally.sent) })
      const { heapUsed, rss } = samples.at(-1)!
      log(
        `${seconds(samples.at(-1)!.atMs)} s, ${next} cases, heap ${mb(heapUsed)}, resident ${mb(rss)}, ${findings.all.length} findings`
      )
    }
  }
  if (world.instance.process.running) await lookAtRows(world, ledger, findings)
  const heap = trendOf(samples.map(({ atMs, heapUsed, external }) => ({ atMs, value: heapUsed + external })))
  const rss = trendOf(samples.map(({ atMs, rss: value }) => ({ atMs, value })))
  if (heap !== undefined && isGrowing(heap, memoryBounds.heap))
    findings.add('memory is flat', `the heap grew by ${mb(heap.growth)} of ${mb(heap.median)}`)
  if (rss !== undefined && isGrowing(rss, memoryBounds.rss))
    findings.add('memory is flat', `resident memory grew by ${mb(rss.growth)} of ${mb(rss.median)}`)
  return {
    findings,
    cases: next,
    tally,
    honest,
    samples,
    heap,
    rss,
    locks: ledger.locks.size,
    bookings: ledger.bookings.size
  }
}

export const sum = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((total, many) => total + many, 0)

const seconds = (ms: number): number => Math.round(ms / 1_000)

export const mb = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`

/** Timers that the runtime or a driver makes once they are needed, and keeps. */
const keptTimersMax = 4
/** A pool opens as many connections as a burst wants and keeps them; its own bound. */
const poolMax = 10

/** With nobody there: no socket is left, and as many things keep the event loop alive as after the first round. */
async function settled(world: World, first: Vitals | undefined, findings: Findings): Promise<Vitals> {
  await until('no socket is left', async () => (await world.instance.metric('slotlock_sockets')) === 0).catch(
    error => {
      findings.add('what was opened is closed', String(error))
    }
  )
  let vitals = await world.vitals.read()
  if (first === undefined) return vitals
  const slackOf = (name: string): number =>
    name === 'Timeout' ? keptTimersMax : name === 'TCPSocketWrap' ? poolMax : 0
  const tooMany = (): string[] =>
    Object.entries(vitals.resources)
      .filter(([name, many]) => many > (first.resources[name] ?? 0) + slackOf(name))
      .map(([name, many]) => `${many} ${name}, ${first.resources[name] ?? 0} at first`)
  for (let tries = 0; tooMany().length > 0 && tries < 50; tries++) {
    await pause(200)
    vitals = await world.vitals.read()
  }
  for (const what of tooMany()) findings.add('what was opened is closed', what)
  return vitals
}

async function lookAtRows({ truth, instance }: World, ledger: Ledger, findings: Findings): Promise<void> {
  for (const calendar of [battlefield, quiet]) {
    const [slots, locks, bookings] = [
      await truth.slots(calendar),
      await truth.locks(calendar),
      await truth.bookings(calendar)
    ]
    const rows = { slots, locks, bookings, atMs: Date.now() }
    for (const detail of ledger.contradictions(calendar, rows))
      findings.add('the rows are as was answered', detail)
    await lookAtPage(instance.url, calendar, rows.slots, findings)
  }
}

/** What a reader is shown of the days that are in the rows, against the rows themselves. */
async function lookAtPage(
  url: string,
  calendar: string,
  rows: readonly { slot: string; state: string; expiresMs: number }[],
  findings: Findings
): Promise<void> {
  const dates = rows.map(({ slot }) => slot.slice(slot.indexOf('/') + 1, slot.indexOf('T'))).sort()
  if (dates.length === 0) return
  // around the middle one: chance also locks in the year 9999
  const middleMs = Date.parse(dates[dates.length >> 1]!)
  const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
  const [from, to] = [dateOf(middleMs - 20 * dayMs), dateOf(middleMs + 20 * dayMs)]
  const page = await fetch(`${url}/v1/calendars/${calendar}/slots?from=${from}&to=${to}`)
  if (!page.ok) {
    findings.add('who does nothing wrong is served', `the page of ${calendar}: ${await page.text()}`)
    return
  }
  const { slots, serverTime } = (await page.json()) as {
    slots: { slot: string; state: string }[]
    serverTime: number
  }
  const byId = new Map(rows.map(row => [row.slot, row]))
  for (const { slot, state } of slots) {
    const row = byId.get(slot)
    // what ends in these seconds may be shown either way
    if (row?.state === 'locked' && Math.abs(row.expiresMs - serverTime) < 5_000) continue
    const is =
      row === undefined || (row.state === 'locked' && row.expiresMs <= serverTime) ? 'free' : row.state
    if (state !== is)
      findings.add(
        'the rows are as was answered',
        `${slot} is shown as ${state}, and its row is ${JSON.stringify(row)}`
      )
  }
}
