import { isDeepStrictEqual } from 'node:util'
import { LRUCache } from 'lru-cache'
import type { CalendarDefinition } from '../../domain/calendar.js'
import { StoreBusy, StoreContractError, StoreError } from '../../domain/errors.js'
import { Grid } from '../../domain/grid.js'
import type { CalendarId } from '../../domain/ids.js'
import type { LockStore } from '../../domain/lock-store.js'

export interface CalendarDirectoryBounds {
  /** Past it the calendar that was used longest ago is read again when it is next asked for. */
  calendarsMax: number
  /** A definition older than this is read again, while the old one goes on being used. */
  freshMs: number
  /** A name that no calendar has is not looked for again for so long. */
  unknownMs: number
  unknownMax: number
  /** Names being looked for at once. Past it: StoreBusy. */
  readsMax: number
}

export const calendarDirectoryBounds: CalendarDirectoryBounds = {
  calendarsMax: 10_000,
  freshMs: 2_000,
  unknownMs: 1_000,
  unknownMax: 10_000,
  readsMax: 64
}

interface Entry {
  readonly grid: Grid
  /** Monotonic time of the last read, or attempt at one. */
  readAt: number
  /** It is known to have changed: the next one who asks waits for the new one. */
  changed: boolean
}

/**
 * The definitions of calendars, each with its grid, as last read from the store.
 *
 * A definition changes a few times a year and is needed for every request, so a request does not wait for it: what is
 * older than two seconds is read again in the background. That bounds how long this instance can miss a change that
 * it was not told of; a change that it was told of counts at once. While the database is out the last known
 * definition goes on being used, for opening hours are no promise to anybody: the row of the slot is.
 *
 * A definition that is stored and cannot be read (its time zone is unknown to this runtime, its JSON is cut off) is a
 * broken contract of the store. Whatever a read in the background throws is counted and kept, and the old grid stays:
 * nobody waits for such a read, so nobody could catch it.
 *
 * A flood of names that do not exist reaches the database as `readsMax` reads at a time, and each name once a second.
 */
export class CalendarDirectory {
  readonly #store: Pick<LockStore, 'readCalendar' | 'listCalendars'>
  readonly #monotonic: () => number
  readonly #bounds: CalendarDirectoryBounds
  readonly #entries: LRUCache<CalendarId, Entry>
  readonly #unknownAt: LRUCache<CalendarId, number>
  readonly #reads = new Map<CalendarId, Promise<Grid | undefined>>()
  #list: { definitions: CalendarDefinition[]; readAt: number } | undefined
  /** Reads in the background that failed, for whatever reason, and why the last one did. */
  failedBehind = 0
  lastErrorBehind: unknown
  #listRead: Promise<CalendarDefinition[]> | undefined

  constructor(
    store: Pick<LockStore, 'readCalendar' | 'listCalendars'>,
    monotonic: () => number,
    bounds: CalendarDirectoryBounds = calendarDirectoryBounds
  ) {
    this.#store = store
    this.#monotonic = monotonic
    this.#bounds = bounds
    this.#entries = new LRUCache({ max: bounds.calendarsMax })
    this.#unknownAt = new LRUCache({ max: bounds.unknownMax })
  }

  /** The grid carries its definition. undefined: there is no such calendar. Throws StoreError when nothing is known of it. */
  async find(calendar: CalendarId): Promise<Grid | undefined> {
    const entry = this.#entries.get(calendar)
    if (entry === undefined) {
      const unknownAt = this.#unknownAt.get(calendar)
      if (unknownAt !== undefined && this.#monotonic() - unknownAt < this.#bounds.unknownMs) return undefined
      return await this.#read(calendar)
    }
    const stale = this.#monotonic() - entry.readAt >= this.#bounds.freshMs
    if (!stale && !(entry.changed && this.#reads.has(calendar))) return entry.grid
    const read = this.#read(calendar)
    if (entry.changed) return await read.catch(error => lastKnown(error, entry.grid))
    read.catch((error: unknown) => {
      this.failedBehind += 1
      this.lastErrorBehind = error
    })
    return entry.grid
  }

  /** All definitions, by id. While the database is out: those last read, if any were. */
  async list(): Promise<readonly CalendarDefinition[]> {
    const known = this.#list
    if (known !== undefined && this.#monotonic() - known.readAt < this.#bounds.freshMs) {
      return known.definitions
    }
    this.#listRead ??= this.#readList()
    return await this.#listRead.catch(error => lastKnown(error, known?.definitions))
  }

  /** The calendar was defined anew, here or on another instance. */
  forget(calendar: CalendarId): void {
    this.#unknownAt.delete(calendar)
    // a read that is under way may bring the old definition; who asks from now on must not get that one
    this.#reads.delete(calendar)
    this.#listRead = undefined
    if (this.#list !== undefined) this.#list.readAt = Number.NEGATIVE_INFINITY
    const entry = this.#entries.peek(calendar)
    if (entry !== undefined) {
      entry.changed = true
      entry.readAt = Number.NEGATIVE_INFINITY
    }
  }

  #read(calendar: CalendarId): Promise<Grid | undefined> {
    const underWay = this.#reads.get(calendar)
    if (underWay !== undefined) return underWay
    if (this.#reads.size >= this.#bounds.readsMax) {
      return Promise.reject(new StoreBusy(`${this.#bounds.readsMax} calendars are being read`))
    }
    const read: Promise<Grid | undefined> = this.#readNow(calendar, () => this.#reads.get(calendar) === read)
    this.#reads.set(calendar, read)
    const over = (): void => {
      if (this.#reads.get(calendar) === read) this.#reads.delete(calendar)
    }
    read.then(over, over)
    return read
  }

  async #readNow(calendar: CalendarId, isCurrent: () => boolean): Promise<Grid | undefined> {
    const known = this.#entries.peek(calendar)
    // counted from the attempt: a database that is out is asked every two seconds, not with each request
    if (known !== undefined) known.readAt = this.#monotonic()
    const definition = await this.#store.readCalendar(calendar).catch(unreadable)
    if (definition === undefined) {
      if (!isCurrent()) return undefined
      this.#entries.delete(calendar)
      this.#unknownAt.set(calendar, this.#monotonic())
      return undefined
    }
    // a grid remembers what it worked out; the same definition again is no reason to forget it
    const same = known !== undefined && isDeepStrictEqual(known.grid.definition, definition)
    const grid = same ? known.grid : gridOf(definition)
    if (isCurrent()) {
      this.#unknownAt.delete(calendar)
      this.#entries.set(calendar, { grid, readAt: this.#monotonic(), changed: false })
    }
    return grid
  }

  #readList(): Promise<CalendarDefinition[]> {
    const isCurrent = (): boolean => this.#listRead === read
    const read = this.#store
      .listCalendars()
      .then(all => {
        const definitions = all.sort((a, b) => (a.id < b.id ? -1 : 1))
        if (isCurrent()) this.#list = { definitions, readAt: this.#monotonic() }
        return definitions
      })
      .catch(unreadable)
      .finally(() => {
        if (isCurrent()) this.#listRead = undefined
      })
    return read
  }
}

function gridOf(definition: CalendarDefinition): Grid {
  try {
    return new Grid(definition)
  } catch (error) {
    return unreadable(error)
  }
}

/** RangeError is what Grid and Temporal say of a zone or a date, SyntaxError what JSON does. */
function unreadable(error: unknown): never {
  if (error instanceof RangeError || error instanceof SyntaxError) {
    throw new StoreContractError(`a stored calendar cannot be read: ${error.message}`, { cause: error })
  }
  throw error
}

/** What was known before, if the store is what failed; a bug stays a bug. */
function lastKnown<T>(error: unknown, known: T | undefined): T {
  if (error instanceof StoreError && known !== undefined) return known
  throw error
}
