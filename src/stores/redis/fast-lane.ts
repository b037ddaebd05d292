import type { Redis } from 'ioredis'
import type { Clock, Random } from '../../domain/clock.js'
import { StoreUnavailable } from '../../domain/errors.js'
import type { CountAddition, FastLane, LiveEvent, LiveListener } from '../../domain/fast-lane.js'
import type { CalendarId, LockId, SessionId, SlotId, ViewerTag } from '../../domain/ids.js'
import type { LockRecord } from '../../domain/lock.js'
import { rowsPerDayMax } from '../../domain/row-cache.js'
import type { Selection, SlotRow } from '../../domain/slot.js'
import type { RedisAddress } from './address.js'
import { fillCalendar } from './calendar-fill.js'
import { commandClient, subscriberClient } from './connections.js'
import { newCounters, type RedisCounters } from './counters.js'
import { encodeRow, RedisDays } from './days.js'
import { encodeEvent } from './events.js'
import { Inbox } from './inbox.js'
import { inspectRedis, parseInfo, type RedisInspection } from './inspect.js'
import { RedisKeys } from './keys.js'
import { markOf, markTimes, portionsOf } from './marks.js'
import { nonceOf } from './nonce.js'
import { OneWrite } from './one-write.js'
import { RedisClock } from './redis-clock.js'
import * as scripts from './scripts.js'
import { Subscriber } from './subscriber.js'
import { unavailable } from './unavailable.js'

export interface RedisFastLaneOptions extends RedisAddress {
  /** Before every key and channel. */
  prefix: string
  clock: Clock
  random: Random
  /** Events of other instances. Must not throw. */
  listener: LiveListener
  /**
   * These calendars are heard from now on. `again`: they were before, the connection was lost meanwhile, and what
   * was published in between was missed: read them anew.
   */
  onGap?: ((calendars: CalendarId[], again: boolean) => void) | undefined
  commandTimeoutMs?: number | undefined
  /** Told of every call that was answered or failed, with how long that took. */
  observe?: ((call: string, tookMs: number) => void) | undefined
}

/** A script that is executed later than this after it was sent does nothing; by Redis' own clock. */
const lateMs = 1_000
/** Shorter than a pending mark and a tombstone live, so that an older settlement never finds its slot forgotten. */
const settleLateMs = 2_000
/** More viewers than that in one calendar are not listed. */
const selectionsMax = 1_000
/** A probe's message has so long to come back. */
const echoTimeoutMs = 250
const probeKeyTtlMs = 5_000

/**
 * The port over one Redis server: a client for the scripts, a client that hears, and the translation between rows and
 * marks. The constructor returns at once whether or not Redis is there; until it is, every method throws
 * StoreUnavailable, at once and without queueing anything.
 */
export class RedisFastLane implements FastLane {
  readonly counters: RedisCounters = newCounters()
  /** This process, to Redis and to the other instances. */
  readonly instance: string
  readonly rows: RedisDays
  readonly #redis: Redis
  readonly #oneWrite: OneWrite
  readonly #subscriber: Subscriber
  readonly #inbox: Inbox
  readonly #keys: RedisKeys
  readonly #clock: Clock
  readonly #redisClock: RedisClock
  readonly #random: Random
  readonly #observe: ((call: string, tookMs: number) => void) | undefined
  #runId: string | undefined

  constructor(options: RedisFastLaneOptions) {
    this.#clock = options.clock
    this.#random = options.random
    this.#observe = options.observe
    this.#keys = new RedisKeys(options.prefix)
    this.instance = nonceOf(options.random)
    this.#redis = commandClient(options, options.random, options.commandTimeoutMs)
    this.#oneWrite = new OneWrite(this.#redis)
    this.#redisClock = new RedisClock(options.clock, async () => {
      const [seconds, microseconds] = await this.#redis.time()
      return Number(seconds) * 1000 + Number(microseconds) / 1000
    })
    this.rows = new RedisDays({
      redis: this.#redis,
      keys: this.#keys,
      random: options.random,

      deadlineMs: () => this.#redisClock.deadlineMs(lateMs),
      call: (what, work) => this.#call(what, work),
      late: what => this.#late(what)
    })
    this.#redis.on('ready', () => void this.#greet())
    this.#redis.on('close', () => this.#redisClock.forget())
    this.#inbox = new Inbox({
      instance: this.instance,
      keys: this.#keys,
      counters: this.counters,
      listener: options.listener,
      onGap: options.onGap ?? (() => {})
    })
    this.#subscriber = new Subscriber({
      client: subscriberClient(options, options.random),
      counters: this.counters,
      onMessage: (channel, text) => this.#inbox.receive(channel, text),
      onSubscribed: (channels, again) => this.#inbox.subscribed(channels, again)
    })
    for (const channel of this.#keys.always(this.instance)) this.#subscriber.subscribe(channel)
  }

  /** Commands can be sent. Says nothing about whether they will be answered; `probe` does. */
  get connected(): boolean {
    return this.#redis.status === 'ready'
  }

  async reserve(request: {
    calendar: CalendarId
    slots: readonly SlotId[]
    lock: LockId
    replaces?: LockId | undefined
  }): ReturnType<FastLane['reserve']> {
    const { calendar, slots, lock } = request
    const reply = await this.#call('reserve', async () =>
      scripts.slotsReserve.run(
        this.#redis,
        { generation_key: this.#keys.generation(calendar), slot_keys: this.#slotKeys(calendar, slots) },
        {
          lock,
          replaces: request.replaces ?? '',
          pending_ms: markTimes.pendingMs,
          deadline_ms: await this.#redisClock.deadlineMs(lateMs)
        }
      )
    )
    switch (reply.status) {
      case 'RESERVED':
        this.counters.reserved++
        return reply
      case 'TAKEN':
        this.counters.taken++
        return { status: 'TAKEN', slots: reply.positions.map(position => slots[position]!) }
      case 'STALE':
        this.counters.stale++
        return reply
      case 'LATE':
        this.counters.late++
        return reply
      default:
        return reply satisfies never
    }
  }

  async unreserve({ calendar, slots, lock }: Parameters<FastLane['unreserve']>[0]): Promise<void> {
    await this.#call('unreserve', () =>
      scripts.slotsUnreserve.run(
        this.#redis,
        { slot_keys: this.#slotKeys(calendar, slots) },
        { lock, tombstone_ms: markTimes.tombstoneMs }
      )
    )
  }

  async settle(calendar: CalendarId, rows: readonly SlotRow[], nowMs: number): Promise<void> {
    for (const some of portionsOf(rows)) {
      const reply = await this.#call('settle', async () =>
        scripts.slotsSettle.run(
          this.#redis,
          { slot_keys: some.map(row => this.#keys.slot(calendar, row.slot)) },
          {
            channel: this.#keys.calendarEvents(calendar),
            event: this.#encode({ kind: 'slots', calendar, rows: some }),
            day_prefix: this.#keys.dayPrefix(calendar),
            day_rows_max: rowsPerDayMax,
            deadline_ms: await this.#redisClock.deadlineMs(settleLateMs),
            rows: some.map(row => `${markOf(row, nowMs)} ${encodeRow(row)}`)
          }
        )
      )
      if (reply.status === 'LATE') {
        this.counters.late++
      } else {
        this.counters.marksWritten += reply.written
        this.counters.eventsPublished++
      }
    }
  }

  async publishLock(lock: LockRecord): Promise<void> {
    await this.#publish(this.#keys.sessionEvents(lock.owner), { kind: 'lock', lock })
  }

  async publishCalendar(calendar: CalendarId): Promise<void> {
    await this.#publish(this.#keys.definitionEvents(), { kind: 'calendar', calendar })
  }

  async publishRevocation(): Promise<void> {
    await this.#publish(this.#keys.revocationEvents(), { kind: 'revocation' })
  }

  async putSelection(selection: Selection, nowMs: number): Promise<void> {
    const { calendar, viewer, seq } = selection
    const ttlMs = Math.ceil(selection.expiresAt - nowMs)
    const reply = await this.#call('putSelection', async () =>
      scripts.selectionPut.run(
        this.#redis,
        { selection_key: this.#keys.selection(calendar, viewer), index_key: this.#keys.selections(calendar) },
        {
          viewer,
          // one that is over already is one that ends
          slot: ttlMs > 0 ? (selection.slot ?? '') : '',
          seq,
          ttl_ms: ttlMs,
          deadline_ms: await this.#redisClock.deadlineMs(lateMs),
          channel: this.#keys.calendarEvents(calendar),
          event: this.#encode({ kind: 'selection', calendar, selection })
        }
      )
    )
    if (reply.status === 'LATE') this.counters.late++
    else if (reply.status !== 'OLDER') this.counters.eventsPublished++
  }

  async readSelections(calendar: CalendarId, nowMs: number): Promise<Selection[]> {
    const { entries } = await this.#call('readSelections', () =>
      scripts.selectionsRead.run(
        this.#redis,
        { index_key: this.#keys.selections(calendar) },
        { selection_prefix: this.#keys.selectionPrefix(calendar), selections_max: selectionsMax }
      )
    )
    return entries.map(({ viewer, value, leftMs }) => {
      const space = value.indexOf(' ')
      return {
        calendar,
        viewer: viewer as ViewerTag,
        slot: value.slice(space + 1) as SlotId,
        seq: Number(value.slice(0, space)),
        expiresAt: nowMs + leftMs
      }
    })
  }

  hydrate(...[calendar, read, how]: Parameters<FastLane['hydrate']>): ReturnType<FastLane['hydrate']> {
    return fillCalendar(
      {
        redis: this.#redis,
        keys: this.#keys,
        counters: this.counters,
        nonce: nonceOf(this.#random),
        deadlineMs: () => this.#redisClock.deadlineMs(lateMs),
        call: work => this.#call('hydrate', work),
        late: () => this.#late('hydrate')
      },
      calendar,
      read,
      how
    )
  }

  async addCounts(additions: readonly CountAddition[]): Promise<{ total: number; leftMs: number }[]> {
    const reply = await this.#call('addCounts', async () =>
      scripts.countsAdd.run(
        this.#redis,
        { count_keys: additions.map(({ name }) => this.#keys.count(name)) },
        {
          deadline_ms: await this.#redisClock.deadlineMs(lateMs),
          additions: additions.map(({ by, windowMs }) => `${by} ${windowMs}`)
        }
      )
    )
    if (reply.status === 'LATE') throw this.#late('addCounts')
    return reply.counts
  }

  subscribeCalendar(calendar: CalendarId): void {
    this.#subscriber.subscribe(this.#inbox.addCalendar(calendar))
  }

  unsubscribeCalendar(calendar: CalendarId): void {
    this.#subscriber.unsubscribe(this.#inbox.removeCalendar(calendar))
  }

  /** Sessions share channels; see bucketOf. */
  subscribeSession(session: SessionId): void {
    this.#subscriber.subscribe(this.#inbox.addSession(session))
  }

  unsubscribeSession(session: SessionId): void {
    const emptied = this.#inbox.removeSession(session)
    if (emptied !== undefined) this.#subscriber.unsubscribe(emptied)
  }

  async probe(): Promise<{ latencyMs: number }> {
    const nonce = nonceOf(this.#random)
    const sentAt = this.#clock.monotonic()
    if (!this.#subscriber.ready) {
      throw new StoreUnavailable('Redis: probe: the subscriber is not connected', { reason: 'connection' })
    }
    const echo = this.#inbox.expectEcho(nonce, echoTimeoutMs)
    try {
      const reply = await this.#call('probe', () =>
        scripts.laneProbe.run(
          this.#redis,
          { probe_key: this.#keys.probe(this.instance) },
          { nonce, ttl_ms: probeKeyTtlMs, channel: this.#keys.heartbeat(this.instance) }
        )
      )
      const latencyMs = this.#clock.monotonic() - sentAt
      this.#redisClock.learn(reply.redisNowMs, sentAt)
      if (reply.readBack !== nonce) {
        throw new StoreUnavailable('Redis: probe: the key does not say what was written')
      }
      if (!(await echo.arrived)) {
        throw new StoreUnavailable(`Redis: probe: its message did not come back in ${echoTimeoutMs} ms`, {
          reason: 'timeout'
        })
      }
      return { latencyMs }
    } finally {
      echo.cancel()
    }
  }

  /** How the server is set up, and what of it may hurt. */
  async inspect(): Promise<RedisInspection> {
    return this.#call('inspect', () => inspectRedis(this.#redis))
  }

  async close(): Promise<void> {
    this.#subscriber.close()
    this.#redis.disconnect()
  }

  async #publish(channel: string, event: LiveEvent): Promise<void> {
    await this.#call(`publish_${event.kind}`, () => this.#redis.publish(channel, this.#encode(event)))
    this.counters.eventsPublished++
  }

  #encode(event: LiveEvent): string {
    return encodeEvent(this.instance, event)
  }

  #slotKeys(calendar: CalendarId, slots: readonly SlotId[]): string[] {
    return slots.map(slot => this.#keys.slot(calendar, slot))
  }

  /** Every way out of here is an answer or a StoreError. */
  async #call<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.counters.commands++
    this.#oneWrite.begin()
    const from = this.#clock.monotonic()
    try {
      return await work()
    } catch (cause) {
      const error = unavailable(what, cause)
      this.counters.errors++
      if (error instanceof StoreUnavailable && error.reason === 'timeout') this.counters.timeouts++
      throw error
    } finally {
      this.#observe?.(what, this.#clock.monotonic() - from)
    }
  }

  #late(what: string): StoreUnavailable {
    this.counters.late++
    return new StoreUnavailable(`Redis: ${what}: executed too late, and did nothing`, { reason: 'timeout' })
  }

  /** After each connect: whose clock is it, and is it the server from before? */
  async #greet(): Promise<void> {
    this.counters.connects++
    try {
      await this.#redisClock.sample()
      const runId = parseInfo(await this.#redis.info('server')).get('run_id')
      if (runId === undefined) return
      if (this.#runId !== undefined && this.#runId !== runId) this.counters.serverChanges++
      this.#runId = runId
    } catch {
      // gone again, or not allowed to read INFO; the next command finds out for itself what it needs
    }
  }
}
