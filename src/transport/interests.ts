import type { CalendarId } from '../domain/ids.js'
import { operations } from '../protocol/operations.js'
import { check } from '../protocol/validate.js'
import type { Caller } from '../service/callers/caller.js'
import { refusedAccess, type ServedOperation } from './dispatch.js'
import { calendarsPerConnectionMax } from './settings.js'

/**
 * The calendar that a good watch or hover is about. Anything else is for the dispatcher, which will refuse it; until it
 * has, a stranger must not be among those who are told.
 */
export function interestOf(
  operation: ServedOperation,
  params: object,
  caller: Caller
): CalendarId | undefined {
  if (operation !== 'readSlots' && operation !== 'staffLocks' && operation !== 'select') return undefined
  if (refusedAccess(operations[operation].access, caller) !== undefined) return undefined
  // the host reads the list; what follows it is the audit trail, which is for staff
  if (operation === 'staffLocks' && caller.role === 'host') return undefined
  const checked = check(operations[operation].params, params)
  if (!checked.ok) return undefined
  const calendar = checked.value.calendar as CalendarId
  return caller.calendars === undefined || caller.calendars.includes(calendar) ? calendar : undefined
}

interface Watch {
  /** Snapshots of it that are being read. */
  pending: number
  /** One of them was answered: the client counts on the pushes. */
  confirmed: boolean
}

/**
 * Calendars that are watched. A watch begins before its snapshot is read, so that no change falls between the two. If
 * the read is refused it ends again, unless another read of the same calendar is on its way or was answered before.
 */
export class Watches {
  readonly #watched = new Map<CalendarId, Watch>()

  get calendars(): Iterable<CalendarId> {
    return this.#watched.keys()
  }

  /** NEW: nobody watched it here before. FULL: it would be one too many, and nothing was done. */
  begin(calendar: CalendarId, watchesMax: number): 'NEW' | 'KNOWN' | 'FULL' {
    const known = this.#watched.get(calendar)
    if (known !== undefined) {
      known.pending++
      return 'KNOWN'
    }
    if (this.#watched.size >= watchesMax) return 'FULL'
    this.#watched.set(calendar, { pending: 1, confirmed: false })
    return 'NEW'
  }

  /** The snapshot was read or refused. ENDED: nobody is interested any more. */
  end(calendar: CalendarId, answered: boolean): 'GOES_ON' | 'ENDED' {
    const watch = this.#watched.get(calendar)
    // Unwatched while its snapshot was on the way.
    if (watch === undefined) return 'GOES_ON'
    watch.pending--
    watch.confirmed ||= answered
    if (watch.confirmed || watch.pending > 0) return 'GOES_ON'
    this.#watched.delete(calendar)
    return 'ENDED'
  }

  /** False: it was not watched. */
  drop(calendar: CalendarId): boolean {
    return this.#watched.delete(calendar)
  }
}

/**
 * The calendars that one connection watches, and those it hovers in. Nothing is made until there is one: most of ten
 * thousand idle sockets watch a single calendar, hover nowhere and are no staff.
 */
export class Interests {
  #watches: Watches | undefined
  #staff: Watches | undefined
  #hovered: Set<CalendarId> | undefined

  get watches(): Watches {
    this.#watches ??= new Watches()
    return this.#watches
  }

  /** Watched as staff do. */
  get staff(): Watches {
    this.#staff ??= new Watches()
    return this.#staff
  }

  get hovered(): Iterable<CalendarId> {
    return this.#hovered ?? []
  }

  hovers(calendar: CalendarId): boolean {
    return this.#hovered?.has(calendar) === true
  }

  /** Whether another hover would be one too many. */
  hoversFull(calendar: CalendarId): boolean {
    return !this.hovers(calendar) && (this.#hovered?.size ?? 0) >= calendarsPerConnectionMax
  }

  hover(calendar: CalendarId): void {
    this.#hovered ??= new Set()
    this.#hovered.add(calendar)
  }

  unhover(calendar: CalendarId): void {
    this.#hovered?.delete(calendar)
  }
}
