import type { ResultOf } from '../../protocol/operations.js'
import type { SelectionView, SlotState } from '../../protocol/schemas.js'
import type { SlotlockError } from './errors.js'
import type { CalendarSnapshot, Selection, Slot, SlotId, ViewerTag } from './types.js'

/** Past these a store takes no more until it reads anew: a grid has an end, but `grid: "open"` has none. */
const slotsMax = 100_000
const viewersMax = 2_000
/** An end that is read anew may come out a little different; so much is a machine that slept. */
const endDriftMs = 1_000

interface Hover {
  view: SelectionView
  endsAt: number
}

/**
 * Some days of one calendar as the screen shows them, from snapshots and from changes, which may be lost, come twice
 * or overtake each other: of two states of a slot the greater `ver` counts, of two hovers of a viewer the greater `seq`.
 *
 * A snapshot says also what is no more, by not having it: such a slot goes, unless a change told of it after the
 * snapshot was asked for.
 */
export class CalendarModel {
  readonly calendar: string
  from: string
  to: string
  #timeZone = ''
  #you: ViewerTag | undefined
  #state: CalendarSnapshot['state'] = 'loading'
  #error: SlotlockError | undefined
  #slots = new Map<SlotId, Slot>()
  readonly #hovers = new Map<ViewerTag, Hover>()
  /** Slots that changes told of since the snapshot was asked for. */
  readonly #told = new Set<SlotId>()
  #snapshot: CalendarSnapshot | undefined
  /** Copies that are given out; undefined once something changed. */
  #shownSlots: CalendarSnapshot['slots'] | undefined
  #shownSelections: CalendarSnapshot['selections'] | undefined
  #localDate: ((at: number) => string) | undefined

  constructor(calendar: string, from: string, to: string) {
    this.calendar = calendar
    this.from = from
    this.to = to
  }

  /** The same object until something changes. */
  snapshot(): CalendarSnapshot {
    this.#shownSlots ??= new Map(this.#slots)
    this.#shownSelections ??= this.#shown()
    this.#snapshot ??= {
      calendar: this.calendar,
      from: this.from,
      to: this.to,
      timeZone: this.#timeZone,
      you: this.#you,
      slots: this.#shownSlots,
      selections: this.#shownSelections,
      state: this.#state,
      error: this.#error
    }
    return this.#snapshot
  }

  /** False: that is what it was. */
  setState(state: CalendarSnapshot['state'], error?: SlotlockError): boolean {
    // What was never read is loading, however often the connection is lost meanwhile.
    const next = state === 'stale' && this.#state === 'loading' ? 'loading' : state
    if (next === this.#state && error === this.#error) return false
    this.#state = next
    this.#error = error
    this.#snapshot = undefined
    return true
  }

  setRange(from: string, to: string): void {
    this.from = from
    this.to = to
    this.#state = 'loading'
    this.#error = undefined
    this.#snapshot = undefined
    for (const [id, slot] of this.#slots) if (!this.#inRange(slot)) this.#slots.delete(id)
    this.#slotsChanged()
  }

  /** A snapshot is being asked for: what changes from now on may not be in it. */
  asking(): void {
    this.#told.clear()
  }

  applySnapshot(result: ResultOf<'readSlots'>, sentAt: number): void {
    this.#you = result.you
    this.#timeZone = result.timeZone
    this.#localDate = undefined
    const before = this.#slots
    this.#slots = new Map()
    for (const state of result.slots) {
      const known = before.get(state.slot)
      this.#slots.set(state.slot, known && !isNews(state, known, sentAt) ? known : slotOf(state, sentAt))
    }
    for (const id of this.#told) {
      const known = before.get(id)
      if (known && !this.#slots.has(id) && this.#inRange(known)) this.#slots.set(id, known)
    }
    this.#told.clear()
    this.#slotsChanged()
    this.applySelections(result.selections, sentAt)
    this.setState('live')
  }

  /** Answers which slots changed. */
  applySlots(states: readonly SlotState[], countedFrom: number): Set<SlotId> {
    const changed = new Set<SlotId>()
    for (const state of states) {
      const { slot: id } = state
      const known = this.#slots.get(id)
      if (!known && this.#slots.size >= slotsMax) continue
      if (known && !isNews(state, known, countedFrom)) continue
      const slot = slotOf(state, countedFrom)
      // Before the first answer nobody knows the time zone, and so the days; the answer sorts it out.
      if (!known && this.#timeZone && !this.#inRange(slot)) continue
      this.#slots.set(id, slot)
      this.#told.add(id)
      changed.add(id)
    }
    if (changed.size > 0) this.#slotsChanged()
    return changed
  }

  /** Answers whose changed. `all`: who is not among them looks at nothing. */
  applySelections(views: readonly SelectionView[], countedFrom: number, all = false): Set<ViewerTag> {
    const changed = new Set<ViewerTag>()
    for (const view of views) {
      const { viewer } = view
      const known = this.#hovers.get(viewer)
      if (!known ? this.#hovers.size >= viewersMax : known.view.seq >= view.seq) continue
      this.#hovers.set(viewer, { view, endsAt: countedFrom + view.expiresInMs })
      if (view.slot !== null || (known?.view.slot ?? null) !== null) changed.add(viewer)
    }
    if (all) {
      const listed = new Set(views.map(({ viewer }) => viewer))
      for (const [viewer, { view }] of this.#hovers) {
        if (listed.has(viewer)) continue
        this.#hovers.delete(viewer)
        if (view.slot !== null) changed.add(viewer)
      }
    }
    if (changed.size > 0) this.#snapshot = this.#shownSelections = undefined
    return changed
  }

  /** Hovers whose time is over. */
  endSelections(nowMs: number): Set<ViewerTag> {
    const changed = new Set<ViewerTag>()
    for (const [viewer, { view, endsAt }] of this.#hovers) {
      if (endsAt > nowMs) continue
      this.#hovers.delete(viewer)
      if (view.slot !== null) changed.add(viewer)
    }
    if (changed.size > 0) this.#snapshot = this.#shownSelections = undefined
    return changed
  }

  /** Monotonic; undefined: nobody looks at anything. */
  nextSelectionEnd(): number | undefined {
    let next: number | undefined
    for (const { endsAt } of this.#hovers.values()) if (!next || endsAt < next) next = endsAt
    return next
  }

  #slotsChanged(): void {
    this.#snapshot = this.#shownSlots = undefined
  }

  #shown(): Map<ViewerTag, Selection> {
    const shown = new Map<ViewerTag, Selection>()
    for (const [viewer, { view, endsAt }] of this.#hovers) {
      if (view.slot !== null) shown.set(viewer, { ...view, slot: view.slot, endsAt })
    }
    return shown
  }

  /** Pushes are about the whole calendar, and its days are those of its own time zone. */
  #inRange({ start }: Slot): boolean {
    if (!this.#timeZone) return false
    this.#localDate ??= localDateIn(this.#timeZone)
    const date = this.#localDate(start)
    return date >= this.from && date <= this.to
  }
}

/** The same version may be counted anew: by a machine that slept, whose countdown had stood still. */
function isNews(state: SlotState, known: Slot, countedFrom: number): boolean {
  if (state.ver !== known.ver) return state.ver > known.ver
  return known.endsAt !== undefined && countedFrom + (state.expiresInMs ?? 0) < known.endsAt - endDriftMs
}

function slotOf(state: SlotState, countedFrom: number): Slot {
  const slash = state.slot.indexOf('/')
  return {
    ...state,
    resource: state.slot.slice(0, slash),
    start: Date.parse(state.slot.slice(slash + 1)),
    endsAt: state.expiresInMs === undefined ? undefined : countedFrom + state.expiresInMs
  }
}

/** `2026-12-01`; Swedes write dates that way. */
function localDateIn(timeZone: string): (at: number) => string {
  const format = new Intl.DateTimeFormat('sv', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit'
  })
  return at => format.format(at)
}
