import { pick, pickSome } from '../../load-tests/harness/random.js'
import { nowMs, pause } from '../../load-tests/harness/time.js'
import type { Random } from '../../src/domain/clock.js'
import type { HistoryEvent } from './history.js'
import { type Chance, type Nemesis, otherNemeses, redisNemeses } from './nemeses.js'
import type { World } from './world.js'

export interface CampaignOptions {
  world: World
  random: Random
  calendar: string
  wanted(): readonly string[]
  record(event: HistoryEvent): void
  log(text: string): void
  /** Longer, if not every kind has come up by then. */
  forMs: number
  /** Fractions of the usual times, so that every fault fits into a short run. */
  pace: number
  /** Called when both lanes rest and everything works. */
  atRest(): Promise<void>
}

/** Between two faults of one lane. */
const gapMs = [100, 900] as const
/** How long the lanes strike until they rest, and how long they rest. */
const boutMs = 12_000
const restMs = 1_500

/**
 * Strikes in two lanes, Redis in one and everything else in the other, so that one or two faults are there at a time.
 * Each lane deals from a shuffled deck of all its faults, so that each kind comes about equally often. Now and then
 * both rest, so that work gets done and the rows can be looked at in peace.
 */
export async function campaign(options: CampaignOptions): Promise<void> {
  const { random, forMs, pace } = options
  const endAt = nowMs() + forMs
  const lanes = [redisNemeses, otherNemeses].map(nemeses => new Lane(random, nemeses))
  while (nowMs() < endAt || lanes.some(lane => lane.left > 0)) {
    const boutEnd = Math.min(Math.max(endAt, nowMs() + 1), nowMs() + boutMs)
    // both come to rest before anything is ended, also when one of them failed: the other might restart what has gone
    const bouts = await Promise.allSettled(lanes.map(lane => strikeUntil(boutEnd, lane, options)))
    for (const bout of bouts) if (bout.status === 'rejected') throw bout.reason
    await pause(restMs * pace)
    await options.atRest()
  }
}

/** At least once, so that a run that is over by the clock still gets through the kinds that are left. */
async function strikeUntil(endAt: number, lane: Lane, options: CampaignOptions): Promise<void> {
  const { random, pace } = options
  do {
    await pause((gapMs[0] + random() * (gapMs[1] - gapMs[0])) * pace)
    await strike(lane.deal(), options)
  } while (nowMs() < endAt)
}

async function strike(nemesis: Nemesis, options: CampaignOptions): Promise<void> {
  const { world, random, record, log, pace } = options
  const victim = pick(random, world.instances)
  const chance: Chance = {
    random,
    lasting: (from, to) => pause((from + random() * (to - from)) * pace),
    wanted: options.wanted,
    calendar: options.calendar
  }
  const from = nowMs()
  log(nemesis.aimed ? `${nemesis.name} (instance ${victim.number})` : nemesis.name)
  try {
    await nemesis.strike(world, victim, chance)
  } finally {
    const of = nemesis.aimed ? { instance: victim.number } : {}
    record({ kind: 'fault', name: nemesis.name, ...of, from, to: nowMs() })
  }
}

/** Deals from a shuffled deck of all its faults, again and again. */
class Lane {
  readonly #random: Random
  readonly #nemeses: readonly Nemesis[]
  #deck: Nemesis[] = []
  #dealt = 0

  constructor(random: Random, nemeses: readonly Nemesis[]) {
    this.#random = random
    this.#nemeses = nemeses
  }

  /** Kinds that have not come up yet. */
  get left(): number {
    return Math.max(0, this.#nemeses.length - this.#dealt)
  }

  deal(): Nemesis {
    if (this.#deck.length === 0) this.#deck = pickSome(this.#random, this.#nemeses, this.#nemeses.length)
    this.#dealt += 1
    return this.#deck.pop()!
  }
}
