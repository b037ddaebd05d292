import type { ResultOf } from '../../protocol/operations.js'
import type { SelectionView, SlotState } from '../../protocol/schemas.js'
import { fullJitterMs } from './backoff.js'
import type { CalendarModel } from './calendar-model.js'
import type { Connection } from './connection.js'
import type { HttpLink } from './http-link.js'
import { answerWithinMs, type Link, type Outcome } from './link.js'
import { Listeners } from './listeners.js'
import type { CalendarChange, CalendarStore, Clock, SlotId } from './types.js'

/** What nobody pushes, a calendar's new definition say, is seen after so long; jittered by half. */
const rereadEveryMs = 600_000
/** Polls wait for a change on the server for so long. */
const pollWaitMs = 20_000
/** Between two polls, so that a busy calendar does not become a stream of requests. */
const pollGapMs = 250
/** Between two polls that do not wait. */
const pollEveryMs = 2_000
const retryMsMax = 15_000

export interface WatcherParts {
  model: CalendarModel
  clock: Clock
  random: () => number
  /** There are more stores than a browser gives connections to one server: do not hold one each. */
  crowded(): boolean
  connection: Connection
  /** These slots changed. */
  changed(slots: ReadonlySet<SlotId>): void
  closed(): void
}

const nothing: ReadonlySet<never> = new Set()

/**
 * Keeps one store up to date over whatever link there is. On a WebSocket it watches: one snapshot, then pushes. By HTTP
 * it reads a snapshot and then polls for changes. A link that goes leaves the store `stale` until the next has read.
 *
 * `#round` numbers what is being done: a new link, other days or `close()` begin a new one, and whatever comes of an
 * older one is dropped.
 */
export class Watcher implements CalendarStore {
  readonly #parts: WatcherParts
  readonly #listeners = new Listeners<CalendarChange>()
  #link: Link | undefined
  #round = 0
  #tries = 0
  #cancel = (): void => {}
  #cancelEnd = (): void => {}
  #abort: AbortController | undefined

  constructor(parts: WatcherParts) {
    this.#parts = parts
  }

  get calendar(): string {
    return this.#parts.model.calendar
  }

  readonly get = () => this.#parts.model.snapshot()

  readonly subscribe = (listener: (changed: CalendarChange) => void): (() => void) =>
    this.#listeners.add(listener)

  setRange(from: string, to: string): void {
    const { model } = this.#parts
    if (model.from === from && model.to === to) return
    model.setRange(from, to)
    this.#tell(true, { all: true })
    this.#begin()
  }

  close(): void {
    this.#link = undefined
    this.#begin()
    this.#cancelEnd()
    this.#parts.closed()
  }

  // --- what the client tells it

  /** undefined: there is none now. */
  connected(link: Link | undefined): void {
    this.#link = link
    this.#tries = 0
    if (link === undefined) this.#tell(this.#parts.model.setState('stale'))
    this.#begin()
  }

  pushedSlots(states: readonly SlotState[]): void {
    const { model, connection, changed } = this.#parts
    const slots = model.applySlots(states, connection.time.pushedAt())
    this.#tell(slots.size > 0, { slots })
    if (slots.size > 0) changed(slots)
  }

  /** `all`: who is not among them looks at nothing. */
  pushedSelections(views: readonly SelectionView[], all = false): void {
    const { model, connection } = this.#parts
    const selections = model.applySelections(views, connection.time.pushedAt(), all)
    this.#tell(selections.size > 0, { selections })
  }

  // --- what it does of its own accord

  #begin(): void {
    this.#round++
    this.#cancel()
    this.#abort?.abort()
    if (this.#link) void this.#read(this.#link, this.#round)
  }

  #again(delayMs: number, what: () => void): void {
    this.#cancel = this.#parts.clock.after(delayMs, what)
  }

  async #read(link: Link, round: number): Promise<void> {
    const { model, random } = this.#parts
    const { calendar, from, to } = model
    model.asking()
    const outcome = await link.ask('watch', { calendar, from, to })
    if (round !== this.#round) return
    if (outcome.status !== 'ANSWERED') {
      this.#failed(outcome, () => void this.#read(link, round))
      return
    }
    this.#tries = 0
    model.applySnapshot(outcome.result as ResultOf<'readSlots'>, outcome.sentAt)
    this.#tell(true, { all: true })
    if (link.kind === 'polling') void this.#poll(link as HttpLink, round, undefined)
    else this.#again((0.5 + random()) * rereadEveryMs, () => void this.#read(link, round))
  }

  async #poll(link: HttpLink, round: number, since: string | undefined): Promise<void> {
    const { model, crowded } = this.#parts
    const { calendar, from, to } = model
    const waitMs = since === undefined || crowded() ? 0 : pollWaitMs
    this.#abort = new AbortController()
    const params = { calendar, from, to, since, wait: waitMs / 1_000 }
    const outcome = await link.ask('changes', params, waitMs + answerWithinMs, this.#abort)
    if (round !== this.#round) return
    if (outcome.status !== 'ANSWERED') {
      // A cursor that is refused would be refused again: from the beginning, and soon.
      this.#failed(outcome, () => void this.#read(link, round), false)
      return
    }
    this.#tries = 0
    const { slots, selections, cursor } = outcome.result as ResultOf<'readChanges'>
    this.#tell(model.setState('live'))
    this.pushedSlots(slots)
    this.pushedSelections(selections, true)
    const pause = waitMs > 0 || since === undefined ? pollGapMs : pollEveryMs
    this.#again(pause, () => void this.#poll(link, round, cursor))
  }

  /** Tried again, and meanwhile said to be stale; where the next try would not do better, why is in `error`. */
  #failed(outcome: Outcome, again: () => void, mayBeHopeless = true): void {
    const { model, random, connection } = this.#parts
    const error = outcome.status === 'REFUSED' ? outcome.error : undefined
    if (outcome.status === 'LOST') connection.suspect()
    if (error?.code === 'UNAUTHENTICATED' && this.#tries === 0) connection.renew()
    this.#tell(model.setState('stale', error))
    const jitterMs = fullJitterMs(this.#tries++, random, 500, retryMsMax)
    const hopeless = error?.retryable === false && error.code !== 'UNAUTHENTICATED'
    this.#again(mayBeHopeless && hopeless ? rereadEveryMs : (error?.retryAfterMs ?? 200) + jitterMs, again)
  }

  #tell(some: boolean, change: Partial<CalendarChange> = {}): void {
    if (!some) return
    this.#endLater()
    this.#listeners.tell({ all: false, slots: nothing, selections: nothing, ...change })
  }

  /** A hover that runs out is not pushed. */
  #endLater(): void {
    const { model, clock } = this.#parts
    this.#cancelEnd()
    const endsAt = model.nextSelectionEnd()
    if (!endsAt) return
    this.#cancelEnd = clock.after(Math.max(0, endsAt - clock.monotonic()) + 1, () => {
      const ended = model.endSelections(clock.monotonic())
      this.#tell(ended.size > 0, { selections: ended })
      this.#endLater()
    })
  }
}
