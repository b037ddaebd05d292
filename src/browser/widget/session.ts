import type { BookingView } from '../../protocol/schemas.js'
import type {
  CalendarInfo,
  CalendarSnapshot,
  CalendarStore,
  ConnectionStatus,
  Lock,
  ServiceStatus,
  SlotlockClient,
  SlotlockError
} from '../client/index.js'
import { addDays } from '../shared/zone.js'
import { resourceOf, startOf } from './grid.js'
import { initial, reduce } from './picker.js'
import type { Effect, Hold, PickerEvent, PickerState, Refused, Trouble } from './picker-types.js'

/**
 * Carries out what the picker decides, and tells it what the client hears. No DOM: the element draws what it finds
 * here, and is asked to for every change.
 */

export interface SessionHost {
  readonly slotsMax: number
  /** Only locks of this one concern the widget; undefined: of all. */
  readonly resource: string | undefined
  /** What is shown may have changed. */
  changed(): void
  /** The visitor's doings, after the state has changed. */
  happened(effect: Extract<Effect, { do: 'tell' | 'focus' }>): void
}

/** A connection that comes back within this is not worth a word. */
export const troubleAfterMs = 1_500

/** So long before its end a hold offers to be extended. */
export const lastMinuteMs = 60_000
/** After the end of a hold so long is left to the server to say how it ended. */
const timeUpAfterMs = 1_000

/** Who turns the pages of a calendar does not ask for its names with each of them. */
const infoFreshMs = 5_000

export class PickerSession {
  readonly calendar: string
  readonly #client: SlotlockClient
  readonly #host: SessionHost
  readonly #store: CalendarStore
  readonly #stops: (() => void)[]
  #state = initial
  #info: CalendarInfo | undefined
  #asksInfo = false
  #infoFreshUntilMs = 0
  #downSinceMs: number | undefined
  /** The longest that was left of the present lock: the full ring. */
  #fullMs = 0
  /** For which end of the hold more time was offered. */
  #offeredAtEnd: number | undefined

  constructor(
    client: SlotlockClient,
    calendar: string,
    range: { from: string; to: string },
    host: SessionHost
  ) {
    this.calendar = calendar
    this.#client = client
    this.#host = host
    this.#store = client.calendar(calendar, widened(range))
    this.#stops = [
      this.#store.subscribe(({ all }) => {
        if (all) this.#readInfo()
        this.#lookForWish()
        host.changed()
      }),
      client.subscribe(() => {
        this.#noteConnection()
        if (this.#info === undefined) this.#readInfo()
        host.changed()
      }),
      client.on('lock', ({ lock, reason }) => {
        if (!this.#concerns(lock)) return
        this.dispatch({
          type: 'lock',
          lock: holdOf(lock),
          state: lock.state,
          ...(reason === undefined ? {} : { reason })
        })
      }),
      client.on('session', () => void this.#look())
    ]
    this.#noteConnection()
    this.#readInfo()
    if (client.session !== undefined) void this.#look()
  }

  close(): void {
    this.hover(null)
    for (const stop of this.#stops) stop()
    this.#store.close()
  }

  get state(): PickerState {
    return this.#state
  }
  get info(): CalendarInfo | undefined {
    return this.#info
  }
  get snapshot(): CalendarSnapshot {
    return this.#store.get()
  }
  get status(): ConnectionStatus {
    return this.#client.status
  }
  get service(): ServiceStatus {
    return this.#client.service
  }
  get slotMs(): number {
    return (this.#info?.slotMinutes ?? 30) * 60_000
  }
  nowMs(): number {
    return this.#client.serverNow()
  }
  leftMs(of: { endsAt?: number | undefined }): number {
    return of.endsAt === undefined ? 0 : this.#client.leftMs({ endsAt: of.endsAt })
  }

  /** What is left of the hold, and of it which share. */
  holdLeft(): { leftMs: number; share: number } {
    const { hold } = this.#state
    const leftMs = hold === undefined ? 0 : this.leftMs(hold)
    this.#fullMs = hold === undefined ? 0 : Math.max(this.#fullMs, leftMs)
    return { leftMs, share: this.#fullMs === 0 ? 0 : leftMs / this.#fullMs }
  }

  /** Other days, by the reader's calendar. */
  show(range: { from: string; to: string }): void {
    const { from, to } = widened(range)
    this.#store.setRange(from, to)
  }

  /** For a slot that the page shows: unless its day is read, nobody would hear of its becoming free. */
  cover(slot: string): void {
    const { from, to } = this.snapshot
    const date = new Date(startOf(slot)).toISOString().slice(0, 10)
    // The first and the last date are cut by the calendar's own time zone.
    if (date <= from || date >= to) this.show({ from: date, to: date })
  }

  hover(slot: string | null): void {
    this.#client.select(this.calendar, slot)
  }

  /** What hinders, as far as a visitor needs to know it. `online`: what the browser says of itself. */
  trouble(nowMs: number, online: boolean): Trouble | undefined {
    const { error } = this.#client
    if (error?.code === 'FORBIDDEN') return 'refusedHere'
    if (this.snapshot.error?.code === 'CALENDAR_NOT_FOUND') return 'noCalendar'
    if (this.#downSinceMs !== undefined) {
      if (!online) return 'offline'
      return nowMs - this.#downSinceMs >= troubleAfterMs ? 'unreachable' : undefined
    }
    if (this.#client.service === 'unavailable') return 'serviceUnavailable'
    return this.#client.service === 'degraded' ? 'degraded' : undefined
  }

  /** What a press on this slot means depends on what is known of it. `offered`: what is not listed is free. */
  press(slot: string, offered: boolean): void {
    const known = this.snapshot.slots.get(slot)
    const taken = known === undefined ? !offered : known.state === 'booked' || known.state === 'blocked'
    if (this.#state.hold?.slots.includes(slot)) this.dispatch({ type: 'press', slot, look: 'mine' })
    else if (taken || startOf(slot) <= this.nowMs()) this.dispatch({ type: 'press', slot, look: 'taken' })
    else if (known?.state === 'locked' && this.leftMs(known) > 0 && known.by !== this.snapshot.you)
      this.dispatch({ type: 'press', slot, look: 'locked', until: known.expiresAt })
    else this.dispatch({ type: 'press', slot, look: 'free' })
  }

  /** Called about once a second while there is something that runs out. */
  tick(): void {
    const { hold } = this.#state
    if (hold !== undefined && this.nowMs() >= hold.expiresAt + timeUpAfterMs)
      this.dispatch({ type: 'timeUp' })
    else if (hold !== undefined && this.#isLastMinute(hold)) {
      this.#offeredAtEnd = hold.endsAt
      this.dispatch({ type: 'lastMinute' })
    }
    this.#lookForWish()
  }

  /** Once for each end that the hold has had; and not where there is no more time to be had. */
  #isLastMinute(hold: Hold): boolean {
    const leftMs = this.leftMs(hold)
    const extendableMs = hold.extendableUntil - hold.expiresAt
    return leftMs > 0 && leftMs <= lastMinuteMs && extendableMs > 1_000 && hold.endsAt !== this.#offeredAtEnd
  }

  dispatch(event: PickerEvent): void {
    const { state, effects } = reduce(this.#state, event, {
      slotsMax: this.#host.slotsMax,
      slotMs: this.slotMs
    })
    if (state.hold?.id !== this.#state.hold?.id) this.#fullMs = 0
    this.#state = state
    for (const effect of effects) this.#carryOut(effect)
    this.#host.changed()
  }

  #carryOut(effect: Effect): void {
    const client = this.#client
    switch (effect.do) {
      case 'lock':
        void this.#ask(
          client.lock({ calendar: this.calendar, slots: effect.slots, replaces: effect.replaces }),
          lock => ({ type: 'locked', lock: holdOf(lock) })
        )
        break
      case 'extend':
        void this.#ask(client.extend(effect.lock), lock => ({ type: 'extended', lock: holdOf(lock) }))
        break
      case 'release':
        void this.#ask(client.release(effect.lock), () => ({ type: 'released' }))
        break
      case 'book':
        // Somebody who was typing when the time ran out gets it all the same, if nobody else wanted it.
        void this.#ask(
          client.book(effect.lock, { customer: effect.customer, ifStillFree: true }),
          (booking: BookingView) => ({ type: 'booked', booking })
        )
        break
      case 'look':
        void this.#look()
        break
      case 'focus':
      case 'tell':
        this.#host.happened(effect)
        break
      default:
        effect satisfies never
    }
  }

  async #ask<T>(answer: Promise<T>, event: (value: T) => PickerEvent): Promise<void> {
    try {
      this.dispatch(event(await answer))
    } catch (error) {
      this.dispatch({ type: 'refused', error: refusedOf(error) })
    }
  }

  async #look(): Promise<void> {
    try {
      const locks = (await this.#client.listLocks())
        .filter(lock => lock.state === 'held' && this.#concerns(lock))
        .sort((one, other) => one.createdAt - other.createdAt)
      this.dispatch({ type: 'locks', locks: locks.map(holdOf) })
    } catch {
      // The next session asks again; until then what is known stays.
    }
  }

  #concerns({ calendar, slots }: Lock): boolean {
    const { resource } = this.#host
    return (
      calendar === this.calendar &&
      (resource === undefined || slots.every(slot => resourceOf(slot) === resource))
    )
  }

  #lookForWish(): void {
    const { wish, notice } = this.#state
    if (wish === undefined || notice?.kind === 'freed') return
    const { slots } = this.snapshot
    const isFree = (slot: string): boolean => {
      const known = slots.get(slot)
      return known?.state === 'free' || (known?.state === 'locked' && this.leftMs(known) <= 0)
    }
    if (wish.every(isFree)) this.dispatch({ type: 'free', slots: wish })
  }

  #noteConnection(): void {
    const up = this.#client.status === 'live' || this.#client.status === 'polling'
    if (up) this.#downSinceMs = undefined
    else this.#downSinceMs ??= performance.now()
  }

  /** The names and the step of the calendar; with its slots, which are cut anew when it is defined anew. */
  #readInfo(): void {
    const connected = this.#client.status === 'live' || this.#client.status === 'polling'
    if (this.#asksInfo || !connected || performance.now() < this.#infoFreshUntilMs) return
    this.#asksInfo = true
    this.#client
      .listCalendars()
      .then(calendars => {
        this.#info = calendars.find(({ id }) => id === this.calendar)
        this.#infoFreshUntilMs = performance.now() + (this.#info === undefined ? 0 : infoFreshMs)
        this.#host.changed()
      })
      .catch(() => {})
      .finally(() => {
        this.#asksInfo = false
      })
  }
}

/** Dates of the reader touch one more of the calendar's on each side. */
const widened = ({ from, to }: { from: string; to: string }): { from: string; to: string } => ({
  from: addDays(from, -1),
  to: addDays(to, 1)
})

const holdOf = ({ id, slots, expiresAt, extendableUntil, endsAt }: Lock): Hold => ({
  id,
  slots,
  expiresAt,
  extendableUntil,
  endsAt
})

function refusedOf(error: unknown): Refused {
  // Anything else is a bug of ours; it must not leave the visitor waiting, and must not be silent.
  if (!isSlotlockError(error)) {
    reportError(error)
    return { code: 'INTERNAL' }
  }
  const { code, details } = error
  return {
    code,
    ...(details?.conflicts === undefined ? {} : { conflicts: details.conflicts }),
    ...(details?.fields === undefined ? {} : { fields: details.fields.map(({ field }) => field) })
  }
}

const isSlotlockError = (error: unknown): error is SlotlockError =>
  error instanceof Error && error.name === 'SlotlockError'
