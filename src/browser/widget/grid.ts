import type { Zone } from '../shared/zone.js'

/**
 * Which slot stands where, and how it looks.
 *
 * The layout says where: in the wide one a column is a day and a row is a time of day, so that what is beside each other
 * is the same time; in the narrow one a single day runs from left to right like text. It depends on the list of slots
 * alone and is made anew when that changes.
 *
 * The picture says how: it is made anew with every change and shares with the last one each row that looks the same, so
 * whoever draws it need only compare rows by identity.
 *
 * A clock that is set back shows an hour twice. Its second round gets rows of its own below the first, marked, because
 * two slots with one wall-clock time are two slots.
 */

export type CellState = 'free' | 'mine' | 'asked' | 'locked' | 'booked' | 'blocked' | 'past'

export interface Place {
  readonly slot: string
  readonly startMs: number
  /** `2026-12-01` in the reader's zone. */
  readonly date: string
  /** The second round of an hour that the clocks show twice. */
  readonly again: boolean
  /** This wall-clock time comes twice on this day, so it needs its zone beside it. */
  readonly twice: boolean
}

export interface Layout {
  readonly dates: readonly string[]
  readonly rows: readonly (readonly (Place | undefined)[])[]
  readonly columns: number
}

export interface Cell extends Place {
  readonly state: CellState
  /** Others who are looking at it. */
  readonly watched: boolean
  /** While somebody else holds it: whole minutes until it is free again at the latest. */
  readonly freeInMinutes: number | undefined
}

export interface Row {
  readonly cells: readonly (Cell | undefined)[]
}

/** What the grid needs of a slot. */
export interface SlotView {
  readonly state: 'free' | 'locked' | 'booked' | 'blocked'
  readonly by?: string | undefined
  readonly endsAt?: number | undefined
}

export const startOf = (slot: string): number => Date.parse(slot.slice(slot.indexOf('/') + 1))
export const resourceOf = (slot: string): string => slot.slice(0, slot.indexOf('/'))

/** `slots`: ids of one resource, in any order; those outside `dates` are left out. */
export function layOut(
  slots: Iterable<string>,
  dates: readonly string[],
  zone: Zone,
  shape: { kind: 'wide' } | { kind: 'narrow'; columns: number }
): Layout {
  const days = placesByDate(slots, dates, zone)
  if (shape.kind === 'narrow') {
    const places = days.flat()
    const rows = Array.from({ length: Math.ceil(places.length / shape.columns) }, (_, row) =>
      Array.from({ length: shape.columns }, (_, column) => places[row * shape.columns + column]?.place)
    )
    return { dates, rows, columns: shape.columns }
  }
  const byRow = new Map<string, { minutes: number; again: boolean; cells: (Place | undefined)[] }>()
  days.forEach((places, column) => {
    for (const { place, minutes } of places) {
      const key = `${minutes}${place.again ? '+' : ''}`
      let row = byRow.get(key)
      if (row === undefined) {
        row = { minutes, again: place.again, cells: new Array(dates.length).fill(undefined) }
        byRow.set(key, row)
      }
      row.cells[column] = place
    }
  })
  const rows = [...byRow.values()]
  // The second round as one block behind the first one's last row, in the order in which it passes.
  const lastTwice = Math.max(-1, ...rows.filter(({ again }) => again).map(({ minutes }) => minutes))
  const order = ({ minutes, again }: { minutes: number; again: boolean }): number =>
    again ? lastTwice + 0.5 + minutes / 10_000 : minutes
  rows.sort((one, other) => order(one) - order(other))
  return { dates, rows: rows.map(({ cells }) => cells), columns: dates.length }
}

function placesByDate(
  slots: Iterable<string>,
  dates: readonly string[],
  zone: Zone
): { place: Place; minutes: number }[][] {
  const columnOf = new Map(dates.map((date, column) => [date, column]))
  const days: { slot: string; startMs: number; date: string; minutes: number }[][] = dates.map(() => [])
  for (const slot of slots) {
    const startMs = startOf(slot)
    const { date, minutes } = zone.at(startMs)
    const column = columnOf.get(date)
    if (column !== undefined) days[column]!.push({ slot, startMs, date, minutes })
  }
  return days.map(day => {
    day.sort((one, other) => one.startMs - other.startMs)
    const times = new Map<number, number>()
    for (const { minutes } of day) times.set(minutes, (times.get(minutes) ?? 0) + 1)
    const passed = new Set<number>()
    return day.map(({ slot, startMs, date, minutes }) => {
      const again = passed.has(minutes)
      passed.add(minutes)
      return { place: { slot, startMs, date, again, twice: times.get(minutes)! > 1 }, minutes }
    })
  })
}

export interface Light {
  stateOf(slot: string): SlotView | undefined
  /** This visitor's tag, so that the own lock is not taken for somebody else's. */
  readonly you: string | undefined
  /** The slots that this visitor holds, by the lock itself: it knows before the calendar does. */
  readonly mine: ReadonlySet<string>
  /** Asked for, and not answered yet. */
  readonly asked: ReadonlySet<string>
  /** Slots that others are looking at. */
  readonly watched: ReadonlySet<string>
  /** Milliseconds that a lock has left, 0 when it is over. */
  leftMs(view: SlotView): number
  /** The server's clock. */
  readonly nowMs: number
}

/** The layout in this light. Rows and cells that look as they did in `before` are the same objects. */
export function paint(layout: Layout, light: Light, before: readonly Row[] = []): readonly Row[] {
  let changed = before.length !== layout.rows.length
  const rows = layout.rows.map((places, index) => {
    const old = before[index]
    let same = old !== undefined && old.cells.length === places.length
    const cells = places.map((place, column) => {
      const known = old?.cells[column]
      const cell = place && cellOf(place, light, known)
      if (cell !== known) same = false
      return cell
    })
    if (same) return old!
    changed = true
    return { cells }
  })
  return changed ? rows : before
}

function cellOf(place: Place, light: Light, known: Cell | undefined): Cell {
  const state = cellState(place, light)
  const watched = state === 'free' && light.watched.has(place.slot)
  const view = state === 'locked' ? light.stateOf(place.slot) : undefined
  // Whole minutes, so that a screen full of locks is not drawn anew each second.
  const freeInMinutes = view && Math.max(1, Math.ceil(light.leftMs(view) / 60_000))
  if (
    known !== undefined &&
    known.slot === place.slot &&
    known.state === state &&
    known.watched === watched &&
    known.freeInMinutes === freeInMinutes &&
    known.twice === place.twice
  ) {
    return known
  }
  return { ...place, state, watched, freeInMinutes }
}

function cellState({ slot, startMs }: Place, light: Light): CellState {
  if (light.mine.has(slot)) return 'mine'
  if (light.asked.has(slot)) return 'asked'
  const view = light.stateOf(slot)
  if (view === undefined) return 'past'
  if (view.state === 'booked' || view.state === 'blocked') return view.state
  if (startMs <= light.nowMs) return 'past'
  // A lock whose time has run out is over, also if nobody has said so yet.
  if (view.state === 'locked' && light.leftMs(view) > 0) {
    return view.by !== undefined && view.by === light.you ? 'mine' : 'locked'
  }
  return 'free'
}

/** How many free slots each date has. */
export function freeByDate(rows: readonly Row[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { cells } of rows)
    for (const cell of cells)
      if (cell?.state === 'free') counts.set(cell.date, (counts.get(cell.date) ?? 0) + 1)
  return counts
}

export interface Position {
  readonly row: number
  readonly column: number
}

/** Where the key leads in the grid; undefined: it is none of the grid's, or there is nothing that way. */
export function moved(
  { rows, columns }: Layout,
  { row, column }: Position,
  key: string,
  { rtl, ctrl }: { rtl: boolean; ctrl: boolean }
): Position | undefined {
  const seek = (from: Position, rowStep: number, columnStep: number): Position | undefined => {
    for (
      let at = from;
      at.row >= 0 && at.row < rows.length && at.column >= 0 && at.column < columns;
      at = { row: at.row + rowStep, column: at.column + columnStep }
    ) {
      if (rows[at.row]![at.column] !== undefined) return at
    }
    return undefined
  }
  const across = rtl ? -1 : 1
  switch (key) {
    case 'ArrowRight':
      return seek({ row, column: column + across }, 0, across)
    case 'ArrowLeft':
      return seek({ row, column: column - across }, 0, -across)
    case 'ArrowDown':
      return seek({ row: row + 1, column }, 1, 0)
    case 'ArrowUp':
      return seek({ row: row - 1, column }, -1, 0)
    case 'Home':
      return ctrl ? firstOf(rows) : seek({ row, column: 0 }, 0, 1)
    case 'End':
      return ctrl ? lastOf(rows) : seek({ row, column: columns - 1 }, 0, -1)
    default:
      return undefined
  }
}

type Places = readonly (readonly (unknown | undefined)[])[]

export function firstOf(rows: Places): Position | undefined {
  for (const [row, cells] of rows.entries()) {
    const column = cells.findIndex(cell => cell !== undefined)
    if (column >= 0) return { row, column }
  }
  return undefined
}

function lastOf(rows: Places): Position | undefined {
  for (let row = rows.length - 1; row >= 0; row--) {
    const column = rows[row]!.findLastIndex(cell => cell !== undefined)
    if (column >= 0) return { row, column }
  }
  return undefined
}

/** The place in the grid that is nearest to one that may be gone, so that focus does not fall out of the grid. */
export function nearest({ rows }: Layout, { row, column }: Position): Position | undefined {
  let best: Position | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  rows.forEach((cells, r) => {
    cells.forEach((cell, c) => {
      if (cell === undefined) return
      const distance = Math.abs(r - row) + Math.abs(c - column) * 3
      if (distance < bestDistance) {
        best = { row: r, column: c }
        bestDistance = distance
      }
    })
  })
  return best
}
