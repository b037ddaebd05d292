import type { LiveListener } from '../../domain/fast-lane.js'
import type { CalendarId, SessionId } from '../../domain/ids.js'
import type { RedisCounters } from './counters.js'
import { decodeEvent } from './events.js'
import type { RedisKeys } from './keys.js'

/**
 * Decides what becomes of a message that arrived: an echo that a probe waits for, an event for the listener, or
 * nothing (our own, a stranger's session in a shared bucket, no event at all).
 *
 * A message is never an exception: whatever is wrong with it, it is counted and dropped.
 */
export class Inbox {
  readonly #instance: string
  readonly #keys: RedisKeys
  readonly #counters: RedisCounters
  readonly #listener: LiveListener
  readonly #onGap: (calendars: CalendarId[], again: boolean) => void
  readonly #calendars = new Map<string, CalendarId>()
  /** Who listens on each bucket's channel. */
  readonly #sessions = new Map<string, Set<SessionId>>()
  /** Probes that wait for their message, by nonce; the health monitor sends one at a time. */
  readonly #echoes = new Map<string, (arrived: boolean) => void>()

  constructor(options: {
    instance: string
    keys: RedisKeys
    counters: RedisCounters
    listener: LiveListener
    onGap: (calendars: CalendarId[], again: boolean) => void
  }) {
    this.#instance = options.instance
    this.#keys = options.keys
    this.#counters = options.counters
    this.#listener = options.listener
    this.#onGap = options.onGap
  }

  /** Each of these returns the channel to subscribe to. */
  addCalendar(calendar: CalendarId): string {
    const channel = this.#keys.calendarEvents(calendar)
    this.#calendars.set(channel, calendar)
    return channel
  }

  removeCalendar(calendar: CalendarId): string {
    const channel = this.#keys.calendarEvents(calendar)
    this.#calendars.delete(channel)
    return channel
  }

  addSession(session: SessionId): string {
    const channel = this.#keys.sessionEvents(session)
    const sessions = this.#sessions.get(channel)
    if (sessions === undefined) this.#sessions.set(channel, new Set([session]))
    else sessions.add(session)
    return channel
  }

  /** The channel, if nobody here listens on it any more. */
  removeSession(session: SessionId): string | undefined {
    const channel = this.#keys.sessionEvents(session)
    const sessions = this.#sessions.get(channel)
    sessions?.delete(session)
    if (sessions === undefined || sessions.size > 0) return undefined
    this.#sessions.delete(channel)
    return channel
  }

  receive(channel: string, text: string): void {
    if (channel === this.#keys.heartbeat(this.#instance)) {
      this.#echoes.get(text)?.(true)
      return
    }
    const message = decodeEvent(text)
    if (message === undefined) {
      this.#counters.eventsMalformed++
    } else if (message.from === this.#instance) {
      this.#counters.eventsOwn++
    } else if (
      message.event.kind === 'lock' &&
      this.#sessions.get(channel)?.has(message.event.lock.owner) !== true
    ) {
      this.#counters.eventsUnwanted++
    } else {
      this.#counters.eventsReceived++
      this.#listener(message.event)
    }
  }

  subscribed(channels: readonly string[], again: boolean): void {
    const calendars = channels.flatMap(channel => this.#calendars.get(channel) ?? [])
    if (calendars.length > 0) this.#onGap(calendars, again)
  }

  /** Resolves with whether the message came in time. */
  expectEcho(nonce: string, withinMs: number): { arrived: Promise<boolean>; cancel: () => void } {
    let settle: (arrived: boolean) => void = () => {}
    const arrived = new Promise<boolean>(resolve => {
      settle = resolve
    })
    const timer = setTimeout(() => settle(false), withinMs)
    this.#echoes.set(nonce, settle)
    return {
      arrived,
      cancel: () => {
        clearTimeout(timer)
        this.#echoes.delete(nonce)
        settle(false)
      }
    }
  }
}
