import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CalendarDefinition } from '../../src/domain/calendar.js'
import type { Clock } from '../../src/domain/clock.js'
import { StoreUnavailable } from '../../src/domain/errors.js'
import type { CountAddition, FastLane, LiveListener } from '../../src/domain/fast-lane.js'
import type { CalendarId, LockId, ResourceId, SessionId, SlotId } from '../../src/domain/ids.js'
import { slotIdOf } from '../../src/domain/ids.js'
import type { LockRecord } from '../../src/domain/lock.js'
import type { LockStore } from '../../src/domain/lock-store.js'
import type { Selection, SlotRow } from '../../src/domain/slot.js'
import { FastPath } from '../../src/service/lane/fast-path.js'
import { type FeedEvent, LiveFeed, type Origin } from '../../src/service/live/feed.js'
import { SeenChanges } from '../../src/service/live/seen-changes.js'
import { openSqliteStore } from '../../src/stores/sql/open-sqlite.js'
import { SteppedTime } from '../helpers/stepped-time.js'
import { MemoryRows } from './memory-rows.js'

export const demo = 'demo' as CalendarId
export const room = 'room' as ResourceId
export const startMs = Date.parse('2026-01-15T08:00Z')

const hours = [['09:00', '17:00']] as [string, string][]
/** Slots every half hour from 9 to 5, every day, UTC. */
export const definition: CalendarDefinition = {
  id: demo,
  name: 'Demo',
  timeZone: 'UTC',
  slotMinutes: 30,
  grid: 'hours',
  resources: [
    {
      id: room,
      name: 'Room',
      hours: { mon: hours, tue: hours, wed: hours, thu: hours, fri: hours, sat: hours, sun: hours }
    }
  ],
  exceptions: []
}

/** The nth half hour of 15 January, from 9:00. */
export const slot = (n: number): SlotId => slotIdOf(room, Date.parse('2026-01-15T09:00Z') + n * 1_800_000)
const id = (text: string): string => text.padEnd(22, '_')
export const sessionId = (name: string): SessionId => id(`s-${name}`) as SessionId
export const lockId = (name: string): LockId => id(`l-${name}`) as LockId

/** A change that only exists in the test's head: one slot's state under a version. */
export const rowOf = (n: number, ver: number, more: Partial<SlotRow> = {}): SlotRow => ({
  calendar: demo,
  slot: slot(n),
  state: 'free',
  ver,
  owner: null,
  token: null,
  expiresAt: 0,
  ...more
})

/** A fast lane in this process. Each instance has one; together they are one Redis, as far as messages go. */
export class MemoryLane implements FastLane {
  /** Everybody who is connected to the same Redis. */
  readonly others: MemoryLane[] = []
  listener: LiveListener = () => {}
  rows = new MemoryRows()
  readonly calendars = new Set<CalendarId>()
  readonly sessions = new Set<SessionId>()
  readonly settled: { calendar: CalendarId; rows: readonly SlotRow[] }[] = []
  readonly selections = new Map<string, Selection>()
  hydrated: CalendarId[] = []
  /** Messages are lost on the way. */
  lossy = false
  /** Nothing works. */
  out = false
  /** What a call waits for. */
  hold: Promise<void> | undefined

  async reserve(): ReturnType<FastLane['reserve']> {
    await this.#call()
    return { status: 'RESERVED' }
  }

  async unreserve(): Promise<void> {
    await this.#call()
  }

  async settle(calendar: CalendarId, rows: readonly SlotRow[]): Promise<void> {
    await this.#call()
    this.settled.push({ calendar, rows })
    this.rows.settle(rows)
    this.#tell(other => {
      if (other.calendars.has(calendar)) other.listener({ kind: 'slots', calendar, rows: [...rows] })
    })
  }

  async publishLock(lock: LockRecord): Promise<void> {
    await this.#call()
    this.#tell(other => {
      if (other.sessions.has(lock.owner)) other.listener({ kind: 'lock', lock })
    })
  }

  async publishCalendar(calendar: CalendarId): Promise<void> {
    await this.#call()
    this.#tell(other => other.listener({ kind: 'calendar', calendar }))
  }

  async publishRevocation(): Promise<void> {
    await this.#call()
    this.#tell(other => other.listener({ kind: 'revocation' }))
  }

  async putSelection(selection: Selection): Promise<void> {
    await this.#call()
    for (const lane of [this, ...this.others]) lane.selections.set(selection.viewer, selection)
    this.#tell(other => {
      if (other.calendars.has(selection.calendar)) {
        other.listener({ kind: 'selection', calendar: selection.calendar, selection })
      }
    })
  }

  async readSelections(calendar: CalendarId): Promise<Selection[]> {
    await this.#call()
    return [...this.selections.values()].filter(one => one.calendar === calendar && one.slot !== null)
  }

  async hydrate(
    calendar: CalendarId,
    read: () => Promise<{ rows: SlotRow[]; nowMs: number; more?: boolean }>
  ): Promise<{ filled: number }> {
    await this.#call()
    let filled = 0
    for (let more = true; more; ) {
      const reading = await read()
      filled += reading.rows.length
      more = reading.more === true
    }
    this.hydrated.push(calendar)
    return { filled }
  }

  /** One Redis' worth of them: give several lanes the same map. */
  counts = new Map<string, number>()

  async addCounts(additions: readonly CountAddition[]): Promise<{ total: number; leftMs: number }[]> {
    await this.#call()
    return additions.map(({ name, by, windowMs }) => {
      const total = (this.counts.get(name) ?? 0) + by
      this.counts.set(name, total)
      return { total, leftMs: windowMs }
    })
  }

  subscribeCalendar(calendar: CalendarId): void {
    this.calendars.add(calendar)
  }
  unsubscribeCalendar(calendar: CalendarId): void {
    this.calendars.delete(calendar)
  }
  subscribeSession(session: SessionId): void {
    this.sessions.add(session)
  }
  unsubscribeSession(session: SessionId): void {
    this.sessions.delete(session)
  }
  async probe(): Promise<{ latencyMs: number }> {
    await this.#call()
    return { latencyMs: 0 }
  }
  async close(): Promise<void> {}

  async #call(): Promise<void> {
    await this.hold
    if (this.out) throw new StoreUnavailable('Redis is out')
  }

  #tell(tell: (other: MemoryLane) => void): void {
    if (!this.lossy) for (const other of this.others) tell(other)
  }
}

export interface Instance {
  store: LockStore
  lane: MemoryLane | undefined
  /** Set to false, it is what an open breaker says. */
  health: { green: boolean }
  fastPath: FastPath
  feed: LiveFeed
  seen: SeenChanges
  /** All that the feed told, in order. */
  events: { event: FeedEvent; origin: Origin }[]
  /** What a screen that applies the version rule shows. */
  screen: Map<SlotId, SlotRow>
}

interface Teardown {
  teardown(end: () => unknown): void
}

/** A path for a database that several stores of one test share. */
export function sharedDatabase(t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'slotlock-live-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'live.sqlite')
}

/** One instance over SQLite: alone in memory, or with others over one file. */
export async function instance(
  t: Teardown,
  parts: { time?: SteppedTime; path?: string; lane?: MemoryLane; wrap?: (store: LockStore) => LockStore } = {}
): Promise<Instance & { time: SteppedTime }> {
  const time = parts.time ?? new SteppedTime()
  const opened = await openSqliteStore(parts.path ?? ':memory:', { clock: time satisfies Clock })
  t.teardown(() => opened.close())
  await opened.migrate()
  await opened.putCalendar(definition)
  return { time, ...over(parts.wrap?.(opened) ?? opened, time, parts.lane) }
}

/** The live half of an instance over any store. */
export function over(store: LockStore, timers: Pick<SteppedTime, 'after'>, lane?: MemoryLane): Instance {
  const health = { green: true }
  const fastPath = new FastPath(lane, {
    allows: () => health.green,
    begins: () => {},
    ends: () => {},
    record: () => {}
  })
  const seen = new SeenChanges(() => store.nowMs())
  const feed = new LiveFeed({ store, fastPath, lane, seen, timers })
  if (lane !== undefined) lane.listener = event => feed.receive(event)
  const events: Instance['events'] = []
  const screen: Instance['screen'] = new Map()
  feed.listen((event, origin) => {
    events.push({ event, origin })
    if (event.kind !== 'slots') return
    for (const row of event.rows) if (row.ver > (screen.get(row.slot)?.ver ?? -1)) screen.set(row.slot, row)
  })
  return { store, lane, health, fastPath, feed, seen, events, screen }
}

export function connected(count: number): MemoryLane[] {
  const lanes = Array.from({ length: count }, () => new MemoryLane())
  for (const lane of lanes) {
    lane.others.push(...lanes.filter(other => other !== lane))
    lane.rows = lanes[0]!.rows
  }
  return lanes
}

/** Grants and tells, as the locking half of the service does. */
export async function grant(
  { store, feed }: Pick<Instance, 'store' | 'feed'>,
  name: string,
  slots: number[],
  more: { ttlMs?: number; owner?: string; silent?: boolean } = {}
): Promise<LockRecord> {
  const outcome = await store.grant({
    lock: lockId(name),
    calendar: demo,
    owner: sessionId(more.owner ?? name),
    slots: slots.map(slot),
    ttlMs: more.ttlMs ?? 600_000,
    fingerprint: 'f',
    lockLifeMaxMs: 7_200_000,
    locksMax: 1_000,
    lockedSlotsMax: 1_000
  })
  if (outcome.status !== 'GRANTED') throw new Error(`not granted: ${outcome.status}`)
  if (more.silent !== true) {
    feed.announceSlots(demo, outcome.rows)
    feed.announceLock(outcome.lock)
  }
  return outcome.lock
}

export async function release(
  { store, feed }: Pick<Instance, 'store' | 'feed'>,
  lock: LockRecord,
  silent = false
): Promise<void> {
  const outcome = await store.release({ lock: lock.id, owner: lock.owner })
  if (outcome.status !== 'ENDED') throw new Error(`not released: ${outcome.status}`)
  if (silent) return
  feed.announceSlots(demo, outcome.rows)
  feed.announceLock(outcome.lock)
}

/** A store some of whose methods are others. */
export const replacing =
  (methods: (store: LockStore) => Partial<LockStore>) =>
  (store: LockStore): LockStore => {
    const others = methods(store)
    return new Proxy(store, {
      get(target, name) {
        if (name in others) return others[name as keyof LockStore]
        const member = Reflect.get(target, name, target) as unknown
        return typeof member === 'function' ? (member.bind(target) as unknown) : member
      }
    })
  }

/** A store whose methods of these names throw while `state.out`. */
export const failing = (state: { out: boolean }, ...names: (keyof LockStore)[]) =>
  replacing(store => {
    const failingOnes = names.map(name => {
      const method = (store[name] as (...args: unknown[]) => unknown).bind(store)
      return [
        name,
        async (...args: unknown[]) => {
          if (state.out) throw new StoreUnavailable('the database is out')
          return await method(...args)
        }
      ] as const
    })
    return Object.fromEntries(failingOnes) as Partial<LockStore>
  })
