import type { AuditCursor } from '../../domain/audit.js'
import { auditPageMax } from '../../domain/audit.js'
import type { CalendarId, LockId } from '../../domain/ids.js'
import type { Limits } from '../../domain/limits.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { Selection } from '../../domain/slot.js'
import type { AuditEntryView, StaffLockView } from '../../protocol/schemas.js'
import { done, type Handlers, invalid } from '../answers/refusal.js'
import { auditEntryView, lockStateAt, selectionView, staffLockView, type TagOf } from '../answers/views.js'
import type { CalendarDirectory } from './calendars.js'
import { coveredCalendar } from './covered-calendar.js'
import { openRangeOf } from './date-range.js'

export interface StaffDeskDeps {
  store: LockStore
  calendars: CalendarDirectory
  limits: Limits
  tagOf: TagOf
  /** The live hovers of a calendar, as far as they are known. */
  selections: (calendar: CalendarId) => Promise<readonly Selection[]>
}

/** What happened in a calendar since somebody last looked. */
export interface StaffChanges {
  locks: StaffLockView[]
  ended: LockId[]
  feed: AuditEntryView[]
  /** Of the database's clock: up to there it is read. */
  reachedMs: number
  /** There is more; read on from `reachedMs`. */
  full: boolean
}

/** One reading of what is new. Fifteen hundred changes a second, of one calendar, fit into it. */
export const staffEntriesPerReadingMax = 5_000
const entriesPerPage = 100

/**
 * What staff see and visitors do not: who holds what, and who did what.
 *
 * The audit trail is where both come from while staff watch. Every change of a lock writes to it in the change's own
 * transaction, so who reads it from where it was read before has missed none, whichever instance made the change and
 * however the word of it travelled; and the locks it speaks of are read with it, as they are by then.
 */
export class StaffDesk {
  readonly #deps: StaffDeskDeps

  constructor(deps: StaffDeskDeps) {
    this.#deps = deps
  }

  handlers(): Pick<Handlers, 'staffLocks' | 'readAudit'> {
    const { store, calendars, limits, tagOf, selections } = this.#deps
    return {
      async staffLocks(caller, params) {
        const found = await coveredCalendar(caller, calendars, params.calendar)
        if (!found.ok) return found
        const { calendar } = found.value
        const [locks, hovers] = await Promise.all([store.readLiveLocks({ calendar }), selections(calendar)])
        const nowMs = store.nowMs()
        return done({
          locks: locks.map(lock => staffLockView(lock, limits, nowMs, tagOf)),
          selections: hovers.map(hover => selectionView(hover, nowMs))
        })
      },

      async readAudit(caller, params) {
        const { limit = entriesPerPage } = params
        const before = params.cursor === undefined ? undefined : parseAuditCursor(params.cursor)
        if (params.cursor !== undefined && before === undefined) return invalid('cursor', 'is none of ours')
        const range = await openRangeOf(caller, calendars, params)
        if (!range.ok) return range
        const { calendar, fromMs, toMs } = range.value
        const entries = await store.readAudit({
          calendar,
          fromMs,
          toMs,
          before,
          entriesMax: Math.min(limit, auditPageMax)
        })
        const last = entries.at(-1)
        return done({
          entries: entries.map(entry => auditEntryView(entry, tagOf)),
          ...(last === undefined || entries.length < limit ? {} : { cursor: auditCursorText(last) })
        })
      }
    }
  }

  nowMs(): number {
    return this.#deps.store.nowMs()
  }

  /** What came to light since `sinceMs`, but for the entries that are `known`. Throws StoreError. */
  async changesSince(
    calendar: CalendarId,
    sinceMs: number,
    known: ReadonlySet<number>
  ): Promise<StaffChanges> {
    const { store, limits, tagOf } = this.#deps
    const read = await store.readAuditSince({
      calendar,
      sinceMs,
      entriesMax: staffEntriesPerReadingMax,
      known
    })
    const nowMs = store.nowMs()
    const live = read.locks.filter(lock => lockStateAt(lock, nowMs) === 'held')
    const ended = read.locks.filter(lock => lockStateAt(lock, nowMs) !== 'held')
    return {
      locks: live.map(lock => staffLockView(lock, limits, nowMs, tagOf)),
      ended: ended.map(({ id }) => id),
      feed: read.entries.map(entry => auditEntryView(entry, tagOf)),
      reachedMs: read.reachedMs,
      full: read.full
    }
  }
}

const CURSOR = /^([0-9a-z]{1,11})-([0-9a-z]{1,11})$/

/** undefined: no cursor of ours. */
export function parseAuditCursor(text: string): AuditCursor | undefined {
  const [, at, id] = CURSOR.exec(text) ?? []
  if (at === undefined || id === undefined) return undefined
  const cursor = { at: Number.parseInt(at, 36), id: Number.parseInt(id, 36) }
  return Number.isSafeInteger(cursor.at) && Number.isSafeInteger(cursor.id) ? cursor : undefined
}

export const auditCursorText = ({ at, id }: AuditCursor): string => `${at.toString(36)}-${id.toString(36)}`
