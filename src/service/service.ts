import type { Clock, Random } from '../domain/clock.js'
import type { FastLane, LiveListener } from '../domain/fast-lane.js'
import type { CalendarId } from '../domain/ids.js'
import type { Limits } from '../domain/limits.js'
import type { LockStore } from '../domain/lock-store.js'
import type { RevocationStore } from '../domain/revocation.js'
import type { Handlers } from './answers/refusal.js'
import type { RandomBytes } from './callers/ids.js'
import { RevokedSessions } from './callers/revoked-sessions.js'
import { viewerTag } from './callers/viewer-tag.js'
import { bookingHandlers } from './changing/booking.js'
import { calendarHandlers } from './changing/calendar-handlers.js'
import { endingSessionsHandlers } from './changing/ending-sessions.js'
import { Gate } from './changing/gate.js'
import { Granting } from './changing/granting.js'
import { lockingHandlers } from './changing/locking.js'
import { Selecting } from './changing/selecting.js'
import { staffHandlers } from './changing/staff.js'
import { FastPath, type LaneHealth } from './lane/fast-path.js'
import { type ProvableLane, RedisHealth, type RedisHealthChange } from './lane/redis-health.js'
import { SharedCounts } from './lane/shared-counts.js'
import { LiveFeed } from './live/feed.js'
import { Hovers } from './live/hovers.js'
import { SeenChanges } from './live/seen-changes.js'
import { bookingsDeskHandlers } from './reading/bookings-desk.js'
import { type CacheCounts, cacheCounts, cacheStatsHandlers } from './reading/cache-stats.js'
import { CachedRows, type ReadingLog } from './reading/cached-rows.js'
import { CalendarOrigins } from './reading/calendar-origins.js'
import { CalendarDirectory } from './reading/calendars.js'
import { ChangesReader } from './reading/changes.js'
import { SlotReader } from './reading/reading.js'
import { StaffDesk } from './reading/staff-desk.js'
import { realTimers, type Timers } from './tools/timers.js'
import { ExpiryWarnings } from './upkeep/expiring.js'
import { Purge } from './upkeep/purge.js'
import { Resync, type ResyncLog } from './upkeep/resync.js'
import { RevocationWatch } from './upkeep/revocation-watch.js'
import { ServiceMonitor } from './upkeep/status.js'
import { Sweep } from './upkeep/sweep.js'
import { Tail } from './upkeep/tail.js'
import { Warming } from './upkeep/warming.js'

export type Lane = FastLane & ProvableLane

export interface ServiceParts {
  store: LockStore & RevocationStore
  /** Absent: no Redis is configured. Called once, before anything is served. */
  openLane?:
    | ((listener: LiveListener, onGap: (calendars: CalendarId[], again: boolean) => void) => Lane)
    | undefined
  /** This is the only instance there is: nobody else's changes to look for. */
  alone: boolean
  limits: Limits
  clock: Clock
  random: Random
  randomBytes: RandomBytes
  timers?: Timers
  log: ResyncLog & ReadingLog
  /** Bring the rows that were read lately to Redis after the start. */
  warmUp?: boolean
  onRedisChange?: (change: RedisHealthChange) => void
  /** From now on limits are counted by all instances together, or by each for itself. */
  onCountsShared?: (shared: boolean) => void
}

export interface Service {
  handlers: Handlers
  feed: LiveFeed
  staffDesk: StaffDesk
  monitor: ServiceMonitor
  /** The sessions that were ended before their time. */
  revoked: RevokedSessions
  /** Which pages the calendars themselves let in. */
  calendarOrigins: CalendarOrigins
  lane: Lane | undefined
  /** undefined: there is no Redis to share counts through. */
  sharedCounts: SharedCounts | undefined
  /** For the metrics page: what each part counts; only ever grows. */
  counts(): Record<string, number>
  /** How far the parts are behind, in milliseconds. */
  lags(): { tail: number; expiry: number }
  /** Of the readings of slots on this instance. */
  cacheCounts(): CacheCounts
  /** What has to be known before anything is served. Throws StoreError. */
  prepare(): Promise<void>
  start(): void
  /** Who waits for news is answered now, and nobody waits from now on: the server wants to stop. */
  drain(): void
  /** Ends the timers first, then waits, bounded, for what is under way. The stores stay open. */
  stop(): Promise<void>
}

const noLane: LaneHealth = { allows: () => false, begins: () => {}, ends: () => {}, record: () => {} }

/** Puts the parts of this layer together. Nothing runs until `start`. */
export function createService(parts: ServiceParts): Service {
  const { store, limits, clock, random, randomBytes, alone, log } = parts
  const timers = parts.timers ?? realTimers
  const tagOf = viewerTag
  const shared = { store, clock, timers, random }

  // Redis speaks as soon as it is connected, which is never before this function has returned.
  const lane = parts.openLane?.(
    event => feed.receive(event),
    (calendars, again) => {
      if (again) resync.heardAgain(calendars)
    }
  )
  const health =
    lane &&
    new RedisHealth({
      lane,
      clock,
      random,
      timers,
      onChange: change => {
        monitor.redisChanged()
        tail?.redisChanged()
        revocations.redisChanged()
        // It may have come back empty, and whatever was published while it was out was heard by nobody.
        if (change.to === 'green') resync.heardAgain()
        parts.onRedisChange?.(change)
      }
    })
  const fastPath = new FastPath(lane, health ?? noLane)
  const sharedCounts =
    lane && new SharedCounts({ path: fastPath, clock, timers, onChange: parts.onCountsShared ?? (() => {}) })
  const seen = lane && new SeenChanges(() => store.nowMs())
  const feed = new LiveFeed({ store, fastPath, lane, seen, timers })
  const monitor = new ServiceMonitor({ store, redis: health, clock, timers })
  const resync = new Resync({ store, feed, fastPath, clock, log })
  const calendars = new CalendarDirectory(store, () => clock.monotonic())
  const gate = new Gate({ store, clock, timers })
  const announcer = feed
  const granting = new Granting({
    store,
    gate,
    fastPath,
    announcer,
    requestResync: calendar => resync.request(calendar)
  })
  const hovers = new Hovers({ store, feed, fastPath, alone })
  const rows: CachedRows = new CachedRows({
    store,
    fastPath,
    seen: seen ?? new SeenChanges(() => store.nowMs()),
    watchfulness: () => tail,
    clock,
    timers,
    log
  })
  const reader = new SlotReader({ store, feed, hovers, calendars, rows, tagOf, clock, timers })
  const changes = new ChangesReader({ store, feed, hovers, reader, seen, calendars, tagOf, timers })
  const selecting = new Selecting({ store, feed, fastPath, calendars, limits, tagOf, alone, timers })
  const sweep = new Sweep({ ...shared, feed })
  const warnings = new ExpiryWarnings({ store, feed, clock, timers })
  const purge = new Purge(shared)
  const revoked = new RevokedSessions()
  const revocations = new RevocationWatch({
    store,
    revoked,
    // the one instance there is has nobody to hear from but a command
    redisInUse: () => alone || fastPath.open,
    clock,
    timers
  })
  const tail: Tail | undefined = alone
    ? undefined
    : new Tail({ store, feed, fastPath, clock, timers, copiesInUse: () => rows.inUse })

  const warming =
    lane && parts.warmUp === true
      ? new Warming({ fastPath, rows, calendars, nowMs: () => store.nowMs(), clock, timers, log })
      : undefined

  feed.listen((event, origin) => {
    if (origin === 'here') return // who makes a change tells the gate and the directory itself
    if (event.kind === 'slots') gate.learn(event.rows)
    if (event.kind === 'calendar') calendars.forget(event.calendar)
    if (event.kind === 'revocation') revocations.lookNow()
  })

  const staffDesk = new StaffDesk({
    store,
    calendars,
    limits,
    tagOf,
    selections: calendar => hovers.live(calendar)
  })
  return {
    handlers: {
      ...lockingHandlers({
        store,
        calendars,
        granting,
        gate,
        announcer,
        limits,
        tagOf,
        randomBytes
      }),
      ...bookingHandlers({ store, calendars, gate, announcer, randomBytes }),
      ...staffHandlers({ store, calendars, gate, announcer, tagOf }),
      ...staffDesk.handlers(),
      ...bookingsDeskHandlers({ store, calendars }),
      ...calendarHandlers({ store, calendars, announcer }),
      ...endingSessionsHandlers({ store, gate, announcer, revoked }),
      ...reader.handlers(),
      ...cacheStatsHandlers({ fastPath, reader, clock }),
      ...changes.handlers(),
      ...selecting.handlers()
    },
    feed,
    staffDesk,
    monitor,
    revoked,
    calendarOrigins: new CalendarOrigins(calendars),
    lane,
    sharedCounts,
    counts: () => ({
      tailRepaired: tail?.repaired ?? 0,
      tailSnapshots: tail?.snapshots ?? 0,
      tailFailed: tail?.failed ?? 0,
      locksSwept: sweep.swept,
      sweepsFailed: sweep.failed,
      resyncs: resync.filled,
      resyncsFailed: resync.failed,
      resyncsDropped: resync.dropped,
      resyncsLeftToOthers: resync.leftToOthers,
      databaseClockStepsBack: tail?.steppedBack ?? 0,
      expiryWarnings: warnings.warned,
      revocationReadingsFailed: revocations.failed,
      rowsPurged: purge.deleted,
      personsForgotten: purge.forgotten,
      hoversNotShared: selecting.kept,
      limitCountsNotShared: sharedCounts?.notShared ?? 0
    }),
    lags: () => ({ tail: tail?.lagMs ?? 0, expiry: sweep.lagMs }),
    cacheCounts: () => cacheCounts(rows, reader),
    prepare: () => revocations.readAll(),
    start() {
      for (const part of [
        monitor,
        health,
        sharedCounts,
        rows,
        reader,
        changes,
        selecting,
        warnings,
        sweep,
        tail,
        revocations,
        purge,
        warming
      ])
        part?.start()
    },
    drain: () => changes.stop(),
    async stop() {
      changes.stop()
      await Promise.all(
        [
          health,
          monitor,
          sharedCounts,
          rows,
          reader,
          selecting,
          warnings,
          sweep,
          tail,
          revocations,
          purge,
          warming
        ].map(part => part?.stop())
      )
      await resync.stop()
      await feed.stop()
    }
  }
}
