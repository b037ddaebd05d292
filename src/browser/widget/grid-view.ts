import { html, nothing, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import type { Zone } from '../shared/zone.js'
import { moveFocus } from './focus.js'
import {
  type Cell,
  firstOf,
  freeByDate,
  type Layout,
  type Light,
  layOut,
  moved,
  nearest,
  type Position,
  paint,
  type Row
} from './grid.js'
import { cellInWords, cellTime, freeInWords, type Language } from './words.js'

/**
 * Draws the grid and moves the focus in it. Rows that look as before are not touched, so a change costs its row.
 *
 * One cell is in the tab order, the active one; arrows move it. It is remembered by its place, so that it stays where
 * it is when other days come into the grid.
 */

export interface Shown {
  /** Ids of the slots of one resource; a new object when they changed. */
  readonly slots: ReadonlySet<string>
  readonly dates: readonly string[]
  readonly zone: Zone
  readonly today: string
  /** Columns of a narrow layout; undefined: a column a day. */
  readonly narrowColumns: number | undefined
  readonly label: string
  readonly language: Language
  readonly rtl: boolean
}

export interface GridEvents {
  press(cell: Cell): void
  /** The pointer or the focus is on it; undefined: on none. */
  look(cell: Cell | undefined): void
  /** `-1`: the days before; 1: those after. */
  turn(by: -1 | 1): void
}

export class GridView {
  readonly #events: GridEvents
  #layout: Layout = { dates: [], rows: [], columns: 1 }
  #rows: readonly Row[] = []
  #laidOutFor: Shown | undefined
  #active: Position = { row: 0, column: 0 }
  /** Where the visitor went; while there is no cell yet, the nearest one is active. */
  #wished: Position = { row: 0, column: 0 }
  #hasFocus = false
  #touched = false
  /** Set until the cell that became active is drawn. */
  #focusWanted = false

  constructor(events: GridEvents) {
    this.#events = events
  }

  get rows(): readonly Row[] {
    return this.#rows
  }

  /** The cell with the tab stop; what is heard of it alone is said aloud. */
  get activeCell(): Cell | undefined {
    return this.#rows[this.#active.row]?.cells[this.#active.column]
  }

  /** Works out what is to be drawn. */
  update(shown: Shown, light: Light): void {
    const old = this.#laidOutFor
    if (
      old?.slots !== shown.slots ||
      old.zone !== shown.zone ||
      old.narrowColumns !== shown.narrowColumns ||
      old.dates.join() !== shown.dates.join()
    ) {
      const kind = shown.narrowColumns
      this.#layout = layOut(
        shown.slots,
        shown.dates,
        shown.zone,
        kind === undefined ? { kind: 'wide' } : { kind: 'narrow', columns: kind }
      )
    }
    this.#laidOutFor = shown
    this.#rows = paint(this.#layout, light, this.#rows)
    if (!this.#touched) this.#wished = this.#firstFree() ?? firstOf(this.#layout.rows) ?? this.#wished
    const { row, column } = this.#wished
    const there = this.#rows[row]?.cells[column] !== undefined
    const active = there ? this.#wished : (nearest(this.#layout, this.#wished) ?? this.#wished)
    if (this.#hasFocus && (active.row !== this.#active.row || active.column !== this.#active.column))
      this.#focusWanted = true
    this.#active = active
  }

  #firstFree(): Position | undefined {
    for (let column = 0; column < this.#layout.columns; column++) {
      const row = this.#rows.findIndex(({ cells }) => cells[column]?.state === 'free')
      if (row >= 0) return { row, column }
    }
    return undefined
  }

  render(shown: Shown): TemplateResult {
    const { language, label } = shown
    return html`
      <div
        class="grid"
        part="grid"
        role="grid"
        aria-label=${label}
        .style=${`--columns: ${this.#layout.columns}`}
        @click=${this.#onClick}
        @keydown=${this.#onKeydown}
        @focusin=${this.#onFocusIn}
        @focusout=${this.#onFocusOut}
        @pointerover=${this.#onPointerOver}
        @pointerleave=${this.#onPointerLeave}
      >
        ${shown.narrowColumns === undefined ? this.#heads(shown) : nothing}
        <div class="rows" role="rowgroup">
          ${this.#rows.map((row, index) => {
            const active = index === this.#active.row ? this.#active.column : -1
            return guard([row, active, language], () => rowTemplate(row, index, active, language))
          })}
        </div>
      </div>
    `
  }

  #heads({ dates, today, language }: Shown): TemplateResult {
    const free = freeByDate(this.#rows)
    return html`
      <div class="days" role="rowgroup">
        <div class="row" role="row">
          ${dates.map(date => {
            const { formats } = language
            return html`
              <div class="day ${date === today ? 'today' : ''}" part="day" role="columnheader">
                <span class="visually-hidden">${formats.longDay(date)},</span>
                <span class="weekday" aria-hidden="true">${formats.weekday(date)}</span>
                <span class="number" aria-hidden="true">${formats.dayOfMonth(date)}</span>
                <span class="count">${freeInWords(free.get(date) ?? 0, language)}</span>
              </div>
            `
          })}
        </div>
      </div>
    `
  }

  /**
   * After a drawing: the focus follows the active cell where a key has moved that. Days that are not read yet have no
   * cells; then it waits for them, unless the visitor goes elsewhere meanwhile.
   */
  drawn(root: ShadowRoot): void {
    if (!this.#focusWanted) return
    const elsewhere = root.activeElement !== null && !root.activeElement.classList.contains('cell')
    if (elsewhere || root.querySelector('.cell[tabindex="0"]') !== null) this.#focusWanted = false
    if (elsewhere) return
    // The focus comes from here and not from the visitor: what was wished for stays that.
    const wished = this.#wished
    moveFocus('grid', root)
    this.#wished = wished
  }

  #cellAt(event: Event): { cell: Cell; position: Position } | undefined {
    const element = (event.target as Element).closest<HTMLElement>('.cell')
    if (element === null) return undefined
    const position = { row: Number(element.dataset.row), column: Number(element.dataset.column) }
    const cell = this.#rows[position.row]?.cells[position.column]
    return cell && { cell, position }
  }

  #press({ row, column }: Position): void {
    const cell = this.#rows[row]?.cells[column]
    if (cell !== undefined) this.#events.press(cell)
  }

  #activate(position: Position): void {
    this.#touched = true
    this.#active = position
    this.#wished = position
  }

  readonly #onClick = (event: Event): void => {
    const found = this.#cellAt(event)
    if (found === undefined) return
    this.#activate(found.position)
    // The second press of a double click means the same as the first, not the opposite.
    if ((event as MouseEvent).detail < 2) this.#events.press(found.cell)
  }

  readonly #onKeydown = (event: KeyboardEvent): void => {
    const found = this.#cellAt(event)
    if (found === undefined || event.altKey || event.metaKey) return
    // Keys come quicker than frames: the focus may still be on its way from the key before.
    const position = this.#focusWanted ? this.#active : found.position
    const { key, ctrlKey } = event
    if (key === 'Enter' || key === ' ') {
      event.preventDefault()
      if (!event.repeat) this.#press(position)
      return
    }
    if (key === 'PageUp' || key === 'PageDown') {
      event.preventDefault()
      this.#touched = true
      this.#focusWanted = true
      this.#events.turn(key === 'PageDown' ? 1 : -1)
      return
    }
    const rtl = this.#laidOutFor?.rtl === true
    const to = moved(this.#layout, position, key, { rtl, ctrl: ctrlKey })
    if (to === undefined) {
      // At the edge nothing moves, and the page under it does not either.
      if (key.startsWith('Arrow') || key === 'Home' || key === 'End') event.preventDefault()
      return
    }
    event.preventDefault()
    this.#activate(to)
    this.#focusWanted = true
    this.#events.look(this.activeCell)
  }

  readonly #onFocusIn = (event: Event): void => {
    const found = this.#cellAt(event)
    if (found === undefined) return
    this.#hasFocus = true
    this.#activate(found.position)
    this.#events.look(found.cell)
  }

  readonly #onFocusOut = (): void => {
    this.#hasFocus = false
    this.#events.look(undefined)
  }

  readonly #onPointerOver = (event: PointerEvent): void => {
    // A finger does not hover; what it touches it presses.
    if (event.pointerType !== 'touch') this.#events.look(this.#cellAt(event)?.cell)
  }

  readonly #onPointerLeave = (): void => this.#events.look(undefined)
}

function rowTemplate(row: Row, index: number, active: number, language: Language): TemplateResult {
  return html`
    <div class="row" role="row">
      ${row.cells.map((cell, column) => cellTemplate(cell, index, column, column === active, language))}
    </div>
  `
}

const unavailable: readonly Cell['state'][] = ['booked', 'blocked', 'past', 'asked']

function cellTemplate(
  cell: Cell | undefined,
  row: number,
  column: number,
  active: boolean,
  language: Language
): TemplateResult {
  if (cell === undefined) return html`<div class="none" role="gridcell"></div>`
  const { state, watched, freeInMinutes } = cell
  return html`<div
    class="cell ${state} ${watched ? 'watched' : ''}"
    part="slot ${state} ${watched ? 'watched' : ''}"
    role="gridcell"
    tabindex=${active ? 0 : -1}
    data-row=${row}
    data-column=${column}
    data-slot=${cell.slot}
    aria-label=${cellInWords(cell, language)}
    data-left=${freeInMinutes === undefined ? nothing : language.formats.minutes(freeInMinutes * 60_000)}
    aria-selected=${state === 'mine'}
    aria-disabled=${unavailable.includes(state) ? 'true' : nothing}
    >${cellTime(cell, language.formats)}</div
  >`
}
