import type { LockView, SelectionView, SlotState } from '../../src/protocol/schemas.js'
import { openCrowd } from './crowd.js'
import { serveFleet } from './fleet-member.js'
import { Picture } from './picture.js'
import { pick, seededRandom } from './random.js'
import { atRate, nowMs, pause } from './time.js'
import type { WsClient } from './ws-driver.js'

/** One client process of the general crowd: opens sockets, watches, races for a slot, hovers, remembers what it was told. */

interface Visitor {
  client: WsClient
  picture: Picture
  /** Whether it keeps its picture up to date, or only takes what it is sent. */
  reads: boolean
  /** This visitor's public name in the calendar it watches. */
  tag: string
  /** Slot → wall-clock time at which it was pushed as free. */
  freedAt: Map<string, number>
  /** Slot → `nowMs()` at which it was first pushed as locked. */
  lockedAt: Map<string, number>
}

const visitors: Visitor[] = []
const wins = new Map<string, WsClient>()

const handlers = {
  /** Connects; with `watch`, every visitor also reads and follows the calendar. */
  async open(args: {
    urls: string[]
    count: number
    firstHost?: number
    drain?: boolean
    watch?: { calendar: string; from: string; to: string }
  }): Promise<{ open: number; tookMs: number }> {
    const start = nowMs()
    const fresh: Omit<Visitor, 'client'>[] = Array.from({ length: args.count }, () => ({
      picture: new Picture(),
      reads: args.drain !== true,
      tag: '',
      freedAt: new Map(),
      lockedAt: new Map()
    }))
    const clients = await openCrowd({
      urls: args.urls,
      count: args.count,
      ...(args.firstHost === undefined ? {} : { firstHost: args.firstHost }),
      ...(args.drain === undefined ? {} : { drain: args.drain }),
      onPush: (index, push, atMs) => {
        const visitor = fresh[index]!
        if (push.type === 'selections') visitor.picture.applySelections(push.selections)
        if (push.type !== 'slots') return
        visitor.picture.apply(push.slots)
        for (const { slot, state } of push.slots) {
          if (state === 'free') visitor.freedAt.set(slot, performance.timeOrigin + performance.now())
          if (state === 'locked' && !visitor.lockedAt.has(slot)) visitor.lockedAt.set(slot, atMs)
        }
      }
    })
    const opened = clients.map((client, index) => Object.assign(fresh[index]!, { client }))
    visitors.push(...opened)
    if (args.watch !== undefined) await watchAll(opened, args.watch)
    return { open: clients.length, tookMs: nowMs() - start }
  },

  /** Every visitor begins to follow the calendar. */
  async watch(args: { calendar: string; from: string; to: string }): Promise<void> {
    await watchAll(visitors, args)
  },

  /** All at the same moment ask for the same slot, once each. */
  async race({ calendar, slot, startAtMs }: { calendar: string; slot: string; startAtMs: number }) {
    await untilExactly(startAtMs)
    const answers = await Promise.all(
      visitors.map(({ client }) => client.timed('lock', { calendar, slots: [slot] }, startAtMs))
    )
    const winners: string[] = []
    const codes: Record<string, number> = {}
    let withoutEnd = 0
    answers.forEach((answer, index) => {
      if (answer.ok) {
        const { lock } = answer.result as { lock: LockView }
        winners.push(lock.id)
        wins.set(lock.id, visitors[index]!.client)
      } else {
        codes[answer.error.code] = (codes[answer.error.code] ?? 0) + 1
        const conflicts = answer.error.details?.conflicts ?? []
        if (!conflicts.some(conflict => conflict.slot === slot && typeof conflict.expiresInMs === 'number'))
          withoutEnd += 1
      }
    })
    return { winners, codes, withoutEnd, tookMs: Float64Array.from(answers, answer => answer.tookMs) }
  },

  /** All at the same moment say something that is answered at once: what the sockets alone take. */
  async echo({ startAtMs }: { startAtMs: number }): Promise<Float64Array> {
    await untilExactly(startAtMs)
    const answers = await Promise.all(visitors.map(({ client }) => client.timed('ping', {}, startAtMs)))
    return Float64Array.from(answers, answer => (answer.ok ? answer.tookMs : Number.NaN))
  },

  /** The winner gives back what it won, if it was one of ours. */
  async release({ lock }: { lock: string }): Promise<boolean> {
    const client = wins.get(lock)
    if (client === undefined) return false
    wins.delete(lock)
    return (await client.request('release', { lock })).ok
  },

  /** The first `hoverers` visitors hover over random slots, together `perSecond` times a second. */
  async hover(args: {
    calendar: string
    slots: string[]
    hoverers: number
    perSecond: number
    forMs: number
    seed: number
  }) {
    const random = seededRandom(args.seed)
    const hoverers = visitors.slice(0, args.hoverers)
    const tookMs: number[] = []
    const refused: Record<string, number> = {}
    /** Viewer → the slot it was last allowed to hover over. */
    const last = new Map<string, string>()
    const sent: Promise<void>[] = []
    await atRate(args.perSecond, args.forMs, (due, index) => {
      const { client, tag } = hoverers[index % hoverers.length]!
      const slot = pick(random, args.slots)
      const answered = client.timed('select', { calendar: args.calendar, slot }, due).then(answer => {
        if (answer.ok) {
          tookMs.push(answer.tookMs)
          last.set(tag, slot)
        } else refused[answer.error.code] = (refused[answer.error.code] ?? 0) + 1
      })
      sent.push(answered)
    })
    await Promise.all(sent)
    return { sent: sent.length, tookMs: Float64Array.from(tookMs), refused, last: [...last] }
  },

  /** How many visitors do not see each of these viewers on the slot it is on; with an example. */
  async misseenSelections({ last }: { last: [viewer: string, slot: string][] }) {
    let looks = 0
    const misseen: string[] = []
    for (const { picture, reads, client } of visitors) {
      if (!reads || client.pushes === 0 || client.closed !== undefined) continue
      for (const [viewer, slot] of last) {
        looks += 1
        const seen = picture.selectionOf(viewer)?.slot
        if (seen !== slot) misseen.push(`${viewer} is on ${slot}, a watcher has it on ${seen ?? 'nothing'}`)
      }
    }
    return { looks, misseen: misseen.length, examples: misseen.slice(0, 3) }
  },

  async stall(): Promise<void> {
    for (const { client } of visitors) client.stall()
  },

  async resume(): Promise<void> {
    for (const { client } of visitors) client.resume()
  },

  /** Per slot, when each visitor was told that it is free; NaN for one who was not told. */
  async freedTimes({ slots }: { slots: string[] }): Promise<Float64Array[]> {
    return slots.map(slot => Float64Array.from(visitors, visitor => visitor.freedAt.get(slot) ?? Number.NaN))
  },

  /** Per slot, when each visitor was told that it is locked; NaN for one who was not told. */
  async lockedTimes({ slots }: { slots: string[] }): Promise<Float64Array[]> {
    return slots.map(slot => Float64Array.from(visitors, visitor => visitor.lockedAt.get(slot) ?? Number.NaN))
  },

  async differences({
    fresh,
    within
  }: {
    fresh: SlotState[]
    within?: { from: string; to: string }
  }): Promise<string[][]> {
    return visitors.map(({ picture, client }) =>
      client.closed === undefined ? picture.differences(fresh, within) : [`closed: ${client.closed}`]
    )
  },

  /** How many of the connections still answer. */
  async alive(): Promise<{ alive: number; whyNot: string[] }> {
    const answers = await inGroups(visitors, 200, ({ client }) => client.request('ping'))
    const whyNot = visitors.flatMap(({ client }) => (client.closed === undefined ? [] : [client.closed]))
    return { alive: answers.filter(answer => answer.ok).length, whyNot: whyNot.slice(0, 3) }
  },

  /** Does nothing for so long; its load meanwhile is that of receiving. */
  async receive({ forMs }: { forMs: number }): Promise<void> {
    await pause(forMs)
  },

  /** All together, and each by itself in the order in which they came. */
  async received(): Promise<{ pushes: number; bytes: number; each: number[] }> {
    return {
      pushes: visitors.reduce((sum, { client }) => sum + client.pushes, 0),
      bytes: visitors.reduce((sum, { client }) => sum + client.bytes, 0),
      each: visitors.map(({ client }) => client.pushes)
    }
  },

  async close(): Promise<void> {
    for (const { client } of visitors) client.close()
    visitors.length = 0
  }
}

export type CrowdHandlers = typeof handlers
export const crowdModule: URL = new URL(import.meta.url)

async function untilExactly(atMs: number): Promise<void> {
  await pause(atMs - nowMs() - 2)
  while (nowMs() < atMs) {
    // a timer may be a millisecond late, and then the other processes would have the race to themselves
  }
}

async function watchAll(
  watchers: readonly Visitor[],
  range: { calendar: string; from: string; to: string }
): Promise<void> {
  await inGroups(watchers, 50, async visitor => {
    const answer = await visitor.client.request('watch', range)
    if (!answer.ok) throw new Error(`watch was refused: ${answer.error.code} ${answer.error.message}`)
    const snapshot = answer.result as { you?: string; slots: SlotState[]; selections: SelectionView[] }
    visitor.tag = snapshot.you ?? ''
    visitor.picture.apply(snapshot.slots)
    visitor.picture.applySelections(snapshot.selections)
  })
}

/** All of them, so many at a time: five thousand snapshots at once measure the queue, not the server. */
async function inGroups<T, R>(
  items: readonly T[],
  size: number,
  work: (item: T) => Promise<R>
): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += size)
    results.push(...(await Promise.all(items.slice(at, at + size).map(work))))
  return results
}

// the scenarios import the address and the types of this module; only a client process serves
if (process.send !== undefined) serveFleet(handlers)
