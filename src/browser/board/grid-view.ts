import { html, nothing, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import { repeat } from 'lit/directives/repeat.js'
import type { Formats } from '../shared/format.js'
import { type BoardState, keyed, type Place } from './board.js'
import type { Cell, GridRow } from './grid-model.js'
import { icons } from './icons.js'
import { cellWords, shortTag, words } from './words.js'

/**
 * Draws the grid. A row whose version, focus and selection are as before is not looked at, so that a change costs its row.
 * Elements are kept by person and column, so the focus stays on its cell whatever happens around it.
 */

export interface GridShown {
  readonly rows: readonly GridRow[]
  readonly columns: readonly number[]
  readonly state: BoardState
  /** Grows with every change of the selection. */
  readonly selectionVersion: number
  readonly formats: Formats
  readonly nowMs: number
  leftMs(endsAt: number | undefined): number
}

export interface GridEvents {
  /** Where the cursor is now; the one that was drawn may be a key press older. */
  at(): Place
  choose(at: Place, how: 'one' | 'toggle' | 'range'): void
  move(at: Place): void
  act(at: Place): void
  clear(): void
}

const placeOf = (event: Event): Place | undefined => {
  const cell = event.composedPath().find(node => node instanceof HTMLElement && node.dataset.at !== undefined)
  const [row, column] = (cell as HTMLElement | undefined)?.dataset.at?.split(':').map(Number) ?? []
  return row === undefined || column === undefined ? undefined : { row, column }
}

export function gridTemplate(shown: GridShown, events: GridEvents): TemplateResult {
  const { rows, columns, state, selectionVersion, formats, nowMs } = shown
  const minute = Math.floor(nowMs / 60_000)
  return html`<div
    class="grid"
    role="grid"
    aria-label=${words.grid}
    aria-multiselectable="true"
    aria-rowcount=${rows.length + 1}
    aria-colcount=${columns.length + 1}
    style="--columns: ${columns.length}"
    @click=${(event: MouseEvent) => {
      const at = placeOf(event)
      if (at === undefined) return
      events.choose(at, event.shiftKey ? 'range' : event.ctrlKey || event.metaKey ? 'toggle' : 'one')
    }}
    @keydown=${(event: KeyboardEvent) => onKey(event, shown, events)}
  >
    <div class="heads" role="row">
      <div class="corner" role="columnheader">${formats.offset(nowMs)}</div>
      ${guard([columns, formats, minute], () =>
        columns.map((start, index) => {
          const past = start <= nowMs && (columns[index + 1] ?? Number.POSITIVE_INFINITY) > nowMs
          return html`<div class="head ${past ? 'now' : ''}" role="columnheader">${formats.time(start)}</div>`
        })
      )}
    </div>
    ${repeat(
      rows,
      ({ resource }) => resource,
      (row, index) => {
        const column = state.at.row === index ? state.at.column : -1
        return guard([row.version, row, index, column, selectionVersion, formats, minute], () =>
          rowTemplate(row, index, column, shown)
        )
      }
    )}
  </div>`
}

function rowTemplate(row: GridRow, index: number, focused: number, shown: GridShown): TemplateResult {
  return html`<div class="row" role="row">
    <div class="name" role="rowheader" title=${row.name}>${row.name}</div>
    ${row.cells.map((cell, column) => cellTemplate(cell, index, column, column === focused, shown))}
  </div>`
}

function cellTemplate(
  cell: Cell,
  row: number,
  column: number,
  focused: boolean,
  { state, formats, nowMs, leftMs }: GridShown
): TemplateResult {
  const left = cell.state === 'locked' ? leftMs(cell.endsAt) : 0
  const past = cell.start <= nowMs ? 'past' : ''
  const ending = cell.state === 'locked' && left < 60_000 ? 'ending' : ''
  return html`<div
    class="cell ${cell.state} ${past} ${ending}"
    role="gridcell"
    tabindex=${focused ? 0 : -1}
    data-at="${row}:${column}"
    data-slot=${cell.slot}
    data-tag=${cell.state === 'locked' ? shortTag(cell.by) : nothing}
    data-left=${cell.state === 'locked' ? formats.countdown(left) : nothing}
    aria-selected=${state.selected.has(cell.slot)}
    aria-label=${cellWords(cell, formats.time(cell.start), cell.state === 'locked' ? formats.minutes(left) : '')}
  >
    ${cell.state === 'booked' ? icons.booked : cell.state === 'blocked' ? icons.blocked : nothing}${
      cell.looking > 0
        ? html`<span class="looks">${cell.looking > 1 ? cell.looking : nothing}</span>`
        : nothing
    }
  </div>`
}

function onKey(event: KeyboardEvent, shown: GridShown, events: GridEvents): void {
  const { rows, columns } = shown
  const at = events.at()
  const grid = event.currentTarget as HTMLElement
  const control = event.ctrlKey || event.metaKey
  const rtl = getComputedStyle(grid).direction === 'rtl'
  const size = { rows: rows.length, columns: columns.length, cell: () => undefined, find: () => undefined }
  const next = keyed(at, { key: event.key, control, rtl }, size)
  if (next !== undefined) {
    if (event.shiftKey) events.choose(next, 'range')
    else events.move(next)
  } else if (event.key === ' ') events.choose(at, event.shiftKey ? 'range' : 'toggle')
  else if (event.key === 'Enter') events.act(at)
  else if (event.key === 'Escape') events.clear()
  else return
  event.preventDefault()
}
