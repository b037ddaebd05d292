import type { CalendarId, SessionId, SlotId, ViewerTag } from '../../domain/ids.js'
import type { UtcDay } from '../../domain/row-cache.js'

/**
 * The only file that spells a key or a channel. lua/README.md has the same list as a table.
 *
 * Everything of one calendar carries the hash tag `{calendar}`: in a cluster it lives in one place, and a script may
 * touch several of its keys.
 */
export class RedisKeys {
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  slot(calendar: CalendarId, slot: SlotId): string {
    return `${this.#prefix}{${calendar}}:lock:${slot}`
  }

  generation(calendar: CalendarId): string {
    return `${this.#prefix}{${calendar}}:gen`
  }

  selection(calendar: CalendarId, viewer: ViewerTag): string {
    return this.selectionPrefix(calendar) + viewer
  }

  selectionPrefix(calendar: CalendarId): string {
    return `${this.#prefix}{${calendar}}:selection:`
  }

  selections(calendar: CalendarId): string {
    return `${this.#prefix}{${calendar}}:selections`
  }

  /** The rows of one day of a calendar. */
  day(calendar: CalendarId, day: UtcDay): string {
    return this.dayPrefix(calendar) + day
  }

  dayPrefix(calendar: CalendarId): string {
    return `${this.#prefix}{${calendar}}:day:`
  }

  /** What is noted about the days of all calendars. */
  daysRead(): string {
    return `${this.#prefix}{days}:read`
  }

  daySizes(): string {
    return `${this.#prefix}{days}:sizes`
  }

  dayCounts(): string {
    return `${this.#prefix}{days}:counts`
  }

  probe(instance: string): string {
    return `${this.#prefix}{probe:${instance}}`
  }

  /** All of them in one place, so that one call may add to many. */
  count(name: string): string {
    return `${this.#prefix}{limits}:${name}`
  }

  calendarEvents(calendar: CalendarId): string {
    return `${this.#prefix}{${calendar}}:events`
  }

  /** Every instance listens: it may have read the definition of a calendar that it does not watch. */
  definitionEvents(): string {
    return `${this.#prefix}definitions`
  }

  /** Every instance listens: a token is good at each of them. */
  revocationEvents(): string {
    return `${this.#prefix}revocations`
  }

  sessionEvents(session: SessionId): string {
    return `${this.#prefix}session:${bucketOf(session)}`
  }

  /** What an instance listens to whoever is connected to it. */
  always(instance: string): string[] {
    return [this.heartbeat(instance), this.definitionEvents(), this.revocationEvents()]
  }

  /** This instance's own; nobody else listens. */
  heartbeat(instance: string): string {
    return `${this.#prefix}heartbeat:${instance}`
  }
}

/** How many channels carry the events of all sessions. */
export const sessionBuckets = 1024

/**
 * One channel for each session would be a subscription for each visitor and a SUBSCRIBE for each page view. With
 * buckets there are at most 1024, an instance listens to those of its own visitors, and hears a few strangers'.
 *
 * FNV-1a, 32 bits: spreads well, needs no library, and every instance computes the same.
 */
export function bucketOf(session: SessionId): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < session.length; i++) {
    hash = Math.imul(hash ^ session.charCodeAt(i), 0x01000193)
  }
  return (hash >>> 0) % sessionBuckets
}
