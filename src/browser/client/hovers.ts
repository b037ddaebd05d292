import type { Link } from './link.js'
import type { Clock, SlotId } from './types.js'

/** At most one message in this time for each calendar, the first at once, of those in between the last. */
const throttleMs = 150
const throttlePollingMs = 1_000
/** A pointer that was left lying on a slot is nobody who looks at it. */
const wantedMsMax = 120_000
/** Calendars at once; the server takes so many of a connection. Past it another is not said. */
const calendarsMax = 32

interface Hover {
  readonly slot: SlotId | null
  /** When it was last asked for, and when it was last said; monotonic. */
  wantedAt: number
  saidAt: number
  cancel: () => void
}

/**
 * What this visitor looks at, told to the others for as long as it is so: throttled, renewed before it runs out, said
 * again on a new connection. Whatever becomes of a message, the next one says it better.
 */
export class Hovers {
  readonly #connection: { readonly link: Link | undefined }
  readonly #ttlMs: () => number
  readonly #clock: Clock
  readonly #hovers = new Map<string, Hover>()

  constructor(connection: { readonly link: Link | undefined }, ttlMs: () => number, clock: Clock) {
    this.#connection = connection
    this.#ttlMs = ttlMs
    this.#clock = clock
  }

  select(calendar: string, slot: SlotId | null): void {
    const wantedAt = this.#clock.monotonic()
    const before = this.#hovers.get(calendar)
    if (before?.slot === slot) {
      before.wantedAt = wantedAt
      return
    }
    if (!before && (slot === null || this.#hovers.size >= calendarsMax)) return
    before?.cancel()
    const hover = { slot, wantedAt, saidAt: before?.saidAt ?? -throttlePollingMs, cancel: () => {} }
    this.#hovers.set(calendar, hover)
    this.#say(calendar, hover)
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
    for (const calendar of this.#hovers.keys()) this.#forget(calendar)
  }

  #forget(calendar: string): void {
    this.#hovers.get(calendar)?.cancel()
    this.#hovers.delete(calendar)
  }

  #say(calendar: string, hover: Hover): void {
    const { slot, saidAt, wantedAt } = hover
    const { link } = this.#connection
    const now = this.#clock.monotonic()
    const waitMs = saidAt + (link?.kind === 'live' ? throttleMs : throttlePollingMs) - now
    if (waitMs > 0) {
      hover.cancel = this.#clock.after(waitMs, () => this.#say(calendar, hover))
    } else if (now - wantedAt > wantedMsMax) {
      this.#forget(calendar)
    } else if (link) {
      hover.saidAt = now
      void link.ask('select', { calendar, slot })
      if (slot === null) this.#forget(calendar)
      else hover.cancel = this.#clock.after(this.#ttlMs() * 0.6, () => this.#say(calendar, hover))
    }
  }
}
