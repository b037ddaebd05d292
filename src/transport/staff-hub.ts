import { StoreError } from '../domain/errors.js'
import type { CalendarId } from '../domain/ids.js'
import type { Push } from '../protocol/index.js'
import type { FeedEvent } from '../service/live/feed.js'
import { textFrame } from './frame.js'
import type { Member } from './hub.js'
import type { Metrics } from './metrics.js'
import type { Outbox } from './outbox.js'
import type { FeedSource, StaffSource } from './ports.js'

/**
 * What staff are told of a calendar that they watch: the locks that changed, those that ended, and what happened, all
 * of it read from the audit trail.
 *
 * The feed says only that something changed. That makes the calendar DUE, and what came to the trail since the last
 * time is read, once however many staff watch, and framed once. Then it is RESTING for a tick, and reads again if more
 * was heard of meanwhile, else it is QUIET. Rows come to light up to three seconds after their time, so each reading
 * begins so long before the end of the last one, and what was told already is left out.
 *
 * A member who is not in step reads for itself, once, from where it left the others: who has just been given the list of
 * live locks, and who was too slow to be written to. So nobody is kept anything but a time, every reading is newer than
 * the list before it, and whoever applies lists and pushes in the order of their coming is right.
 */
export interface StaffMember extends Member {
  readonly outbox: Member['outbox'] & Pick<Outbox, 'state'>
  /** Its token is still good. If not, it is let go, and told. */
  staysStaff(): boolean
  /** It missed more than can be read at once: goodbye, come back and read the list. */
  missedTooMuch(): void
}

interface Place {
  /** The list was sent: pushes may follow it. */
  listed: boolean
  /** Has to read from here for itself, of the database's clock; undefined: it is in step. */
  behindSinceMs: number | undefined
}

interface Audience<M> {
  members: Map<M, Place>
  phase: 'QUIET' | 'DUE' | 'RESTING'
  /** Something was heard of since the last reading began. */
  heard: boolean
  reachedMs: number
  /** The last reading was full: the next goes on right where it ended. */
  full: boolean
  /** Told already, with their times; none is older than an entry may be that comes late. */
  known: Map<number, number>
  timer: NodeJS.Timeout | undefined
}

/** A statement has 2 s, and may wait 1 s for a lock; and a quarter of a second for clocks that are read apart. */
const lateMsMax = 3_250
const failedRetryMs = 1_000

export class StaffHub<M extends StaffMember> {
  readonly #feed: FeedSource
  readonly #desk: StaffSource
  readonly #metrics: Metrics
  readonly #tickMs: number
  readonly #calendars = new Map<CalendarId, Audience<M>>()
  readonly #stopListening: () => void

  constructor(deps: { feed: FeedSource; desk: StaffSource; metrics: Metrics; tickMs: number }) {
    this.#feed = deps.feed
    this.#desk = deps.desk
    this.#metrics = deps.metrics
    this.#tickMs = deps.tickMs
    this.#stopListening = deps.feed.listen(event => this.#hear(event))
  }

  /** From now on nothing is missed. Nothing is told either, before `listed`. */
  watch(member: M, calendar: CalendarId): void {
    const audience = this.#calendars.get(calendar) ?? this.#open(calendar)
    const now = this.#desk.nowMs()
    if (!audience.members.has(member)) audience.members.set(member, { listed: false, behindSinceMs: now })
  }

  /** The list of live locks has been sent, also if it was sent once more. */
  listed(member: M, calendar: CalendarId): void {
    const audience = this.#calendars.get(calendar)
    const place = audience?.members.get(member)
    if (audience === undefined || place === undefined || place.listed) return
    place.listed = true
    this.#wake(calendar, audience)
  }

  unwatch(member: M, calendar: CalendarId): void {
    const audience = this.#calendars.get(calendar)
    if (audience === undefined || !audience.members.delete(member) || audience.members.size > 0) return
    clearTimeout(audience.timer)
    this.#calendars.delete(calendar)
    this.#feed.unwatch(calendar)
  }

  close(): void {
    this.#stopListening()
    for (const { timer } of this.#calendars.values()) clearTimeout(timer)
    this.#calendars.clear()
  }

  #open(calendar: CalendarId): Audience<M> {
    const audience: Audience<M> = {
      members: new Map(),
      phase: 'QUIET',
      heard: false,
      reachedMs: this.#desk.nowMs(),
      full: false,
      known: new Map(),
      timer: undefined
    }
    this.#calendars.set(calendar, audience)
    this.#feed.watch(calendar)
    return audience
  }

  #hear(event: FeedEvent): void {
    if (event.kind !== 'slots' && event.kind !== 'lock') return
    const calendar = event.kind === 'slots' ? event.calendar : event.lock.calendar
    const audience = this.#calendars.get(calendar)
    if (audience !== undefined) this.#wake(calendar, audience)
  }

  #wake(calendar: CalendarId, audience: Audience<M>): void {
    audience.heard = true
    if (audience.phase !== 'QUIET') return
    audience.phase = 'DUE'
    setImmediate(() => void this.#turn(calendar, audience))
  }

  async #turn(calendar: CalendarId, audience: Audience<M>): Promise<void> {
    if (this.#calendars.get(calendar) !== audience) return
    if (!audience.heard) {
      audience.phase = 'QUIET'
      return
    }
    audience.heard = false
    let pauseMs = this.#tickMs
    try {
      await this.#deliver(calendar, audience)
      await this.#catchUp(calendar, audience)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      audience.heard = true
      pauseMs = failedRetryMs
    }
    if (audience.full || this.#anyBehind(audience)) audience.heard = true
    if (this.#calendars.get(calendar) !== audience) return
    audience.phase = 'RESTING'
    audience.timer = setTimeout(() => void this.#turn(calendar, audience), pauseMs)
  }

  /** What is new, to all who are in step. */
  async #deliver(calendar: CalendarId, audience: Audience<M>): Promise<void> {
    const sinceMs = audience.full ? audience.reachedMs : audience.reachedMs - lateMsMax
    const known = new Set(audience.known.keys())
    const { reachedMs, full, ...news } = await this.#desk.changesSince(calendar, sinceMs, known)
    const before = audience.reachedMs
    // more in one millisecond than a reading holds: step over it
    audience.reachedMs = full && reachedMs <= sinceMs ? sinceMs + 1 : reachedMs
    audience.full = full
    if (!full && reachedMs < before) steppedBack(audience)
    for (const { id, at } of news.feed) audience.known.set(id, at)
    for (const [id, at] of audience.known)
      if (at < audience.reachedMs - lateMsMax - failedRetryMs) audience.known.delete(id)
    if (news.feed.length === 0) return

    const frame = frameOf({ type: 'staff', calendar, ...news })
    let told = 0
    for (const [member, place] of [...audience.members]) {
      if (place.behindSinceMs !== undefined || !member.staysStaff()) continue
      if (member.outbox.state === 'IN_SYNC') {
        member.outbox.send(frame)
        told += 1
      } else {
        place.behindSinceMs = before
      }
    }
    this.#metrics.pushes.inc({ type: 'staff' }, told)
  }

  async #catchUp(calendar: CalendarId, audience: Audience<M>): Promise<void> {
    for (const [member, place] of [...audience.members]) {
      const { behindSinceMs } = place
      if (behindSinceMs === undefined || !place.listed || member.outbox.state !== 'IN_SYNC') continue
      const {
        reachedMs: _,
        full,
        ...news
      } = await this.#desk.changesSince(calendar, behindSinceMs - lateMsMax, new Set())
      if (audience.members.get(member) !== place || !member.staysStaff()) continue
      if (full) {
        member.missedTooMuch()
        continue
      }
      place.behindSinceMs = undefined
      if (news.feed.length === 0) continue
      member.outbox.send(frameOf({ type: 'staff', calendar, ...news }))
      this.#metrics.pushes.inc({ type: 'staff' })
    }
  }

  /** Who was not listed yet wakes us up when it is. */
  #anyBehind(audience: Audience<M>): boolean {
    for (const { listed, behindSinceMs } of audience.members.values())
      if (listed && behindSinceMs !== undefined) return true
    return false
  }
}

/** The database's clock did, and what bears its new times was not read for: once more, from there. */
function steppedBack(audience: Audience<unknown>): void {
  audience.heard = true
  for (const place of audience.members.values())
    if (place.behindSinceMs !== undefined)
      place.behindSinceMs = Math.min(place.behindSinceMs, audience.reachedMs)
}

const frameOf = (push: Push): Buffer => textFrame(JSON.stringify(push))
