import { serveFleet } from '../../load-tests/harness/fleet-member.js'
import { ask } from '../../load-tests/harness/http-client.js'
import { pick, pickSome, seededRandom } from '../../load-tests/harness/random.js'
import { nowMs, pause } from '../../load-tests/harness/time.js'
import type { Random } from '../../src/domain/clock.js'
import type { SlotState } from '../../src/protocol/schemas.js'
import { type Calendar, wantedAt } from './calendar.js'
import { type Address, Caller } from './caller.js'
import { HistoryWriter } from './history.js'
import { naivePlans, plans, Visitor } from './visits.js'
import { Watcher } from './watcher.js'

/** One client process of a chaos run: visitors, screens and now and then staff, all writing one history. */

export interface LoadOptions {
  member: number
  instances: Address[]
  calendar: Calendar
  seed: number
  visitors: number
  naive: boolean
  /** Present: this process also plays staff. */
  staffToken?: string
  historyPath: string
}

let history: HistoryWriter
let startedAt = 0
let ending = false
const work: Promise<void>[] = []
const watchers: Watcher[] = []
const following: Promise<void>[] = []
/** A bug of the harness must end the run, and not thin out its load unseen. */
const failures: string[] = []

const handlers = {
  async begin(options: LoadOptions): Promise<void> {
    history = new HistoryWriter(options.historyPath)
    startedAt = nowMs()
    const { instances, member, seed, naive, calendar, visitors } = options
    const record = history.add.bind(history)
    if (!naive) {
      for (const [instance, address] of instances.entries()) {
        const random = seededRandom(seed + 7_919 * (member + 1) + instance)
        const watcher = new Watcher(`watcher ${member}.${instance}`, {
          instance,
          address,
          calendar,
          random,
          record
        })
        watchers.push(watcher)
        following.push(guard(watcher.follow()))
      }
    }
    for (let index = 0; index < visitors; index++) {
      const random = seededRandom(seed + 104_729 * (member + 1) + index)
      work.push(guard(beVisitor(options, random, index % 2 === 0 ? 'ws' : 'http')))
    }
    if (options.staffToken !== undefined)
      work.push(guard(beStaff(options, options.staffToken, seededRandom(seed))))
  },

  /** Everybody finishes what they are at. */
  async stop(): Promise<{ failures: string[] }> {
    ending = true
    await Promise.all(work)
    return { failures }
  },

  /** Where each screen differs from these rows; a screen that has no connection differs too. */
  async differences({ rows }: { rows: SlotState[] }): Promise<string[]> {
    return watchers.flatMap(({ name, picture, watching }) =>
      watching ? picture.differences(rows).map(text => `${name}: ${text}`) : [`${name} has no connection`]
    )
  },

  async end(): Promise<void> {
    for (const watcher of watchers) watcher.end()
    await Promise.all(following)
    await history.end()
  }
}
export type LoadHandlers = typeof handlers

async function beVisitor(options: LoadOptions, random: Random, via: 'ws' | 'http'): Promise<void> {
  const { instances, calendar, naive } = options
  const record = history.add.bind(history)
  const caller = new Caller({ instances, calendar: calendar.id, via, random, record })
  await caller.open()
  const wanted = (): string[] => wantedAt(calendar, nowMs() - startedAt)
  const visitor = new Visitor({ caller, random, wanted })
  while (!ending) {
    await visitor.visit(naive ? naivePlans : plans)
    await pause(50 + random() * 250)
  }
  caller.close()
}

async function beStaff(options: LoadOptions, token: string, random: Random): Promise<void> {
  const { instances, calendar } = options
  const record = history.add.bind(history)
  const caller = new Caller({ instances, calendar: calendar.id, via: 'http', random, record }, token)
  const wanted = (): string[] => wantedAt(calendar, nowMs() - startedAt)
  // one that stays closed, so that there is something to look at however short the run
  await caller.insist('block', { slots: [pick(random, wanted())] })
  while (!ending) {
    await pause(200 + random() * 800)
    if (random() < 0.4) await closeForAWhile(caller, random, wanted())
    try {
      const { http } = pick(random, instances)
      const { status, text } = await ask(`${http}/v1/staff/locks?calendar=${calendar.id}`, { token })
      const { locks } = status === 200 ? (JSON.parse(text) as { locks: { id: string }[] }) : { locks: [] }
      if (locks.length > 0) await caller.insist('revoke', { lock: pick(random, locks).id })
    } catch {
      // that instance is out; staff look again
    }
  }
}

/** Some slots that nobody may have had; a few stay closed. */
async function closeForAWhile(caller: Caller, random: Random, wanted: string[]): Promise<void> {
  const slots = pickSome(random, wanted, 1 + Math.floor(random() * 4))
  await caller.insist('block', { slots })
  await pause(random() * 1_500)
  if (random() < 0.9) await caller.insist('unblock', { slots })
}

async function guard(task: Promise<void>): Promise<void> {
  try {
    await task
  } catch (error) {
    failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
}

serveFleet(handlers)
