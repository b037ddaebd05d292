import type { CalendarId, SessionId } from '../domain/ids.js'
import type { LockRecord } from '../domain/lock.js'
import type { Push, ServiceStatus } from '../protocol/index.js'
import type { FeedEvent } from '../service/live/feed.js'
import { textFrame } from './frame.js'
import type { Metrics } from './metrics.js'
import { type Changes, keepNewestRow, keepNewestSelection, noChanges, type Outbox } from './outbox.js'
import type { FeedSource, Views } from './ports.js'
import { tickStatesMax } from './settings.js'

/**
 * Who watches what, and how they hear of it.
 *
 * A calendar is QUIET until something in it changes. The first change makes it DUE: everything that arrives in the
 * same turn of the event loop leaves together, at once. After that it is RESTING for a tick: what changes meanwhile is
 * gathered, newest state per slot, and leaves as one message at the tick's end; an empty tick makes it QUIET again.
 * So a single lock is seen without delay, and ten thousand hovers a second are fifty messages. Each message is encoded
 * and framed once, whoever and however many read it.
 */

/** A connection, as far as the hub knows it. */
export interface Member {
  readonly outbox: Pick<Outbox, 'send' | 'broadcast' | 'forget'>
}

interface Audience {
  members: Set<Member>
  changes: Changes
  phase: 'QUIET' | 'DUE' | 'RESTING'
  timer: NodeJS.Timeout | undefined
}

export interface HubDeps {
  feed: FeedSource
  views: Views
  metrics: Metrics
  tickMs: number
}

export class Hub<M extends Member> {
  readonly #feed: FeedSource
  readonly #views: Views
  readonly #metrics: Metrics
  readonly #tickMs: number
  readonly #calendars = new Map<CalendarId, Audience>()
  readonly #sessions = new Map<SessionId, Set<M>>()
  readonly #everybody = new Set<M>()
  readonly #stopListening: () => void

  constructor(deps: HubDeps) {
    this.#feed = deps.feed
    this.#views = deps.views
    this.#metrics = deps.metrics
    this.#tickMs = deps.tickMs
    this.#stopListening = this.#feed.listen(event => this.#receive(event))
  }

  get members(): ReadonlySet<M> {
    return this.#everybody
  }

  /** Sum over calendars; for the metrics. */
  get watchers(): number {
    let sum = 0
    for (const { members } of this.#calendars.values()) sum += members.size
    return sum
  }

  /** `resumed`: the session is older than this connection and may have locks. */
  enter(member: M, session: SessionId, resumed: boolean): void {
    this.#everybody.add(member)
    const mine = this.#sessions.get(session)
    if (mine !== undefined) {
      mine.add(member)
      return
    }
    this.#sessions.set(session, new Set([member]))
    this.#feed.attach(session, resumed)
  }

  leave(member: M, session: SessionId): void {
    this.#everybody.delete(member)
    const mine = this.#sessions.get(session)
    if (mine === undefined || !mine.delete(member) || mine.size > 0) return
    this.#sessions.delete(session)
    this.#feed.detach(session)
  }

  /** The other connections of a session, and this one. */
  membersOf(session: SessionId): ReadonlySet<M> {
    return this.#sessions.get(session) ?? new Set()
  }

  watch(member: M, calendar: CalendarId): void {
    const audience = this.#calendars.get(calendar)
    if (audience !== undefined) {
      audience.members.add(member)
      return
    }
    this.#calendars.set(calendar, {
      members: new Set([member]),
      changes: noChanges(),
      phase: 'QUIET',
      timer: undefined
    })
    this.#feed.watch(calendar)
  }

  unwatch(member: M, calendar: CalendarId): void {
    member.outbox.forget(calendar)
    const audience = this.#calendars.get(calendar)
    if (audience === undefined || !audience.members.delete(member) || audience.members.size > 0) return
    clearTimeout(audience.timer)
    this.#calendars.delete(calendar)
    this.#feed.unwatch(calendar)
  }

  announce(status: ServiceStatus): void {
    const frame = textFrame(JSON.stringify({ type: 'service', status } satisfies Push))
    for (const member of this.#everybody) member.outbox.send(frame)
    this.#metrics.pushes.inc({ type: 'service' }, this.#everybody.size)
  }

  /** What these changes are on the wire, each state with the time that it has left now. */
  framesOf(calendar: CalendarId, changes: Changes): Buffer[] {
    const frames: Buffer[] = []
    const frame = (push: Push): void => {
      frames.push(textFrame(JSON.stringify(push)))
    }
    if (changes.rows.size > 0) {
      const slots = Array.from(changes.rows.values(), row => this.#views.slotState(row))
      frame({ type: 'slots', calendar, slots })
    }
    if (changes.selections.size > 0) {
      const selections = Array.from(changes.selections.values(), one => this.#views.selectionView(one))
      frame({ type: 'selections', calendar, selections })
    }
    return frames
  }

  close(): void {
    this.#stopListening()
    for (const { timer } of this.#calendars.values()) clearTimeout(timer)
    this.#calendars.clear()
  }

  #receive(event: FeedEvent): void {
    switch (event.kind) {
      case 'slots': {
        const audience = this.#calendars.get(event.calendar)
        if (audience === undefined) return
        for (const row of event.rows) keepNewestRow(audience.changes, row)
        this.#schedule(event.calendar, audience)
        return
      }
      case 'selection': {
        const audience = this.#calendars.get(event.calendar)
        if (audience === undefined) return
        keepNewestSelection(audience.changes, event.selection)
        this.#schedule(event.calendar, audience)
        return
      }
      case 'lock':
      case 'expiring':
        // who asked for the change is answered first, in this turn: a frame and a write sooner
        setImmediate(() => this.#tellOwner(event.lock, event.kind === 'expiring'))
        return
      // A definition has no push of its own: what it changes is read with the next snapshot.
      case 'calendar':
      // Whose session is over is told by its sockets' being closed.
      case 'revocation':
        return
      default:
        event satisfies never
    }
  }

  #schedule(calendar: CalendarId, audience: Audience): void {
    if (audience.changes.rows.size + audience.changes.selections.size > tickStatesMax) {
      this.#deliver(calendar, audience)
      return
    }
    if (audience.phase !== 'QUIET') return
    audience.phase = 'DUE'
    setImmediate(() => this.#turn(calendar, audience))
  }

  /** End of the turn, or of the tick. */
  #turn(calendar: CalendarId, audience: Audience): void {
    if (this.#calendars.get(calendar) !== audience) return
    if (audience.changes.rows.size + audience.changes.selections.size === 0) {
      audience.phase = 'QUIET'
      return
    }
    this.#deliver(calendar, audience)
    audience.phase = 'RESTING'
    audience.timer = setTimeout(() => this.#turn(calendar, audience), this.#tickMs)
  }

  #deliver(calendar: CalendarId, audience: Audience): void {
    const { changes } = audience
    audience.changes = noChanges()
    const frames = this.framesOf(calendar, changes)
    // One buffer, one write per reader: a socket that gets slots and hovers in one tick pays for one system call.
    const bytes = frames.length === 1 ? frames : [Buffer.concat(frames)]
    for (const member of audience.members) member.outbox.broadcast(calendar, bytes, changes)
    if (changes.rows.size > 0) this.#metrics.pushes.inc({ type: 'slots' }, audience.members.size)
    if (changes.selections.size > 0) this.#metrics.pushes.inc({ type: 'selections' }, audience.members.size)
  }

  #tellOwner(lock: LockRecord, expiring: boolean): void {
    const mine = this.#sessions.get(lock.owner)
    if (mine === undefined) return
    const push: Push = {
      type: 'lock',
      lock: this.#views.lockView(lock),
      ...(lock.reason === undefined ? {} : { reason: lock.reason }),
      ...(expiring ? { expiring } : {})
    }
    const frame = textFrame(JSON.stringify(push))
    for (const member of mine) member.outbox.send(frame)
    this.#metrics.pushes.inc({ type: 'lock' }, mine.size)
  }
}
