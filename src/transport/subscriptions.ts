import type { CalendarId } from '../domain/ids.js'
import type { Caller } from '../service/callers/caller.js'
import type { ConnectionContext, Peer } from './connection-context.js'
import type { ServedOperation } from './dispatch.js'
import { Interests } from './interests.js'
import { calendarsPerConnectionMax } from './settings.js'

type Hubs = Pick<ConnectionContext, 'hub' | 'staffHub' | 'dropHover'>

/**
 * What one connection is told without asking: the calendars that it watches, as a visitor and as staff, and those it
 * hovers in. Keeps its own list and the hubs' in step.
 */
export class Subscriptions {
  readonly #interests = new Interests()
  readonly #member: Peer
  readonly #hubs: Hubs

  constructor(member: Peer, hubs: Hubs) {
    this.#member = member
    this.#hubs = hubs
  }

  hovers(calendar: CalendarId): boolean {
    return this.#interests.hovers(calendar)
  }

  /** Before the operation is carried out, so that nothing falls between its answer and the pushes. False: one too many. */
  begin(operation: ServedOperation, calendar: CalendarId): boolean {
    const interests = this.#interests
    if (operation === 'select') return !interests.hoversFull(calendar)
    const watches = operation === 'staffLocks' ? interests.staff : interests.watches
    const begun = watches.begin(calendar, calendarsPerConnectionMax)
    if (begun === 'NEW') {
      if (operation === 'staffLocks') this.#hubs.staffHub.watch(this.#member, calendar)
      else this.#hubs.hub.watch(this.#member, calendar)
    }
    return begun !== 'FULL'
  }

  /** After its answer. `gone`: the client left meanwhile. */
  end(
    operation: ServedOperation,
    calendar: CalendarId,
    { params, caller, ok, gone }: { params: object; caller: Caller; ok: boolean; gone: boolean }
  ): void {
    const { hub, staffHub, dropHover } = this.#hubs
    const interests = this.#interests
    switch (operation) {
      case 'readSlots':
        if (interests.watches.end(calendar, ok) === 'ENDED') hub.unwatch(this.#member, calendar)
        return
      case 'staffLocks':
        if (interests.staff.end(calendar, ok) === 'ENDED') staffHub.unwatch(this.#member, calendar)
        else if (ok) staffHub.listed(this.#member, calendar)
        return
      default:
        if (!ok) return
        if ((params as { slot?: unknown }).slot === null) interests.unhover(calendar)
        // nobody else would take it back
        else if (gone) dropHover(caller, calendar)
        else interests.hover(calendar)
    }
  }

  unwatch(type: 'unwatch' | 'staff-unwatch', calendar: CalendarId): void {
    const { hub, staffHub } = this.#hubs
    if (type === 'unwatch') {
      if (this.#interests.watches.drop(calendar)) hub.unwatch(this.#member, calendar)
    } else if (this.#interests.staff.drop(calendar)) {
      staffHub.unwatch(this.#member, calendar)
    }
  }

  /** The connection is gone; `caller` undefined: it had not got as far as a session. */
  drop(caller: Caller | undefined): void {
    const { hub, dropHover } = this.#hubs
    for (const calendar of [...this.#interests.watches.calendars]) this.unwatch('unwatch', calendar)
    for (const calendar of [...this.#interests.staff.calendars]) this.unwatch('staff-unwatch', calendar)
    if (caller?.session === undefined) return
    hub.leave(this.#member, caller.session)
    for (const calendar of this.#interests.hovered) {
      // The same visitor may be hovering in another tab; a selection belongs to the session, not to the socket.
      const elsewhere = [...hub.membersOf(caller.session)].some(other => other.hovers(calendar))
      if (!elsewhere) dropHover(caller, calendar)
    }
  }
}
