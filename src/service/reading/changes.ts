import { type CalendarId, parseSlotId, type SlotId } from '../../domain/ids.js'
import { type LockStore, rowsPerReadingMax } from '../../domain/lock-store.js'
import type { Selection, SlotRow } from '../../domain/slot.js'
import type { ParamsOf, ResultOf } from '../../protocol/operations.js'
import { done, type Handlers, invalid, type Outcome } from '../answers/refusal.js'
import { selectionView, slotState, type TagOf } from '../answers/views.js'
import type { Caller } from '../callers/caller.js'
import type { FeedEvent, LiveFeed } from '../live/feed.js'
import type { Hovers } from '../live/hovers.js'
import type { SeenChanges } from '../live/seen-changes.js'
import { SharedReads } from '../tools/shared-reads.js'
import type { Timers } from '../tools/timers.js'
import type { CalendarDirectory } from './calendars.js'
import { type Cursor, cursorText, digestOf, parseCursor, rangeDigestOf } from './cursor.js'
import { type DateRange, dateRangeOf } from './date-range.js'
import { isOutage, type SlotReader } from './reading.js'

/** By this age of a row, every statement that could still bring it to light has ended; the tail says why. */
const overlapMs = 3_000
/**
 * A snapshot may come from a copy, and lack what the tail has not read yet: changes that began at most so much before a
 * window would begin. So the window that goes with a snapshot begins so much earlier.
 */
const copyBehindMs = 3_000
/** While a window is younger it is read again as it is; later a shorter one begins, or news would repeat it all. */
const windowKeptMs = 10_000
/** A cursor older than this gets everything: its window may hold more than the calendar has slots. */
const cursorAgeMaxMs = 3_600_000
/** A cursor from so far ahead is none of ours. */
const cursorAheadMaxMs = 60_000
/** Polls that wait at once. Past it a poll is answered at once, as if it had not asked to wait. */
const waitingMax = 2_000
/** After the first news: what comes with it goes in the same answer. */
const gatherMs = 15
/** Different windows being read at once. */
const readsMax = 256

/** How long a poll may wait, and the signal that its client has hung up: then its place is for the next one. */
interface Patience {
  waitMs: number
  left: AbortSignal | undefined
}
const noPatience: Patience = { waitMs: 0, left: undefined }

type Answer = Outcome<ResultOf<'readChanges'>>
type Window = Map<SlotId, SlotRow>

/** Older than any age that is gone on from: the next poll with it gets everything. */
const fromTheBeginning = { sinceMs: 0, digest: digestOf(new Map()), seq: 0 }

/** One poll that waits: what it has, and what came since. */
interface Waiter {
  range: DateRange
  rows: Window
  /** undefined: nothing yet. */
  wake: (() => void) | undefined
  news: boolean
}

/**
 * Polling for changes, for clients without a WebSocket. A poll reads the window that its cursor names; if it holds
 * nothing that the client does not have, the poll waits on the live feed, and is answered from what the feed brings
 * without asking the database again.
 *
 * While the database is out, who waits goes on waiting on the feed, under the cursor they came with, and everybody
 * else gets the last reading of their days, under a cursor that brings everything with the next poll. Who comes with
 * that one and the wish to wait waits too: answered at once, they would be back at once.
 *
 * A few rows may come twice, which the version rule makes harmless; none is left out.
 */
export class ChangesReader {
  readonly #store: LockStore
  readonly #feed: LiveFeed
  readonly #hovers: Hovers
  readonly #reader: SlotReader
  readonly #seen: Pick<SeenChanges, 'learn'> | undefined
  readonly #calendars: CalendarDirectory
  readonly #tagOf: TagOf
  readonly #timers: Timers
  readonly #windows = new SharedReads<Window>(readsMax)
  readonly #waiters = new Map<CalendarId, Set<Waiter>>()
  #waiting = 0
  #stopped = false
  #stopListening = (): void => {}

  constructor(parts: {
    store: LockStore
    feed: LiveFeed
    hovers: Hovers
    reader: SlotReader
    /** Absent: snapshots are not from copies. */
    seen?: Pick<SeenChanges, 'learn'> | undefined
    calendars: CalendarDirectory
    tagOf: TagOf
    timers: Timers
  }) {
    this.#store = parts.store
    this.#feed = parts.feed
    this.#hovers = parts.hovers
    this.#reader = parts.reader
    this.#seen = parts.seen
    this.#calendars = parts.calendars
    this.#tagOf = parts.tagOf
    this.#timers = parts.timers
  }

  start(): void {
    this.#stopListening = this.#feed.listen(event => this.#hear(event))
  }

  /** Who waits is answered now. */
  stop(): void {
    this.#stopped = true
    this.#stopListening()
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter.wake?.()
  }

  get waiting(): number {
    return this.#waiting
  }

  handlers(): Pick<Handlers, 'readChanges'> {
    return { readChanges: (caller, params) => this.#poll(caller, params) }
  }

  async #poll(caller: Caller, params: ParamsOf<'readChanges'>): Promise<Answer> {
    const range = await dateRangeOf(caller, this.#calendars, params)
    if (!range.ok) return range
    if (params.since === undefined) return await this.#everything(range.value)
    const cursor = parseCursor(params.since)
    const ageMs = this.#store.nowMs() - (cursor?.sinceMs ?? 0)
    if (cursor === undefined || ageMs < -cursorAheadMaxMs)
      return invalid('since', 'is no cursor of this service')
    const patience = { waitMs: (params.wait ?? 0) * 1_000, left: caller.left }
    if (cursor.range !== rangeDigestOf(range.value)) return await this.#everything(range.value)
    if (ageMs > cursorAgeMaxMs) return await this.#everything(range.value, patience)
    return await this.#since(range.value, cursor, patience)
  }

  /**
   * The window is read first: what changes in between is in the snapshot and comes once more with the next poll. The
   * cursor says that all of the window is known, so a snapshot that lacks any of it must not be given.
   */
  async #everything(range: DateRange, inOutage = noPatience): Promise<Answer> {
    const sinceMs = this.#windowStart() - (this.#seen === undefined ? 0 : copyBehindMs)
    const window = await this.#window(range, sinceMs).catch(ofOutage)
    if (window !== undefined) this.#seen?.learn([...window.values()])
    if (window === undefined) await this.#sitOut(range, inOutage)
    const [{ snapshot, current }, hovers] = await Promise.all([
      this.#reader.reading(range),
      this.#hovers.newest(range.calendar)
    ])
    const whole = window !== undefined && current
    const cursor = whole ? { sinceMs, digest: digestOf(window), seq: 0 } : fromTheBeginning
    return this.#answer(range, snapshot.slots, hovers, cursor)
  }

  /** Until the feed brings something, which it does at the latest when what was given from memory is made good. */
  async #sitOut(range: DateRange, patience: Patience): Promise<void> {
    const waiter = this.#waiter(range, patience)
    if (waiter === undefined) return
    this.#add(waiter)
    try {
      await this.#wait(waiter, patience)
    } finally {
      this.#remove(waiter)
    }
  }

  /** undefined: this poll does not wait. */
  #waiter(range: DateRange, { waitMs }: Patience): Waiter | undefined {
    if (waitMs <= 0 || this.#waiting >= waitingMax || this.#stopped) return undefined
    return { range, rows: new Map(), wake: undefined, news: false }
  }

  async #since(range: DateRange, cursor: Cursor, patience: Patience): Promise<Answer> {
    const waiter = this.#waiter(range, patience)
    // From before the reading, so that nothing falls between the two.
    if (waiter !== undefined) this.#add(waiter)
    try {
      // The shorter window first: what the longer one shows as known is then known of this one too.
      const old = this.#store.nowMs() - cursor.sinceMs > overlapMs + windowKeptMs
      const sinceMs = old ? this.#windowStart() : cursor.sinceMs
      const recent = old ? await this.#window(range, sinceMs).catch(ofOutage) : undefined
      const [window, hovers] = await Promise.all([
        old && recent === undefined ? undefined : this.#window(range, cursor.sinceMs).catch(ofOutage),
        this.#hovers.newest(range.calendar)
      ])
      const hoversKnown = hovers.every(({ seq }) => seq <= cursor.seq)
      if (window === undefined) {
        return waiter === undefined
          ? await this.#everything(range)
          : await this.#fromFeed(waiter, hoversKnown, cursor, patience)
      }
      // Cut off: what is behind the cut would never come.
      if (window.size >= rowsPerReadingMax) return await this.#everything(range)
      const base = recent ?? window
      const known = digestOf(window) === cursor.digest && hoversKnown
      if (!known || waiter === undefined) {
        const slots = known ? [] : this.#states(window)
        return this.#answer(range, slots, hovers, { sinceMs, digest: digestOf(base), seq: cursor.seq })
      }
      await this.#wait(waiter, patience)
      const merged = new Map(base)
      for (const [slot, row] of waiter.rows) {
        if (row.ver > (merged.get(slot)?.ver ?? -1)) merged.set(slot, row)
      }
      const now = await this.#hovers.newest(range.calendar)
      return this.#answer(range, this.#states(waiter.rows), now, {
        sinceMs,
        digest: digestOf(merged),
        seq: cursor.seq
      })
    } finally {
      if (waiter !== undefined) this.#remove(waiter)
    }
  }

  /** The database is out: what the feed brings is all there is, and the window is left to the next poll. */
  async #fromFeed(waiter: Waiter, hoversKnown: boolean, cursor: Cursor, patience: Patience): Promise<Answer> {
    if (!hoversKnown) waiter.news = true
    await this.#wait(waiter, patience)
    const hovers = await this.#hovers.newest(waiter.range.calendar)
    return this.#answer(waiter.range, this.#states(waiter.rows), hovers, cursor)
  }

  #answer(
    range: DateRange,
    slots: ResultOf<'readChanges'>['slots'],
    hovers: readonly Selection[],
    cursor: Omit<Cursor, 'range'>
  ): Answer {
    const nowMs = this.#store.nowMs()
    const seq = hovers.reduce((greatest, hover) => Math.max(greatest, hover.seq), cursor.seq)
    return done({
      slots,
      selections: hovers.map(hover => selectionView(hover, nowMs)),
      cursor: cursorText({ ...cursor, seq, range: rangeDigestOf(range) })
    })
  }

  #states(window: Window): ResultOf<'readChanges'>['slots'] {
    const nowMs = this.#store.nowMs()
    return [...window.values()].map(row => slotState(row, nowMs, this.#tagOf))
  }

  /** On a whole second, so that those who begin at about the same time share their readings from then on. */
  #windowStart(): number {
    return Math.floor((this.#store.nowMs() - overlapMs) / 1_000) * 1_000
  }

  #window(range: DateRange, sinceMs: number): Promise<Window> {
    const { calendar, fromMs, toMs } = range
    return this.#windows.get(`${calendar} ${fromMs} ${toMs} ${sinceMs}`, async () => {
      const { rows } = await this.#store.readCalendarChanges(calendar, sinceMs, fromMs, toMs)
      return new Map(rows.map(row => [row.slot, row]))
    })
  }

  async #wait(waiter: Waiter, patience: Patience): Promise<void> {
    if (!waiter.news) await this.#wokenWithin(waiter, patience)
    if (waiter.news && !this.#stopped) {
      waiter.wake = undefined
      await new Promise<void>(resolve => void this.#timers.after(gatherMs, resolve))
    }
  }

  #wokenWithin(waiter: Waiter, { waitMs, left }: Patience): Promise<void> {
    if (this.#stopped || left?.aborted) return Promise.resolve()
    return new Promise(resolve => {
      const wake = (): void => {
        cancel()
        left?.removeEventListener('abort', wake)
        resolve()
      }
      const cancel = this.#timers.after(waitMs, wake)
      left?.addEventListener('abort', wake)
      waiter.wake = wake
    })
  }

  #add(waiter: Waiter): void {
    const { calendar } = waiter.range
    const waiters = this.#waiters.get(calendar)
    if (waiters === undefined) this.#waiters.set(calendar, new Set([waiter]))
    else waiters.add(waiter)
    this.#waiting += 1
    this.#feed.watch(calendar)
  }

  #remove(waiter: Waiter): void {
    const { calendar } = waiter.range
    const waiters = this.#waiters.get(calendar)
    waiters?.delete(waiter)
    if (waiters?.size === 0) this.#waiters.delete(calendar)
    this.#waiting -= 1
    this.#feed.unwatch(calendar)
  }

  #hear(event: FeedEvent): void {
    if (event.kind === 'lock' || event.kind === 'expiring' || event.kind === 'revocation') return
    const waiters = this.#waiters.get(event.calendar)
    if (waiters === undefined) return
    for (const waiter of waiters) {
      if (event.kind === 'slots' && !gather(waiter, event.rows)) continue
      // A new definition has no row to bring; the next poll finds that its cursor is of another grid.
      waiter.news = true
      waiter.wake?.()
    }
  }
}

/** In the place of a window that the database could not be asked for. */
function ofOutage(error: unknown): undefined {
  if (!isOutage(error)) throw error
}

/** False: none of these are of the days that are waited for. */
function gather({ range, rows }: Waiter, changed: readonly SlotRow[]): boolean {
  let some = false
  for (const row of changed) {
    const startMs = parseSlotId(row.slot)?.startMs
    if (startMs === undefined || startMs < range.fromMs || startMs >= range.toMs) continue
    if (row.ver > (rows.get(row.slot)?.ver ?? -1)) rows.set(row.slot, row)
    some = true
  }
  return some
}
