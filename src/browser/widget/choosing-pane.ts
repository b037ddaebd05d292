import { html, type TemplateResult } from 'lit'
import { fill } from '../shared/texts.js'
import type { Zone } from '../shared/zone.js'
import { bonesView, emptyView, footView, headView, periodView, stripView } from './choosing-view.js'
import { type Cell, freeByDate, type Light, layOut, paint, resourceOf, startOf } from './grid.js'
import { GridView, type Shown } from './grid-view.js'
import { Hover } from './hover.js'
import { datesOf, dayCountOf, type Period, periodAt, turned } from './period.js'
import type { PickerSession } from './session.js'
import { OfferedSlots, viewOf } from './slots.js'
import { cellTime, type Language } from './words.js'

/** Whom, which days, which time: all that a visitor chooses from, and what is chosen of it so far. */

export interface ChoosingEvents {
  press(slot: string): void
  hover(slot: string | null): void
  /** Other days are shown. */
  show(range: { from: string; to: string }): void
  say(text: string): void
  changed(): void
}

export interface ChoosingShown {
  readonly session: PickerSession
  readonly language: Language
  readonly zone: Zone
  readonly resource: string | undefined
  readonly offered: readonly string[] | undefined
  readonly days: number
  readonly widthPx: number
  readonly rtl: boolean
  /** A cell has the focus. */
  readonly hasFocus: boolean
}

/** Below this a day at a time is shown, in so many columns. */
const narrowPx = 520
const columnsIn = (widthPx: number): number => (widthPx < 300 ? 2 : widthPx < 430 ? 3 : 4)

export class ChoosingPane {
  readonly #events: ChoosingEvents
  readonly #grid: GridView
  readonly #hover: Hover
  readonly #offered = new OfferedSlots()
  #shown: ChoosingShown | undefined
  #gridShown: Shown | undefined
  #startAt: string | undefined
  #period: Period | undefined
  #resource: string | undefined
  #freeByDate: ReadonlyMap<string, number> = new Map()
  /** The active cell as it was last drawn. */
  #heard: Cell | undefined

  constructor(events: ChoosingEvents) {
    this.#events = events
    this.#hover = new Hover(slot => events.hover(slot))
    this.#grid = new GridView({
      press: ({ slot }) => events.press(slot),
      look: cell => {
        this.#hover.over(cell?.state === 'free' ? cell.slot : null)
        events.changed()
      },
      turn: by => this.#turn(this.#narrow ? by : by * this.#count)
    })
  }

  stop(): void {
    this.#hover.stop()
  }

  /** The first date shown; undefined: today. */
  startAt(date: string | undefined): void {
    this.#startAt = date
    if (date === undefined || this.#period === undefined) return
    this.#move(periodAt(date, this.#today))
  }

  /** What is to be read before anything can be shown. */
  rangeFrom(zone: Zone, nowMs: number, days: number, widthPx: number): { from: string; to: string } {
    const today = zone.at(nowMs).date
    this.#period ??= periodAt(this.#startAt ?? today, today)
    return rangeOf(this.#period, dayCountOf(days, widthPx < narrowPx))
  }

  get #narrow(): boolean {
    return this.#shown !== undefined && this.#shown.widthPx < narrowPx
  }
  get #count(): number {
    return dayCountOf(this.#shown?.days ?? 7, this.#narrow)
  }
  get #today(): string {
    const { zone, session } = this.#shown!
    return zone.at(session.nowMs()).date
  }

  update(shown: ChoosingShown): void {
    const before = this.#shown
    this.#shown = shown
    const { session, zone, language, offered, rtl } = shown
    const { snapshot } = session
    const period = this.#period!
    const dates = datesOf(period, this.#count)
    if (before !== undefined && dayCountOf(before.days, before.widthPx < narrowPx) !== dates.length)
      this.#events.show(rangeOf(period, dates.length))
    const resource = shown.resource ?? this.#chosenResource()
    const slots = this.#offered.of(snapshot, resource, offered)
    const light = lightOf(session, offered)
    if (this.#narrow) this.#freeByDate = countFree(slots, dates, zone, light)
    const day = period.day ?? dates.find(date => (this.#freeByDate.get(date) ?? 0) > 0) ?? dates[0]!
    const visible = this.#narrow ? [day] : dates
    const label = `${language.texts.times}, ${this.#narrow ? language.formats.longDay(day) : language.formats.dayRange(dates[0]!, dates.at(-1)!, this.#today)}`
    this.#gridShown = {
      slots,
      dates: visible,
      zone,
      today: this.#today,
      narrowColumns: this.#narrow ? columnsIn(shown.widthPx) : undefined,
      label,
      language,
      rtl
    }
    this.#grid.update(this.#gridShown, light)
    if (!this.#narrow) this.#freeByDate = freeByDate(this.#grid.rows)
    this.#listen()
  }

  /** Somebody whose focus is on a time learns that it is gone. Of all the other times nothing is said aloud. */
  #listen(): void {
    const { hasFocus, language } = this.#shown!
    const cell = this.#grid.activeCell
    const before = this.#heard
    this.#heard = cell
    if (!hasFocus || before === undefined || cell === undefined || before.slot !== cell.slot) return
    if (before.state === 'free' && (cell.state === 'locked' || cell.state === 'booked')) {
      this.#events.say(fill(language.texts.sayFocusTaken, { time: cellTime(cell, language.formats) }))
    }
  }

  #chosenResource(): string | undefined {
    const { session, offered } = this.#shown!
    const resources = session.info?.resources
    // Another calendar, or this one defined anew, may not have the one that was chosen.
    if (this.#resource !== undefined && (resources?.some(({ id }) => id === this.#resource) ?? true))
      return this.#resource
    const held = session.state.hold?.slots[0]
    if (held !== undefined) return resourceOf(held)
    const first = resources?.[0]?.id
    if (first !== undefined) return first
    const [slot] = offered ?? session.snapshot.slots.keys()
    return slot === undefined ? undefined : resourceOf(slot)
  }

  render(around: unknown): TemplateResult {
    const { session, language, zone } = this.#shown!
    const shown = this.#gridShown!
    const dates = datesOf(this.#period!, this.#count)
    const { info, snapshot } = session
    const resources = this.#shown!.resource === undefined ? (info?.resources ?? []) : []
    const chosen = this.#chosenResource()
    const today = shown.today
    const loading = this.#grid.rows.length === 0 && snapshot.state === 'loading'
    const nothingFree = !loading && [...this.#freeByDate.values()].every(count => count === 0)
    return html`
      ${headView({ name: info?.name ?? '', resources, chosen, language }, id => this.#choose(id))} ${around}
      ${periodView({ dates, today, language }, by => this.#turnPeriod(by))}
      ${
        this.#narrow
          ? stripView({ dates, today, chosen: shown.dates[0]!, free: this.#freeByDate, language }, day =>
              this.#move({ ...this.#period!, day })
            )
          : ''
      }
      ${
        loading
          ? bonesView(shown.narrowColumns ?? dates.length, language)
          : this.#grid.rows.length === 0
            ? ''
            : html`<div class="scroller">${this.#grid.render(shown)}</div>`
      }
      ${nothingFree ? emptyView(language, () => this.#turnPeriod(dates.length)) : ''}
      ${footView(zone, startOf(this.#grid.activeCell?.slot ?? '') || session.nowMs(), language)}
    `
  }

  drawn(root: ShadowRoot): void {
    this.#grid.drawn(root)
  }

  #choose(resource: string): void {
    this.#resource = resource
    this.#events.changed()
  }

  /** So many days on or back by a key in the grid. */
  #turn(by: number): void {
    const period = { ...this.#period!, ...(this.#narrow ? { day: this.#gridShown!.dates[0]! } : {}) }
    this.#move(turned(period, by, { today: this.#today, count: this.#count, narrow: this.#narrow }))
  }

  #turnPeriod(by: number): void {
    this.#move(turned(this.#period!, by, { today: this.#today, count: this.#count, narrow: false }))
  }

  #move(period: Period): void {
    const { first } = this.#period!
    // A strip of other days begins with none of them chosen, unless a key led to one.
    const day = first === period.first || period.day !== this.#period!.day ? period.day : undefined
    this.#period = { first: period.first, day }
    if (first !== period.first) this.#events.show(rangeOf(period, this.#count))
    const dates = datesOf(this.#period, this.#count)
    const { formats } = this.#shown!.language
    this.#events.say(
      day === undefined ? formats.dayRange(dates[0]!, dates.at(-1)!, this.#today) : formats.longDay(day)
    )
    this.#events.changed()
  }
}

const rangeOf = (period: Period, count: number): { from: string; to: string } => {
  const dates = datesOf(period, count)
  return { from: dates[0]!, to: dates.at(-1)! }
}

function lightOf(session: PickerSession, offered: readonly string[] | undefined): Light {
  const { snapshot, state } = session
  const watched = new Set<string>()
  for (const { viewer, slot, endsAt } of snapshot.selections.values())
    if (viewer !== snapshot.you && session.leftMs({ endsAt }) > 0) watched.add(slot)
  return {
    stateOf: slot => viewOf(snapshot, offered, slot),
    you: snapshot.you,
    mine: new Set(state.hold?.slots),
    asked: new Set(state.request?.kind === 'lock' ? state.request.slots : []),
    watched,
    leftMs: view => session.leftMs(view),
    nowMs: session.nowMs()
  }
}

/** Of all days of the strip, while the grid shows one of them. */
function countFree(
  slots: ReadonlySet<string>,
  dates: readonly string[],
  zone: Zone,
  light: Light
): ReadonlyMap<string, number> {
  return freeByDate(paint(layOut(slots, dates, zone, { kind: 'wide' }), light))
}
