import { setImmediate as nextTurn } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { credibleVersionMax } from '../../domain/clock.js'
import type { FastLane, LiveEvent } from '../../domain/fast-lane.js'
import type { CalendarId, LockId, SessionId, ViewerTag } from '../../domain/ids.js'
import type { LockRecord } from '../../domain/lock.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { Selection, SlotRow } from '../../domain/slot.js'
import type { FastPath } from '../lane/fast-path.js'
import { Settling } from '../lane/settling.js'
import type { Timers } from '../tools/timers.js'
import type { SeenChanges } from './seen-changes.js'
import { Selections } from './selections.js'

/** `expiring`: a lock of a session that is connected here ends soon. Made here and told to nobody else. */
export type FeedEvent = LiveEvent | { kind: 'expiring'; lock: LockRecord }

/** `here`: this instance made the change; `elsewhere`: it heard or read of it. */
export type Origin = 'here' | 'elsewhere'

/** Called on the event loop, in the middle of an operation; must not throw. */
export type FeedListener = (event: FeedEvent, origin: Origin) => void

/** What the tail or a snapshot read. The feed finds out what of it is news. */
export interface Reading {
  rows: readonly SlotRow[]
  locks: readonly LockRecord[]
  selections: readonly Selection[]
}

/**
 * The last version emitted of so many slots, and of so many locks, all calendars together. What is pushed out costs
 * one event emitted twice at most, which the version rule makes harmless.
 */
const versionsMax = 20_000
/** Messages to Redis under way that are not slot states; past it a message is dropped and counted. */
const messagesUnderwayMax = 1_000
const stopBoundMs = 2_000

/**
 * The one place through which every change passes on this instance, wherever it comes from: made here and committed,
 * heard from Redis, or read by the tail. It lets through what is newer than what it let through before, and so
 * whoever listens sees each slot's versions only grow, although the three ways lose, double and reorder.
 *
 * Slot states are kept track of for watched calendars, locks for attached sessions too; nobody here sees the rest.
 */
export class LiveFeed {
  readonly #store: LockStore
  readonly #fastPath: FastPath
  readonly #lane: FastLane | undefined
  readonly #timers: Timers
  readonly #settling: Settling
  readonly #seen: SeenChanges | undefined
  readonly #listeners = new Set<FeedListener>()
  readonly #attachListeners = new Set<(session: SessionId) => void>()
  readonly #slotVersions = new LRUCache<string, number>({ max: versionsMax })
  readonly #lockVersions = new LRUCache<LockId, number>({ max: versionsMax })
  readonly #selections = new Selections()
  readonly #watched = new Map<CalendarId, number>()
  readonly #attached = new Map<SessionId, number>()
  readonly #messages = new Set<Promise<unknown>>()
  #messagesDropped = 0
  #incredible = 0

  constructor(parts: {
    store: LockStore
    fastPath: FastPath
    /** Absent: no Redis is configured. */
    lane?: FastLane | undefined
    /** Learns of each change before anybody is told of it. Absent: no copies of rows are read. */
    seen?: SeenChanges | undefined
    timers: Timers
  }) {
    this.#store = parts.store
    this.#fastPath = parts.fastPath
    this.#lane = parts.lane
    this.#timers = parts.timers
    this.#seen = parts.seen
    this.#settling = new Settling(parts.fastPath, () => parts.store.nowMs())
  }

  /** Call after commit, with the rows as the statement left them. Listeners have heard of it when this returns. */
  announceSlots(calendar: CalendarId, rows: readonly SlotRow[]): void {
    this.#emitSlots(calendar, rows, 'here')
    this.#settling.put(calendar, rows)
  }

  announceLock(lock: LockRecord): void {
    this.#emitLock(lock, 'here')
    this.#send(lane => lane.publishLock(lock))
  }

  /** To whoever listens here; the sender sees to the other instances, because a hover has more than one way there. */
  announceSelection(selection: Selection): void {
    this.#emitSelection(selection, 'here')
  }

  announceCalendar(calendar: CalendarId): void {
    this.#emit({ kind: 'calendar', calendar }, 'here')
    this.#send(lane => lane.publishCalendar(calendar))
  }

  announceRevocation(): void {
    this.#send(lane => lane.publishRevocation())
  }

  announceExpiring(lock: LockRecord): void {
    this.#emit({ kind: 'expiring', lock }, 'here')
  }

  /** What another instance published. */
  receive(event: LiveEvent): void {
    switch (event.kind) {
      case 'slots': {
        const rows = event.rows.filter(row => this.#credible(row.ver))
        this.#seen?.learn(rows)
        this.#emitSlots(event.calendar, rows, 'elsewhere')
        return
      }
      case 'lock':
        if (this.#credible(event.lock.ver)) this.#emitLock(event.lock, 'elsewhere')
        return
      case 'selection':
        if (this.#credible(event.selection.seq)) this.#emitSelection(event.selection, 'elsewhere')
        return
      case 'calendar':
      case 'revocation':
        this.#emit(event, 'elsewhere')
        return
      default:
        event satisfies never
    }
  }

  /**
   * What was read from the database. Answers with what of it was news, that is: which nothing had brought before.
   * News about slots goes to Redis again as well, where it may be missing too.
   */
  absorb(reading: Reading): { rows: SlotRow[]; locks: LockRecord[] } {
    // those of calendars that nobody watches here too: their copies may be read
    this.#seen?.learn(reading.rows)
    const byCalendar = new Map<CalendarId, SlotRow[]>()
    for (const row of reading.rows) {
      if (!this.#watched.has(row.calendar)) {
        this.#store.receiveVersion(row.ver)
        continue
      }
      const rows = byCalendar.get(row.calendar)
      if (rows === undefined) byCalendar.set(row.calendar, [row])
      else rows.push(row)
    }
    const news: SlotRow[] = []
    for (const [calendar, rows] of byCalendar) {
      const newer = this.#emitSlots(calendar, rows, 'elsewhere')
      if (newer.length === 0) continue
      this.#settling.put(calendar, newer)
      for (const row of newer) news.push(row)
    }
    const locks = reading.locks.filter(
      lock =>
        (this.#attached.has(lock.owner) || this.#watched.has(lock.calendar)) &&
        this.#emitLock(lock, 'elsewhere')
    )
    for (const selection of reading.selections) this.#emitSelection(selection, 'elsewhere')
    return { rows: news, locks }
  }

  /** Tells these rows whether or not they were told before: somebody may have got an older snapshot since. */
  retell(calendar: CalendarId, rows: readonly SlotRow[]): void {
    if (rows.length > 0) this.#emit({ kind: 'slots', calendar, rows: [...rows] }, 'elsewhere')
  }

  listen(listener: FeedListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Counted: from the first `watch` to the last `unwatch` of a calendar its events come here from other instances. */
  watch(calendar: CalendarId): void {
    if (countUp(this.#watched, calendar)) this.#lane?.subscribeCalendar(calendar)
  }

  unwatch(calendar: CalendarId): void {
    if (countDown(this.#watched, calendar)) this.#lane?.unsubscribeCalendar(calendar)
  }

  watched(): CalendarId[] {
    return [...this.#watched.keys()]
  }

  isWatched(calendar: CalendarId): boolean {
    return this.#watched.has(calendar)
  }

  /** Counted, one for each connection. A session that was just made has no locks: then `resumed` is false. */
  attach(session: SessionId, resumed: boolean): void {
    if (!countUp(this.#attached, session)) return
    this.#lane?.subscribeSession(session)
    if (resumed) for (const listener of this.#attachListeners) listener(session)
  }

  detach(session: SessionId): void {
    if (countDown(this.#attached, session)) this.#lane?.unsubscribeSession(session)
  }

  attached(session: SessionId): boolean {
    return this.#attached.has(session)
  }

  /** Told of each session that may have locks, when its first connection comes. */
  listenAttach(listener: (session: SessionId) => void): () => void {
    this.#attachListeners.add(listener)
    return () => void this.#attachListeners.delete(listener)
  }

  /** Whether anybody here would see a change. */
  get observed(): boolean {
    return this.#watched.size > 0 || this.#attached.size > 0
  }

  /** As known here, the ended ones (`slot: null`) included until their time is over. */
  selections(calendar: CalendarId): Selection[] {
    return this.#selections.current(calendar, this.#store.nowMs())
  }

  selectionOf(calendar: CalendarId, viewer: ViewerTag): Selection | undefined {
    return this.#selections.of(calendar, viewer, this.#store.nowMs())
  }

  get counts(): {
    watchedCalendars: number
    attachedSessions: number
    rowsSettled: number
    rowsNotSettled: number
    messagesDropped: number
    versionsIncredible: number
  } {
    return {
      watchedCalendars: this.#watched.size,
      attachedSessions: this.#attached.size,
      rowsSettled: this.#settling.settled,
      rowsNotSettled: this.#settling.dropped,
      messagesDropped: this.#messagesDropped,
      versionsIncredible: this.#incredible
    }
  }

  /** Waits for what is on its way to Redis, two seconds at most: what is lost then is for the tails of the others. */
  async stop(): Promise<void> {
    let cancel = (): void => {}
    const bound = new Promise<void>(resolve => {
      cancel = this.#timers.after(stopBoundMs, resolve)
    })
    await Promise.race([Promise.all([this.#settling.drained(), ...this.#messages]), bound])
    cancel()
  }

  /**
   * Whoever may publish on this Redis can send any number. One of the year 2250 would make every change of that slot
   * old news for good, here and, through the version clock, for everybody. From the database any is taken.
   */
  #credible(ver: number): boolean {
    const ok = Number.isSafeInteger(ver) && ver <= credibleVersionMax(this.#store.nowMs())
    if (!ok) this.#incredible += 1
    return ok
  }

  #emitSlots(calendar: CalendarId, rows: readonly SlotRow[], origin: Origin): SlotRow[] {
    if (origin === 'here') this.#seen?.learn(rows)
    const newer: SlotRow[] = []
    for (const row of rows) {
      this.#store.receiveVersion(row.ver)
      const key = `${calendar} ${row.slot}`
      const known = this.#slotVersions.get(key)
      if (!isNews(row.ver, known, origin)) continue
      this.#slotVersions.set(key, row.ver)
      newer.push(row)
    }
    if (newer.length > 0) this.#emit({ kind: 'slots', calendar, rows: newer }, origin)
    return newer
  }

  #emitLock(lock: LockRecord, origin: Origin): boolean {
    this.#store.receiveVersion(lock.ver)
    const known = this.#lockVersions.get(lock.id)
    if (!isNews(lock.ver, known, origin)) return false
    this.#lockVersions.set(lock.id, lock.ver)
    this.#emit({ kind: 'lock', lock }, origin)
    return true
  }

  #emitSelection(selection: Selection, origin: Origin): void {
    this.#store.receiveVersion(selection.seq)
    if (!this.#selections.put(selection, this.#store.nowMs())) return
    this.#emit({ kind: 'selection', calendar: selection.calendar, selection }, origin)
  }

  #emit(event: FeedEvent, origin: Origin): void {
    for (const listener of this.#listeners) listener(event, origin)
  }

  #send(message: (lane: FastLane) => Promise<void>): void {
    if (!this.#fastPath.open) return
    if (this.#messages.size >= messagesUnderwayMax) {
      this.#messagesDropped += 1
      return
    }
    // as with the slots, whoever made the change is answered first
    const sent = nextTurn()
      .then(() => this.#fastPath.attempt(message))
      .finally(() => this.#messages.delete(sent))
    this.#messages.add(sent)
  }
}

/**
 * What was done here is told as done here even if the tail was quicker to read it than its own answer was to arrive:
 * some who listen do something about their own changes only.
 */
const isNews = (ver: number, known: number | undefined, origin: Origin): boolean =>
  known === undefined || ver > known || (ver === known && origin === 'here')

function countUp<Key>(counts: Map<Key, number>, key: Key): boolean {
  const count = counts.get(key) ?? 0
  counts.set(key, count + 1)
  return count === 0
}

/** A count that is not there is a caller that let go twice: a bug, which would cut somebody else off. */
function countDown<Key>(counts: Map<Key, number>, key: Key): boolean {
  const count = counts.get(key)
  if (count === undefined) throw new Error('let go of what was not held')
  if (count > 1) counts.set(key, count - 1)
  else counts.delete(key)
  return count === 1
}
