import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/clock.js'
import { StoreContractError, StoreError } from '../../domain/errors.js'
import type { Grid } from '../../domain/grid.js'
import type { CalendarId } from '../../domain/ids.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { Selection, SlotRow } from '../../domain/slot.js'
import type { SelectionView, SlotState } from '../../protocol/schemas.js'
import { done, type Handlers } from '../answers/refusal.js'
import { selectionView, slotState, type TagOf } from '../answers/views.js'
import type { LiveFeed } from '../live/feed.js'
import type { Hovers } from '../live/hovers.js'
import { Cycle } from '../tools/cycle.js'
import { SharedReads } from '../tools/shared-reads.js'
import type { Timers } from '../tools/timers.js'
import type { CachedRows } from './cached-rows.js'
import type { CalendarDirectory } from './calendars.js'
import { type DateRange, dateRangeOf } from './date-range.js'
import { readWholeCalendar } from './whole-calendar.js'

export interface Snapshot {
  slots: SlotState[]
  selections: SelectionView[]
  serverTime: number
}

/** A snapshot, and whether it is of now; else it is of the last time that the database answered. */
export interface Reading {
  snapshot: Snapshot
  current: boolean
}

/** Different ranges being read at once. */
const readsMax = 256
/** Rows of the last readings, for the time that the database is out: some 40 MB. */
const rowsKeptMax = 200_000
/** A row with its strings and its place in the cache, about. */
const bytesPerRow = 200
/** Calendars of which an old snapshot was given out, to be made good. Past it the clients' own re-reading has to do. */
const outdatedMax = 1_000
const outdatedRetryMs = 1_000

/**
 * Reads the slots of some days: those of the grid with what the rows say of them, and what is taken outside of it,
 * which a definition that was changed later leaves behind.
 *
 * A thousand clients that come back together and ask for the same days share two readings, and the views made of
 * them. Each answer was read after its request had come.
 *
 * While the database is out, or has no room (a frozen one looks like that, once its connections are all waiting), the
 * last reading of the same days is given, if there is one. It may be older than what
 * was told about the calendar since, and nobody would tell that again; so those calendars are noted, and told as a
 * whole as soon as the database answers.
 */
export class SlotReader {
  readonly #store: LockStore
  readonly #feed: LiveFeed
  readonly #hovers: Hovers
  readonly #calendars: CalendarDirectory
  readonly #rowsOf: Pick<CachedRows, 'rows'>
  readonly #tagOf: TagOf
  readonly #readings = new SharedReads<Reading>(readsMax)
  readonly #gridNumbers = new WeakMap<Grid, number>()
  #gridsMet = 0
  readonly #kept = new LRUCache<string, SlotRow[]>({
    maxSize: rowsKeptMax,
    sizeCalculation: rows => rows.length + 1
  })
  readonly #outdated = new Set<CalendarId>()
  readonly #cycle: Cycle
  #givenFromMemory = 0

  constructor(parts: {
    store: LockStore
    feed: LiveFeed
    hovers: Hovers
    calendars: CalendarDirectory
    rows: Pick<CachedRows, 'rows'>
    tagOf: TagOf
    clock: Clock
    timers: Timers
  }) {
    this.#store = parts.store
    this.#feed = parts.feed
    this.#hovers = parts.hovers
    this.#calendars = parts.calendars
    this.#rowsOf = parts.rows
    this.#tagOf = parts.tagOf
    this.#cycle = new Cycle(parts, () => this.#makeGood())
  }

  start(): void {
    this.#cycle.start(outdatedRetryMs)
  }

  async stop(): Promise<void> {
    await this.#cycle.stop()
  }

  handlers(): Pick<Handlers, 'readSlots'> {
    return {
      readSlots: async (caller, params) => {
        const range = await dateRangeOf(caller, this.#calendars, params)
        if (!range.ok) return range
        const { calendar, from, to, grid } = range.value
        const you = caller.session === undefined ? {} : { you: this.#tagOf(caller.session, calendar) }
        const { timeZone } = grid.definition
        return done({ calendar, from, to, timeZone, ...you, ...(await this.snapshot(range.value)) })
      }
    }
  }

  /** Shared between those who ask; not to be changed. Throws StoreError. */
  async snapshot(range: DateRange): Promise<Snapshot> {
    return (await this.reading(range)).snapshot
  }

  /**
   * Like `snapshot`. Who asks right after a calendar was defined anew has another grid, and shares no reading with
   * those who came with the old one.
   */
  reading(range: DateRange): Promise<Reading> {
    const key = `${rowsKeyOf(range)} ${this.#gridNumber(range.grid)}`
    return this.#readings.get(key, () => this.#read(range))
  }

  /** What this process shares and keeps by itself: answers that another's reading gave, readings, and the last rows. */
  get own(): { shared: number; read: number; keys: number; bytes: number } {
    return {
      shared: this.#readings.shared + this.#givenFromMemory,
      read: this.#readings.read - this.#givenFromMemory,
      keys: this.#kept.size,
      bytes: this.#kept.calculatedSize * bytesPerRow
    }
  }

  #gridNumber(grid: Grid): number {
    const known = this.#gridNumbers.get(grid)
    if (known !== undefined) return known
    this.#gridsMet += 1
    this.#gridNumbers.set(grid, this.#gridsMet)
    return this.#gridsMet
  }

  async #read(range: DateRange): Promise<Reading> {
    const [{ rows, current }, hovers] = await Promise.all([
      this.#rows(range),
      this.#hovers.live(range.calendar)
    ])
    const nowMs = this.#store.nowMs()
    const snapshot = {
      slots: slotsOf(range, rows, nowMs, this.#tagOf),
      selections: hovers.map((hover: Selection) => selectionView(hover, nowMs)),
      serverTime: Math.floor(nowMs)
    }
    return { snapshot, current }
  }

  async #rows(range: DateRange): Promise<{ rows: SlotRow[]; current: boolean }> {
    const key = rowsKeyOf(range)
    try {
      const rows = await this.#rowsOf.rows(range.calendar, range.fromMs, range.toMs)
      this.#kept.set(key, rows)
      return { rows, current: true }
    } catch (error) {
      const kept = isOutage(error) ? this.#kept.get(key) : undefined
      if (kept === undefined) throw error
      this.#givenFromMemory += 1
      if (this.#outdated.size < outdatedMax) this.#outdated.add(range.calendar)
      return { rows: kept, current: false }
    }
  }

  async #makeGood(): Promise<number> {
    try {
      for (const calendar of this.#outdated) {
        const rows = this.#feed.isWatched(calendar) ? await readWholeCalendar(this.#store, calendar) : []
        this.#outdated.delete(calendar)
        this.#feed.retell(calendar, rows)
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
    }
    return outdatedRetryMs
  }
}

/** The database could not answer; what was known before may. A store that answers nonsense is a bug and no outage. */
export const isOutage = (error: unknown): boolean =>
  error instanceof StoreError && !(error instanceof StoreContractError)

/** Without the definition: rows are the same whatever the opening hours are. */
const rowsKeyOf = ({ calendar, fromMs, toMs }: DateRange): string => `${calendar} ${fromMs} ${toMs}`

/** In the order of the grid, then what is taken outside of it. On an open grid only what is not free. */
function slotsOf(range: DateRange, rows: readonly SlotRow[], nowMs: number, tagOf: TagOf): SlotState[] {
  const bySlot = new Map(rows.map(row => [row.slot, row]))
  const states: SlotState[] = range.grid.slotsBetween(range.from, range.to).map(({ slot }) => {
    const row = bySlot.get(slot)
    if (row === undefined) return { slot, state: 'free', ver: 0 }
    bySlot.delete(slot)
    return slotState(row, nowMs, tagOf)
  })
  const outside = [...bySlot.values()].filter(row => row.state !== 'free')
  outside.sort((a, b) => (a.slot < b.slot ? -1 : 1))
  for (const row of outside) states.push(slotState(row, nowMs, tagOf))
  return states
}
