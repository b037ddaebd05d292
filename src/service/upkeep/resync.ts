import type { Clock } from '../../domain/clock.js'
import { StoreError } from '../../domain/errors.js'
import type { CalendarId, LockId } from '../../domain/ids.js'
import { type LockStore, rowsPerReadingMax } from '../../domain/lock-store.js'
import type { SlotRow } from '../../domain/slot.js'
import type { FastPath } from '../lane/fast-path.js'
import type { LiveFeed } from '../live/feed.js'
import { readAllRows, readingsOf, wholeRange } from '../reading/whole-calendar.js'
import { realTimers, type Timers } from '../tools/timers.js'

/** Calendars being filled at once: the database has requests to answer meanwhile. */
const calendarsUnderwayMax = 2
/** Past it a request is dropped and counted. The next reserve that meets an empty calendar asks again. */
const calendarsWaitingMax = 10_000
/** A calendar that was filled is not filled again sooner, however many requests say that it is empty. */
const againAfterMs = 250

/** Who locks meanwhile waits behind each reading: in this process while its rows are taken apart, and in Redis. */
const rowsPerReading = 500

/** What changed longer ago the tail has told, also while Redis was out. */
const tellWithinMs = 10_000

/** A fill that shows no sign of life for so long is no other's any more, and a bit. */
const seeToItAfterMs = 2_500

/** Whoever stops does not wait longer for what is under way: a store that stands still would hold the exit. */
const stopBoundMs = 2_000

/** The part of a pino logger that is needed here. */
export interface ResyncLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/**
 * Fills Redis from the database, calendar by calendar, while requests go on. Never the other way round: what Redis
 * has is a copy, and while it is half filled each gap costs one reading of the rows and no wrong answer.
 *
 * A calendar that another instance is filling at this moment is left to it: all of them miss it at once when Redis was
 * emptied, and the last one to begin would make the work of the others worthless. Some seconds later it is seen to that the
 * other has come to its end: it may have died, or have lost the database.
 *
 * Asked by whoever met an empty calendar, and for every watched one when Redis came back or this instance had not
 * heard it for a while: then what changed in the last seconds is compared with what the screens were told, and what
 * differs is told. Not the rest: the tail tells every change within seconds, and a calendar of ten thousand locks would
 * go to every screen and once more through Redis.
 */
export class Resync {
  readonly #store: LockStore
  readonly #feed: LiveFeed
  readonly #fastPath: FastPath
  readonly #clock: Clock
  readonly #log: ResyncLog
  readonly #timers: Timers
  /** `unlessFilled`: nobody asked but to see to it. */
  readonly #waiting = new Map<CalendarId, { unlessFilled: boolean }>()
  readonly #underway = new Map<CalendarId, Promise<void>>()
  readonly #filledAt = new Map<CalendarId, number>()
  /** Left to another instance: how to forget about it. */
  readonly #left = new Map<CalendarId, () => void>()
  #stopped = false
  filled = 0
  leftToOthers = 0
  failed = 0
  dropped = 0

  constructor(parts: {
    store: LockStore
    feed: LiveFeed
    fastPath: FastPath
    clock: Clock
    log: ResyncLog
    timers?: Timers
  }) {
    this.#store = parts.store
    this.#feed = parts.feed
    this.#fastPath = parts.fastPath
    this.#clock = parts.clock
    this.#log = parts.log
    this.#timers = parts.timers ?? realTimers
  }

  /** Returns at once. Asking for a calendar that waits or was filled just now changes nothing. */
  request(calendar: CalendarId): void {
    const filledAt = this.#filledAt.get(calendar)
    if (filledAt !== undefined && this.#clock.monotonic() - filledAt < againAfterMs) return
    if (!this.#underway.has(calendar)) this.#enqueue(calendar)
  }

  /**
   * Redis is back, or was not heard for a while. One of these that is being read at this moment is read again: its
   * reading may have begun before whatever was missed. While Redis is not used nothing is done: each calendar would
   * cost a whole reading and a warning, and all of them are filled anyway as soon as it is used again.
   */
  heardAgain(calendars: readonly CalendarId[] = this.#feed.watched()): void {
    if (!this.#fastPath.open) return
    for (const calendar of calendars) this.#enqueue(calendar)
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Resolves when no calendar waits or is under way. */
  async idle(): Promise<void> {
    while (this.#underway.size > 0) await Promise.all(this.#underway.values())
  }

  /** Waits for what is under way, two seconds at most; what ends after that tells nobody. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const cancel of this.#left.values()) cancel()
    this.#left.clear()
    this.#waiting.clear()
    let cancel = (): void => {}
    const bound = new Promise<void>(resolve => {
      cancel = this.#timers.after(stopBoundMs, resolve)
    })
    await Promise.race([this.idle(), bound])
    cancel()
  }

  #enqueue(calendar: CalendarId, unlessFilled = false): void {
    if (this.#stopped) return
    const waiting = this.#waiting.get(calendar)
    if (waiting !== undefined) {
      waiting.unlessFilled &&= unlessFilled
      return
    }
    if (this.#waiting.size >= calendarsWaitingMax) {
      this.dropped += 1
      return
    }
    this.#waiting.set(calendar, { unlessFilled })
    this.#startNext()
  }

  #startNext(): void {
    for (const [calendar, how] of this.#waiting) {
      if (this.#underway.size >= calendarsUnderwayMax) return
      if (this.#underway.has(calendar)) continue
      this.#waiting.delete(calendar)
      const work = this.#fill(calendar, how).finally(() => {
        this.#underway.delete(calendar)
        this.#startNext()
      })
      this.#underway.set(calendar, work)
    }
  }

  async #fill(calendar: CalendarId, { unlessFilled }: { unlessFilled: boolean }): Promise<void> {
    const startedAt = this.#clock.monotonic()
    const copy = new Copy(this.#store, calendar)
    const answer = await this.#fastPath.attempt(async lane => {
      try {
        return await lane.hydrate(calendar, () => copy.next(), { yielding: true, unlessFilled })
      } catch (error) {
        // A database that is out is no reason to think ill of Redis.
        if (copy.databaseError === undefined) throw error
        return undefined
      }
    })
    if (this.#stopped) return
    const ms = Math.round(this.#clock.monotonic() - startedAt)
    if (answer === undefined) {
      this.failed += 1
      this.#log.warn({ calendar, ms, err: copy.databaseError }, `calendar ${calendar} was not synced`)
    } else if (answer.left === 'filled') {
      return
    } else if (answer.left === 'underway') {
      this.#remember(calendar)
      this.leftToOthers += 1
      this.#seeToItLater(calendar)
    } else {
      this.#remember(calendar)
      this.filled += 1
      const locks = copy.locks.size
      this.#log.info(
        { calendar, locks, rows: answer.filled, ms },
        `synced ${locks} locks of calendar ${calendar} in ${ms} ms`
      )
    }
    if (copy.databaseError === undefined) await this.#tellWatchers(calendar, copy)
  }

  #seeToItLater(calendar: CalendarId): void {
    if (this.#left.has(calendar)) return
    const cancel = this.#timers.after(seeToItAfterMs, () => {
      this.#left.delete(calendar)
      this.#enqueue(calendar, true)
    })
    this.#left.set(calendar, cancel)
  }

  /** Screens are told even if Redis could not be filled. */
  async #tellWatchers(calendar: CalendarId, copy: Copy): Promise<void> {
    if (!this.#feed.isWatched(calendar)) return
    try {
      const rows = copy.complete ? copy.lately : await this.#changedLately(calendar)
      if (!this.#stopped) this.#feed.absorb({ rows, locks: [], selections: [] })
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#log.warn({ calendar, err: error }, `calendar ${calendar} could not be read again`)
    }
  }

  async #changedLately(calendar: CalendarId): Promise<SlotRow[]> {
    const nowMs = this.#store.nowMs()
    const range = wholeRange(nowMs)
    const { rows } = await this.#store.readCalendarChanges(calendar, nowMs - tellWithinMs, ...range)
    // a busier one than a reading holds
    return rows.length < rowsPerReadingMax ? rows : readAllRows(this.#store, calendar, ...range)
  }

  #remember(calendar: CalendarId): void {
    const now = this.#clock.monotonic()
    this.#filledAt.delete(calendar)
    this.#filledAt.set(calendar, now)
    // In the order in which they were filled, so those that no longer matter are in front.
    for (const [other, at] of this.#filledAt) {
      if (now - at < againAfterMs) return
      this.#filledAt.delete(other)
    }
  }
}

/** One calendar on its way from the database to Redis. Its rows are not kept: a hundred thousand are a pause for the collector. */
class Copy {
  /** Live, or on their way out. */
  readonly locks = new Set<LockId | null>()
  /** What the screens may not have been told. */
  readonly lately: SlotRow[] = []
  complete = false
  databaseError: StoreError | undefined
  readonly #store: LockStore
  readonly #readings: AsyncGenerator<SlotRow[]>
  readonly #sinceVer: number

  constructor(store: LockStore, calendar: CalendarId) {
    this.#store = store
    const nowMs = store.nowMs()
    this.#readings = readingsOf(store, calendar, wholeRange(nowMs), rowsPerReading)
    // a version is the time of its change in microseconds, or later
    this.#sinceVer = (nowMs - tellWithinMs) * 1_000
  }

  async next(): Promise<{ rows: SlotRow[]; nowMs: number; more: boolean }> {
    const nowMs = this.#store.nowMs()
    try {
      const { value: rows = [], done } = await this.#readings.next()
      for (const row of rows) {
        if (row.state === 'locked') this.locks.add(row.token)
        if (row.ver >= this.#sinceVer) this.lately.push(row)
      }
      this.complete = done === true
      return { rows, nowMs, more: !this.complete }
    } catch (error) {
      if (error instanceof StoreError) this.databaseError = error
      throw error
    }
  }
}
