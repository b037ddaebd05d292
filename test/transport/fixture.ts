import { resolve } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import type { Clock } from '../../src/domain/clock.js'
import type { CalendarId, SessionId, SlotId } from '../../src/domain/ids.js'
import { defaultLimits } from '../../src/domain/limits.js'
import type { LockRecord } from '../../src/domain/lock.js'
import type { SlotRow } from '../../src/domain/slot.js'
import type { ServiceStatus } from '../../src/protocol/schemas.js'
import { done, type Handlers, refuse } from '../../src/service/answers/refusal.js'
import { RevokedSessions } from '../../src/service/callers/revoked-sessions.js'
import { SiteKeys } from '../../src/service/callers/site-keys.js'
import { Tokens } from '../../src/service/callers/tokens.js'
import type { FeedEvent } from '../../src/service/live/feed.js'
import { Metrics } from '../../src/transport/metrics.js'
import type {
  FeedSource,
  HostTokenSource,
  RevokedSource,
  StaffSource,
  StatusSource
} from '../../src/transport/ports.js'
import {
  defaultTiming,
  noLockLimits,
  type TransportSettings,
  type TransportTiming
} from '../../src/transport/settings.js'
import { buildTransport } from '../../src/transport/transport.js'

export const calendar = 'demo' as CalendarId
export const slotId = (minute: number): SlotId =>
  `dr-lee/${new Date(Date.UTC(2030, 0, 1) + minute * 60_000).toISOString().slice(0, 16)}Z` as SlotId

export const row = (slot: SlotId, ver: number, more: Partial<SlotRow> = {}): SlotRow => ({
  calendar,
  slot,
  state: 'free',
  ver,
  owner: null,
  token: null,
  expiresAt: 0,
  ...more
})

export const lockRecord = (owner: SessionId, more: Partial<LockRecord> = {}): LockRecord => ({
  id: 'a'.repeat(22) as LockRecord['id'],
  calendar,
  owner,
  slots: [slotId(0)],
  state: 'held',
  fence: 7,
  ver: 7,
  createdAt: Date.now(),
  expiresAt: Date.now() + 600_000,
  ...more
})

/** A feed that says what the test says, and remembers who is listening. */
export class ScriptedFeed implements FeedSource {
  readonly watched = new Map<CalendarId, number>()
  readonly attached = new Map<SessionId, number>()
  readonly #listeners = new Set<(event: FeedEvent) => void>()

  listen(listener: (event: FeedEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
  watch(id: CalendarId): void {
    this.watched.set(id, (this.watched.get(id) ?? 0) + 1)
  }
  unwatch(id: CalendarId): void {
    this.watched.set(id, (this.watched.get(id) ?? 0) - 1)
  }
  attach(session: SessionId): void {
    this.attached.set(session, (this.attached.get(session) ?? 0) + 1)
  }
  detach(session: SessionId): void {
    this.attached.set(session, (this.attached.get(session) ?? 0) - 1)
  }
  emit(event: FeedEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}

export class ScriptedMonitor implements StatusSource {
  status: ServiceStatus = 'normal'
  readonly #listeners = new Set<(status: ServiceStatus) => void>()

  listen(listener: (status: ServiceStatus) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
  become(status: ServiceStatus): void {
    this.status = status
    for (const listener of this.#listeners) listener(status)
  }
  services(): ReturnType<StatusSource['services']> {
    return {
      redis: undefined,
      database: { available: true, connected: true, healthy: true, latencyMs: 1 }
    }
  }
}

const unused = async () => refuse('NOT_FOUND', 'not part of this test')

/** Handlers that answer without any store; a test replaces those it is about. */
export const plainHandlers = (more: Partial<Handlers> = {}): Handlers => ({
  signOut: async () => done({ signedOut: true }),
  revokeSession: async () => done({ revoked: true }),
  listCalendars: async () => done({ calendars: [] }),
  readSlots: async (_caller, { calendar, from, to }) =>
    done({ calendar, from, to, timeZone: 'UTC', slots: [], selections: [], serverTime: Date.now() }),
  readChanges: async () => done({ slots: [], selections: [], cursor: '0' }),
  select: async (_caller, { slot }) => done({ slot, expiresInMs: 10_000 }),
  unselect: async () => done({ slot: null, expiresInMs: 0 }),
  listLocks: async () => done({ locks: [] }),
  release: async () => done({ released: true }),
  cancelBooking: async () => done({ cancelled: true }),
  listBookings: async () => done({ bookings: [] }),
  readBooking: unused,
  staffLocks: async () => done({ locks: [], selections: [] }),
  readAudit: async () => done({ entries: [] }),
  readCacheStats: async () =>
    done({
      hits: 0,
      misses: 0,
      hitRate: 0,
      totalKeys: 0,
      memoryUsage: 0,
      keptIn: 'process',
      shared: 0
    }),
  revoke: async () => done({ revoked: true }),
  block: async () => done({ slots: [] }),
  unblock: async () => done({ slots: [] }),
  putCalendar: async (_caller, definition) => done(definition),
  lock: unused,
  extend: unused,
  book: unused,
  ...more
})

export interface Served {
  app: FastifyInstance
  feed: ScriptedFeed
  monitor: ScriptedMonitor
  tokens: Tokens
  siteKeys: SiteKeys
  revoked: RevokedSessions
  metrics: Metrics
  /** Tokens from before the test began. */
  expiredToken: string
  foreignToken: string
  tokenOf: (role: 'visitor' | 'staff' | 'admin', calendars?: CalendarId[]) => string
  url: string
  ws: string
  /** Lines of the log, as written. */
  logged: string[]
}

export interface Scene {
  handlers?: Partial<Handlers>
  settings?: Partial<TransportSettings>
  timing?: Partial<TransportTiming>
  logLevel?: string
  clock?: Clock
  desk?: StaffSource
  hostTokens?: HostTokenSource
  /** Instead of one that knows what the test ends: for showing what that is good for. */
  revoked?: RevokedSource
}

const realClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }

/** A real server on a free loopback port; closed by the test's teardown. */
export async function serve(
  t: { teardown(end: () => Promise<void>): void },
  {
    handlers = {},
    settings = {},
    timing = {},
    logLevel = 'debug',
    clock = realClock,
    desk,
    ...scene
  }: Scene = {}
): Promise<Served> {
  const secret = 'a secret that is long enough for a test'
  const tokens = new Tokens([secret], clock)
  const siteKeys = new SiteKeys([secret], clock)
  const logged: string[] = []
  const feed = new ScriptedFeed()
  const monitor = new ScriptedMonitor()
  const revoked = new RevokedSessions()
  const metrics = new Metrics()
  const staffDesk: StaffSource = desk ?? {
    nowMs: () => Date.now(),
    changesSince: async () => ({ locks: [], ended: [], feed: [], reachedMs: Date.now(), full: false })
  }
  const app = await buildTransport({
    settings: {
      pagesFolder: resolve('dist'),
      version: '0.0.0-test',
      mode: 'embedded',
      limits: defaultLimits,
      origins: [],
      siteKeyRequired: false,
      trustProxy: [],
      sessionsPerMinuteMax: 0,
      requestsPerMinuteMax: 0,
      messagesPerSecondMax: 0,
      connectionsPerAddressMax: 0,
      lockLimits: noLockLimits,
      connectionsMax: 0,
      shutdownGraceMs: 2_000,
      ...settings,
      timing: { ...defaultTiming, beatMs: 20, ...timing }
    },
    handlers: plainHandlers(handlers),
    feed,
    staffDesk,
    monitor,
    tokens,
    siteKeys,
    hostTokens: scene.hostTokens,
    revoked: scene.revoked ?? revoked,
    calendarOrigins: { of: async () => undefined, anyNames: async () => false },
    metrics,
    clock,
    random: Math.random,
    logger: pino({ level: logLevel }, { write: line => void logged.push(line) }),
    storeNowMs: () => Date.now()
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(async () => {
    await app.close()
    metrics.close()
  })
  const url = app.listeningOrigin
  const dayAgo = { ...clock, now: () => Date.now() - 172_800_000 }
  return {
    app,
    feed,
    monitor,
    tokens,
    siteKeys,
    revoked,
    metrics,
    expiredToken: new Tokens([secret], dayAgo).openSession().token,
    foreignToken: new Tokens(['another secret that is long enough too'], clock).openSession().token,
    tokenOf: (role, calendars) => tokens.mint({ role, calendars, ttlMs: 60_000 }).token,
    url,
    ws: `${url.replace('http', 'ws')}/v1/ws`,
    logged
  }
}
