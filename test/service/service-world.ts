import { randomBytes } from 'node:crypto'
import type { CalendarDefinition } from '../../src/domain/calendar.js'
import { demoCalendar } from '../../src/domain/calendar-definition.js'
import type { StoreError } from '../../src/domain/errors.js'
import type { FastLane } from '../../src/domain/fast-lane.js'
import {
  type CalendarId,
  type ResourceId,
  type SessionId,
  type SlotId,
  slotIdOf
} from '../../src/domain/ids.js'
import { defaultLimits, type Limits } from '../../src/domain/limits.js'
import type { LockRecord } from '../../src/domain/lock.js'
import type { GrantOutcome, GrantRequest, LockStore } from '../../src/domain/lock-store.js'
import type { SlotRow } from '../../src/domain/slot.js'
import type { ErrorCode } from '../../src/protocol/codes.js'
import type { LockView } from '../../src/protocol/schemas.js'
import type { Outcome, Refusal } from '../../src/service/answers/refusal.js'
import type { Caller } from '../../src/service/callers/caller.js'
import type { Role } from '../../src/service/callers/claims.js'
import { viewerTag } from '../../src/service/callers/viewer-tag.js'
import { bookingHandlers } from '../../src/service/changing/booking.js'
import { calendarHandlers } from '../../src/service/changing/calendar-handlers.js'
import { Gate } from '../../src/service/changing/gate.js'
import { Granting } from '../../src/service/changing/granting.js'
import { lockingHandlers } from '../../src/service/changing/locking.js'
import { staffHandlers } from '../../src/service/changing/staff.js'
import { FastPath } from '../../src/service/lane/fast-path.js'
import type { Announcer } from '../../src/service/live/announcer.js'
import { LiveFeed } from '../../src/service/live/feed.js'
import { CalendarDirectory } from '../../src/service/reading/calendars.js'
import { StaffDesk } from '../../src/service/reading/staff-desk.js'
import { realTimers } from '../../src/service/tools/timers.js'
import { openSqliteStore } from '../../src/stores/sql/open-sqlite.js'

/** A Thursday, seven in the morning in UTC: the demo's slots of the day are all to come. */
export const thursday = Date.parse('2026-01-15T07:00Z')
export const demo = 'demo' as CalendarId

/** Slots of one room: 09:00, 09:30, … */
export const slotAt = (index: number, resource = 'dr-lee'): SlotId =>
  slotIdOf(resource as ResourceId, Date.parse('2026-01-15T09:00Z') + index * 1_800_000)

export const sessionNamed = (name: string): SessionId => name.padEnd(22, '0') as SessionId

export function callerNamed(name: string, role: Role = 'visitor', calendars?: CalendarId[]): Caller {
  return { session: sessionNamed(name), role, calendars, address: '192.0.2.7', userAgent: 'test' }
}

/** A clock that stands still until the test moves it. */
export class HandClock {
  ms: number
  constructor(ms = thursday) {
    this.ms = ms
  }
  now = (): number => this.ms
  monotonic = (): number => this.ms
}

/** What was announced, in order; passed on to the live feed where there is one. */
export class Announcements implements Announcer {
  rows: SlotRow[] = []
  locks: LockRecord[] = []
  calendars: CalendarId[] = []
  readonly #feed: LiveFeed | undefined

  constructor(feed?: LiveFeed) {
    this.#feed = feed
  }

  announceSlots(calendar: CalendarId, rows: readonly SlotRow[]): void {
    this.rows.push(...rows)
    this.#feed?.announceSlots(calendar, rows)
  }
  announceLock(lock: LockRecord): void {
    this.locks.push(lock)
    this.#feed?.announceLock(lock)
  }
  announceCalendar(calendar: CalendarId): void {
    this.calendars.push(calendar)
    this.#feed?.announceCalendar(calendar)
  }
  announceRevocation(): void {
    this.#feed?.announceRevocation()
  }
}

export interface WorldOptions {
  limits?: Partial<Limits>
  lane?: FastLane
  /** Lets everybody through: what happens without the gate. */
  withoutGate?: boolean
  calendars?: CalendarDefinition[]
  store?: LockStore
  clock?: HandClock
}

/** The locking half of one instance, over a real SQLite database in memory. */
export async function serviceWorld(
  t: { teardown(end: () => Promise<void>): void },
  options: WorldOptions = {}
) {
  const clock = options.clock ?? new HandClock()
  const store = options.store ?? (await openSqliteStore(':memory:', { clock }))
  if (options.store === undefined) {
    await store.migrate()
    for (const definition of options.calendars ?? [demoCalendar('UTC')]) await store.putCalendar(definition)
    t.teardown(() => store.close())
  }
  const seen = {
    grants: [] as GrantRequest[],
    outcomes: [] as GrantOutcome['status'][],
    resyncs: [] as CalendarId[]
  }
  const counted: LockStore = countingGrants(store, seen)
  const laneErrors: StoreError[] = []
  const fastPath = new FastPath(options.lane, {
    allows: () => true,
    begins: () => {},
    ends: () => {},
    record: outcome => void (outcome.ok || laneErrors.push(outcome.error))
  })
  const { lane } = options
  // with Redis as in a deployment: what is committed is settled there, and the gate hears what others commit
  const feed =
    lane === undefined ? undefined : new LiveFeed({ store: counted, fastPath, lane, timers: realTimers })
  const announcer = new Announcements(feed)
  const limits = { ...defaultLimits, ...options.limits }
  const realClock = { monotonic: () => performance.now() }
  const ownGate = new Gate({ store: counted, clock: realClock, timers: realTimers })
  const gate = options.withoutGate === true ? openDoor : ownGate
  feed?.listen(event => {
    if (event.kind === 'slots') ownGate.learn(event.rows)
  })
  const calendars = new CalendarDirectory(counted, clock.monotonic)
  const granting = new Granting({
    store: counted,
    gate,
    fastPath,
    announcer,
    requestResync: calendar => seen.resyncs.push(calendar)
  })
  const deps = {
    store: counted,
    calendars,
    granting,
    gate,
    announcer,
    limits,
    tagOf: viewerTag,
    randomBytes: (size: number) => randomBytes(size),
    selections: async () => []
  }
  const handlers = {
    ...lockingHandlers(deps),
    ...bookingHandlers(deps),
    ...staffHandlers(deps),
    ...new StaffDesk(deps).handlers(),
    ...calendarHandlers(deps)
  }
  return { clock, store, deps, handlers, announcer, feed, seen, laneErrors, gate: ownGate, calendars, limits }
}
export type ServiceWorld = Awaited<ReturnType<typeof serviceWorld>>

const openDoor: Pick<Gate, 'enter' | 'rowsInTheWay' | 'learn'> = {
  enter: async () => ({ status: 'ADMITTED', leave: () => {} }),
  rowsInTheWay: async () => [],
  learn: () => {}
}

/** The same store with some of its methods replaced: one that fails, is late, or counts. */
export function storeWith<S extends LockStore>(store: S, instead: Partial<LockStore>): S {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(name in instead ? instead : target, name)
      return typeof member === 'function' ? member.bind(target) : member
    }
  })
}

function countingGrants(
  store: LockStore,
  seen: { grants: GrantRequest[]; outcomes: GrantOutcome['status'][] }
): LockStore {
  return storeWith(store, {
    async grant(request) {
      seen.grants.push(request)
      const outcome = await store.grant(request)
      seen.outcomes.push(outcome.status)
      return outcome
    }
  })
}

export function resultOf<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value
  throw new Error(`refused: ${JSON.stringify(outcome.refusal)}`)
}

export function refusalIn(outcome: Outcome<unknown>): Refusal {
  if (outcome.ok) throw new Error(`not refused: ${JSON.stringify(outcome.value)}`)
  return outcome.refusal
}

export const codeOf = (outcome: Outcome<unknown>): ErrorCode | 'ok' =>
  outcome.ok ? 'ok' : outcome.refusal.code

/** Locks as the caller or throws. */
export async function locked(
  world: ServiceWorld,
  caller: Caller,
  slots: SlotId[],
  more: { ttlMs?: number; requestId?: string; replaces?: string } = {}
): Promise<LockView> {
  return resultOf(await world.handlers.lock(caller, { calendar: demo, slots, ...more })).lock
}
