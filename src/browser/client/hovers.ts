import type { Link } from './link.js'
import type { Clock, SlotId } from './types.js'

/** At most one message in this time for each calendar, the first at once, of those in between the last. */
const throttleMs = 150
const throttlePollingMs = 1_000
/** A pointer that was left lying on a slot is nobody who looks at it. */
const wantedMsMax = 120_000
/** Calendars at once; the server takes so many of a connection. Past it the longest unchanged is let go. */
const calendarsMax = 32

interface Hover {
  slot: SlotId | null
  /** When it was asked for, and when it was last sent; monotonic. */
  wantedAt: number
  saidAt: number
  said: SlotId | null
  cancel: () => void
}

/**
 * What this visitor looks at, told to the others for as long as it is so: throttled, renewed before it runs out, said
 * again on a new connection. Whatever becomes of a message, the next one says it better.
 */
export class Hovers {
  readonly #link: () => Link | undefined
  readonly #ttlMs: () => number
  readonly #clock: Clock
  readonly #hovers = new Map<string, Hover>()

  constructor(link: () => Link | undefined, ttlMs: () => number, clock: Clock) {
    this.#link = link
    this.#ttlMs = ttlMs
    this.#clock = clock
  }

  select(calendar: string, slot: SlotId | null): void {
    const wantedAt = this.#clock.monotonic()
    const before = this.#hovers.get(calendar)
    if (before === undefined && slot === null) return
    before?.cancel()
    this.#hovers.delete(calendar)
    const oldest = this.#hovers.keys().next().value
    if (this.#hovers.size >= calendarsMax && oldest !== undefined) this.#forget(oldest)
    const { saidAt, said } = before ?? { saidAt: Number.NEGATIVE_INFINITY, said: null }
    const hover = { slot, wantedAt, saidAt, said, cancel: () => {} }
    this.#hovers.set(calendar, hover)
    if (slot === said && slot !== null) this.#renew(calendar, hover)
    else this.#say(calendar, hover)
  }

  /** The server ends the hover of who locks the slot. */
  locked(calendar: string, slots: readonly SlotId[]): void {
    const slot = this.#hovers.get(calendar)?.slot
    if (slot && slots.includes(slot)) this.#forget(calendar)
  }

  /** A new connection: nobody there knows of them. */
  connected(): void {
    for (const [calendar, hover] of this.#hovers) {
      hover.cancel()
      this.#say(calendar, hover)
    }
  }

  close(): void {
    for (const calendar of [...this.#hovers.keys()]) this.#forget(calendar)
  }

  #forget(calendar: string): void {
    this.#hovers.get(calendar)?.cancel()
    this.#hovers.delete(calendar)
  }

  #say(calendar: string, hover: Hover): void {
    const link = this.#link()
    if (link === undefined) {
      if (hover.slot === null) this.#forget(calendar)
      return
    }
    const nowMs = this.#clock.monotonic()
    const waitMs = hover.saidAt + (link.kind === 'live' ? throttleMs : throttlePollingMs) - nowMs
    if (waitMs > 0) {
      hover.cancel = this.#clock.after(waitMs, () => this.#say(calendar, hover))
      return
    }
    hover.saidAt = nowMs
    hover.said = hover.slot
    void link.ask('select', { calendar, slot: hover.slot })
    if (hover.slot === null) this.#forget(calendar)
    else this.#renew(calendar, hover)
  }

  #renew(calendar: string, hover: Hover): void {
    const dueAt = hover.saidAt + this.#ttlMs() * 0.6
    if (dueAt - hover.wantedAt > wantedMsMax) {
      this.#forget(calendar)
      return
    }
    hover.cancel = this.#clock.after(dueAt - this.#clock.monotonic(), () => this.#say(calendar, hover))
  }
}
