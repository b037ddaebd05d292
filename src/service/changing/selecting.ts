import { LRUCache } from 'lru-cache'
import { StoreError } from '../../domain/errors.js'
import {
  type CalendarId,
  parseCalendarId,
  parseSlotId,
  type SessionId,
  type ViewerTag
} from '../../domain/ids.js'
import { type Limits, selectionRowTtlMaxMs } from '../../domain/limits.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { Selection } from '../../domain/slot.js'
import { sessionOf } from '../answers/access.js'
import { done, type Handlers, invalid } from '../answers/refusal.js'
import { calendarNotFound, slotsNotFound } from '../answers/refusals.js'
import type { TagOf } from '../answers/views.js'
import type { FastPath } from '../lane/fast-path.js'
import type { FeedEvent, LiveFeed, Origin } from '../live/feed.js'
import type { CalendarDirectory } from '../reading/calendars.js'
import { coveredCalendar } from '../reading/covered-calendar.js'
import type { Timers } from '../tools/timers.js'

/** Hovers on their way to Redis or to the database. Past it one is told here only, and counted. */
const sharesUnderwayMax = 256
/** While Redis is out a hover becomes a row so often, for each viewer. */
const rowIntervalMs = 1_000
/** Viewers whose last row is remembered, and that wait for their next. Past it one may get a row early, or none. */
const viewersMax = 20_000
const stopBoundMs = 1_000

/**
 * Hovers: "somebody is looking at this". Never part of a promise, so nobody waits for a store: an answer means that
 * everybody connected here was told, and that the others are being told.
 *
 * The way to the other instances is Redis; while it is out, rows in the database, about one a second for each viewer.
 * Of what comes in between the last one waits for its turn, for that is often the end of the hover, and the others
 * are seen here only. A hover ends with `slot: null`, when its session locks the slot, or
 * when its connection goes; whatever fails to end it, it is over after its time.
 *
 * A slot that has begun may be hovered over: people look at their past appointments too.
 */
export class Selecting {
  readonly #store: LockStore
  readonly #feed: LiveFeed
  readonly #fastPath: FastPath
  readonly #calendars: CalendarDirectory
  readonly #limits: Pick<Limits, 'selectionTtlMs'>
  readonly #tagOf: TagOf
  readonly #alone: boolean
  readonly #timers: Timers
  /** When a viewer's hover last became a row; a tag is another one in each calendar. */
  readonly #rowAt = new LRUCache<ViewerTag, number>({ max: viewersMax })
  /** What becomes a row when the viewer's second is over, and how to forget it. */
  readonly #next = new Map<ViewerTag, { selection: Selection; cancel: () => void }>()
  readonly #shares = new Set<Promise<void>>()
  #stopListening = (): void => {}
  /** Hovers that other instances were not told of. */
  kept = 0

  constructor(parts: {
    store: LockStore
    feed: LiveFeed
    fastPath: FastPath
    calendars: CalendarDirectory
    limits: Pick<Limits, 'selectionTtlMs'>
    tagOf: TagOf
    /** There is no other instance to tell. */
    alone: boolean
    timers: Timers
  }) {
    this.#store = parts.store
    this.#feed = parts.feed
    this.#fastPath = parts.fastPath
    this.#calendars = parts.calendars
    this.#limits = parts.limits
    this.#tagOf = parts.tagOf
    this.#alone = parts.alone
    this.#timers = parts.timers
  }

  start(): void {
    this.#stopListening = this.#feed.listen((event, origin) => this.#hear(event, origin))
  }

  /** Waits for what is on its way, a second at most. */
  async stop(): Promise<void> {
    this.#stopListening()
    for (const { selection, cancel } of this.#next.values()) {
      cancel()
      this.#start(() => this.#keepRow(selection))
    }
    this.#next.clear()
    let cancel = (): void => {}
    const bound = new Promise<void>(resolve => {
      cancel = this.#timers.after(stopBoundMs, resolve)
    })
    await Promise.race([Promise.all(this.#shares), bound])
    cancel()
  }

  handlers(): Pick<Handlers, 'select' | 'unselect'> {
    return {
      select: async (caller, { calendar: name, slot: text }) => {
        const session = sessionOf(caller)
        if (!session.ok) return session
        const found = await coveredCalendar(caller, this.#calendars, name)
        if (!found.ok) return found
        const { calendar, grid } = found.value
        if (text === null) {
          this.#put(session.value, calendar, null)
          return done({ slot: null, expiresInMs: 0 })
        }
        const slot = parseSlotId(text)
        if (slot === undefined) {
          return invalid('slot', 'is no slot: <resource>/<start>, the start in UTC like 2026-01-15T14:00Z')
        }
        if (!grid.has(slot)) return slotsNotFound([{ field: 'slot', slot: slot.id }])
        this.#put(session.value, calendar, slot.id)
        return done({ slot: slot.id, expiresInMs: this.#limits.selectionTtlMs })
      },

      unselect: async (caller, { calendar: name }) => {
        const session = sessionOf(caller)
        if (!session.ok) return session
        const calendar = parseCalendarId(name)
        if (calendar === undefined || (await this.#calendars.find(calendar)) === undefined) {
          return calendarNotFound(name)
        }
        this.#put(session.value, calendar, null)
        return done({ slot: null, expiresInMs: 0 })
      }
    }
  }

  #hear(event: FeedEvent, origin: Origin): void {
    // The instance that granted the lock ends the hover for everybody; twenty saying so would be noise.
    if (event.kind !== 'slots' || origin !== 'here') return
    for (const row of event.rows) {
      if (row.state !== 'locked' || row.owner === null) continue
      const known = this.#feed.selectionOf(row.calendar, this.#tagOf(row.owner, row.calendar))
      if (known?.slot === row.slot) this.#put(row.owner, row.calendar, null)
    }
  }

  #put(session: SessionId, calendar: CalendarId, slot: Selection['slot']): void {
    const selection: Selection = {
      calendar,
      viewer: this.#tagOf(session, calendar),
      slot,
      seq: this.#store.nextVersion(),
      expiresAt: this.#store.nowMs() + Math.min(this.#limits.selectionTtlMs, selectionRowTtlMaxMs)
    }
    this.#feed.announceSelection(selection)
    if (this.#alone) return
    this.#start(() => this.#share(selection))
  }

  #start(share: () => Promise<void>): void {
    if (this.#shares.size >= sharesUnderwayMax) {
      this.kept += 1
      return
    }
    const underway = share().finally(() => this.#shares.delete(underway))
    this.#shares.add(underway)
  }

  async #share(selection: Selection): Promise<void> {
    const sent = await this.#fastPath.attempt(async lane => {
      await lane.putSelection(selection, this.#store.nowMs())
      return true
    })
    if (sent) {
      this.#forgetNext(selection)
      return
    }
    const leftMs = (this.#rowAt.get(selection.viewer) ?? 0) + rowIntervalMs - this.#store.nowMs()
    if (leftMs > 0) this.#wait(selection, leftMs)
    else await this.#keepRow(selection)
  }

  #wait(selection: Selection, forMs: number): void {
    const { viewer } = selection
    const before = this.#next.get(viewer)
    if (before !== undefined || this.#next.size >= viewersMax) this.kept += 1
    if (before !== undefined) {
      if (before.selection.seq < selection.seq) before.selection = selection
      return
    }
    if (this.#next.size >= viewersMax) return
    const cancel = this.#timers.after(forMs, () => {
      const next = this.#next.get(viewer)
      this.#next.delete(viewer)
      if (next !== undefined) this.#start(() => this.#share(next.selection))
    })
    this.#next.set(viewer, { selection, cancel })
  }

  #forgetNext({ viewer, seq }: Selection): void {
    const next = this.#next.get(viewer)
    if (next === undefined || next.selection.seq > seq) return
    next.cancel()
    this.#next.delete(viewer)
  }

  async #keepRow(selection: Selection): Promise<void> {
    this.#rowAt.set(selection.viewer, this.#store.nowMs())
    try {
      await this.#store.putSelection(selection)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.kept += 1
    }
  }
}
