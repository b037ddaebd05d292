import { StoreError } from '../../domain/errors.js'
import type { CalendarId } from '../../domain/ids.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { Selection } from '../../domain/slot.js'
import type { FastPath } from '../lane/fast-path.js'
import { SharedReads } from '../tools/shared-reads.js'
import type { LiveFeed } from './feed.js'

/** Calendars whose hovers are read at once. */
const readsMax = 64

/**
 * Who hovers where: what the feed heard, and what Redis has, or the database while Redis is out, from before this
 * instance listened. Best effort: a store that does not answer leaves what is known here.
 */
export class Hovers {
  readonly #store: LockStore
  readonly #feed: LiveFeed
  readonly #fastPath: FastPath
  readonly #alone: boolean
  readonly #reads = new SharedReads<readonly Selection[]>(readsMax)

  constructor(parts: {
    store: LockStore
    feed: LiveFeed
    fastPath: FastPath
    /** There is no other instance, and so nothing to read. */
    alone: boolean
  }) {
    this.#store = parts.store
    this.#feed = parts.feed
    this.#fastPath = parts.fastPath
    this.#alone = parts.alone
  }

  /** Of each viewer the newest, the ended ones (`slot: null`) included as far as they are known. */
  async newest(calendar: CalendarId): Promise<Selection[]> {
    const read = this.#alone ? [] : await this.#reads.get(calendar, () => this.#read(calendar)).catch(nothing)
    const newest = new Map(this.#feed.selections(calendar).map(selection => [selection.viewer, selection]))
    for (const selection of read) {
      const known = newest.get(selection.viewer)
      if (known === undefined || known.seq < selection.seq) newest.set(selection.viewer, selection)
    }
    const now = this.#store.nowMs()
    return [...newest.values()].filter(selection => selection.expiresAt > now)
  }

  /** Only those who look at a slot. */
  async live(calendar: CalendarId): Promise<Selection[]> {
    return (await this.newest(calendar)).filter(selection => selection.slot !== null)
  }

  async #read(calendar: CalendarId): Promise<readonly Selection[]> {
    if (this.#fastPath.open) {
      const fromRedis = await this.#fastPath.attempt(lane =>
        lane.readSelections(calendar, this.#store.nowMs())
      )
      return fromRedis ?? []
    }
    return await this.#store.readSelections(calendar)
  }
}

function nothing(error: unknown): Selection[] {
  if (error instanceof StoreError) return []
  throw error
}
