import type { StaffLockView } from '../../protocol/schemas.js'
import type { CalendarChange, CalendarInfo, CalendarSnapshot, Slot } from '../client/index.js'
import type { Zone } from '../shared/zone.js'

/**
 * One day of a calendar as a grid: who is booked downwards, the time across. Pure, and kept up to date change by change:
 * a change makes one new cell and raises its row's version, so whoever draws needs look at that row alone.
 */

export interface Cell {
  readonly slot: string
  readonly resource: string
  readonly start: number
  /** `none`: not open for booking. */
  readonly state: 'free' | 'locked' | 'booked' | 'blocked' | 'none'
  /** Tag of who holds it. */
  readonly by?: string | undefined
  /** By the client's monotonic clock. */
  readonly endsAt?: number | undefined
  /** How many look at it. */
  readonly looking: number
  /** What staff know of the hold; a moment later than the state itself. */
  readonly lock?: StaffLockView | undefined
}

export interface GridRow {
  readonly resource: string
  readonly name: string
  cells: Cell[]
  /** Grows with every change of a cell. */
  version: number
}

export type Tally = Record<'free' | 'locked' | 'booked' | 'blocked' | 'looking', number>

export class GridModel {
  /** Starts of the columns, in order. */
  columns: readonly number[] = []
  rows: readonly GridRow[] = []
  readonly #rowOf = new Map<string, GridRow>()
  readonly #columnOf = new Map<number, number>()
  readonly #locks = new Map<string, StaffLockView>()
  readonly #lockOfSlot = new Map<string, StaffLockView>()
  readonly #lookedAt = new Map<string, string>()
  readonly #lookers = new Map<string, number>()
  #slots: ReadonlyMap<string, Slot> = new Map()

  get locks(): ReadonlyMap<string, StaffLockView> {
    return this.#locks
  }

  /** The day, read anew. Slots of other days that the snapshot still has are left out. */
  show(day: string, info: CalendarInfo | undefined, snapshot: CalendarSnapshot, zone: Zone): void {
    this.#slots = snapshot.slots
    this.#lookedAt.clear()
    this.#lookers.clear()
    for (const { viewer, slot } of snapshot.selections.values()) {
      this.#lookedAt.set(viewer, slot)
      this.#lookers.set(slot, (this.#lookers.get(slot) ?? 0) + 1)
    }
    const ofDay = [...snapshot.slots.values()].filter(({ start }) => zone.at(start).date === day)
    this.columns = [...new Set(ofDay.map(({ start }) => start))].sort((a, b) => a - b)
    this.#columnOf.clear()
    for (const [index, start] of this.columns.entries()) this.#columnOf.set(start, index)
    const names = new Map((info?.resources ?? []).map(({ id, name }) => [id, name]))
    for (const { resource } of ofDay) if (!names.has(resource)) names.set(resource, resource)
    const before = new Map(this.#rowOf)
    this.#rowOf.clear()
    this.rows = [...names].map(([resource, name]) => {
      const version = (before.get(resource)?.version ?? 0) + 1
      const cells = this.columns.map(start => this.#cellAt(resource, start))
      const row = { resource, name, version, cells }
      this.#rowOf.set(resource, row)
      return row
    })
  }

  /** What the store says has changed. False: a slot that has no place here, so the day has to be shown anew. */
  change(snapshot: CalendarSnapshot, changed: CalendarChange): boolean {
    this.#slots = snapshot.slots
    const touched = new Set<string>(changed.slots)
    for (const viewer of changed.selections) {
      const [was, is] = [this.#lookedAt.get(viewer), snapshot.selections.get(viewer)?.slot]
      if (was === is) continue
      this.#count(was, -1, touched)
      this.#count(is, 1, touched)
      if (is === undefined) this.#lookedAt.delete(viewer)
      else this.#lookedAt.set(viewer, is)
    }
    let placed = true
    for (const slot of touched) if (!this.#touch(slot) && changed.slots.has(slot)) placed = false
    return placed
  }

  /** All live locks, read anew. */
  setLocks(locks: readonly StaffLockView[]): void {
    const touched = new Set(this.#lockOfSlot.keys())
    this.#locks.clear()
    this.#lockOfSlot.clear()
    for (const lock of locks) this.#put(lock, touched)
    for (const slot of touched) this.#touch(slot)
  }

  /** What changed since; in the order in which it was pushed. */
  changeLocks(locks: readonly StaffLockView[], ended: readonly string[]): void {
    const touched = new Set<string>()
    for (const id of ended) this.#drop(id, touched)
    for (const lock of locks) {
      this.#drop(lock.id, touched)
      this.#put(lock, touched)
    }
    for (const slot of touched) this.#touch(slot)
  }

  cell(slot: string): Cell | undefined {
    const { resource, start } = partsOf(slot)
    return this.cellOf(resource, this.#columnOf.get(start) ?? -1)
  }

  cellOf(resource: string, column: number): Cell | undefined {
    return this.#rowOf.get(resource)?.cells[column]
  }

  tally(rows: readonly GridRow[]): Tally {
    const tally: Tally = { free: 0, locked: 0, booked: 0, blocked: 0, looking: 0 }
    for (const { cells } of rows)
      for (const { state, looking } of cells) {
        if (state !== 'none') tally[state] += 1
        tally.looking += looking
      }
    return tally
  }

  /** Rows in which time runs down, so that they are drawn with every tick. */
  tick(): void {
    for (const row of this.rows) if (row.cells.some(({ state }) => state === 'locked')) row.version += 1
  }

  #put(lock: StaffLockView, touched: Set<string>): void {
    this.#locks.set(lock.id, lock)
    for (const slot of lock.slots) {
      this.#lockOfSlot.set(slot, lock)
      touched.add(slot)
    }
  }

  #drop(id: string, touched: Set<string>): void {
    const lock = this.#locks.get(id)
    this.#locks.delete(id)
    for (const slot of lock?.slots ?? []) {
      // somebody else may hold it by now
      if (this.#lockOfSlot.get(slot)?.id === id) this.#lockOfSlot.delete(slot)
      touched.add(slot)
    }
  }

  #count(slot: string | undefined, by: number, touched: Set<string>): void {
    if (slot === undefined) return
    const count = (this.#lookers.get(slot) ?? 0) + by
    if (count > 0) this.#lookers.set(slot, count)
    else this.#lookers.delete(slot)
    touched.add(slot)
  }

  #touch(slot: string): boolean {
    const { resource, start } = partsOf(slot)
    const [row, column] = [this.#rowOf.get(resource), this.#columnOf.get(start)]
    if (row === undefined || column === undefined) return false
    row.cells[column] = this.#cellAt(resource, start)
    row.version += 1
    return true
  }

  #cellAt(resource: string, start: number): Cell {
    const slot = slotOf(resource, start)
    const known = this.#slots.get(slot)
    const looking = this.#lookers.get(slot) ?? 0
    if (known === undefined) return { slot, resource, start, state: 'none', looking }
    const { state, by, endsAt } = known
    const lock = this.#lockOfSlot.get(slot)
    return { slot, resource, start, state, looking, ...(state === 'locked' ? { by, endsAt, lock } : {}) }
  }
}

export const slotOf = (resource: string, start: number): string =>
  `${resource}/${new Date(start).toISOString().slice(0, 16)}Z`

export function partsOf(slot: string): { resource: string; start: number } {
  const slash = slot.indexOf('/')
  return { resource: slot.slice(0, slash), start: Date.parse(slot.slice(slash + 1)) }
}
