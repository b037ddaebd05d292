import type { Mistake } from './mistakes.js'
import { Kind, Lock, none, Slot, Told } from './words.js'
import type { World } from './world.js'

/** What the rows of the database say about who has what, and what users were told of it. Changes nothing. */
export class Rows {
  readonly #w: World
  readonly #mistake: Mistake | undefined

  constructor(world: World, mistake: Mistake | undefined) {
    this.#w = world
    this.#mistake = mistake
  }

  /** The lock that this one asks to replace. */
  older = (lock: number): number => (this.#w.replacesOlder(lock) ? lock - 1 : none)

  lives = (lock: number): boolean => this.#w.lockState(lock) === Lock.held && this.#w.time(lock) > 0
  isGivenUp = (lock: number): boolean =>
    this.#w.told(lock) === Told.givenBack || this.#w.told(lock) === Told.ceding
  isPromised = (lock: number): boolean => this.#w.told(lock) === Told.held && this.#w.countdown(lock) > 0
  holdsRow = (slot: number, lock: number): boolean =>
    this.#w.slotState(slot) === Slot.locked && this.#w.slotLock(slot) === lock
  rowsOf = (lock: number): number => this.rowsWhere(slot => this.holdsRow(slot, lock))
  hasAll = (lock: number): boolean => this.rowsOf(lock) === this.#w.wants(lock)

  rowsWhere(test: (slot: number) => boolean): number {
    let rows = 0
    for (let slot = 0; slot < this.#w.bounds.slots; slot++) if (test(slot)) rows |= bit(slot)
    return rows
  }

  mayTake(slot: number, lock: number): boolean {
    const w = this.#w
    const has = w.slotLock(slot)
    switch (w.slotState(slot)) {
      case Slot.free:
        return true
      case Slot.booked:
        return this.#mistake === 'grant ignores bookings'
      default:
        if (this.#mistake === 'unconditional upsert') return true
        return has === lock || has === this.older(lock) || w.time(has) === 0
    }
  }

  /** Whether somebody else has any of the slots that a lock asks for. */
  taken(lock: number): boolean {
    const wants = this.#w.wants(lock)
    return this.rowsWhere(slot => (wants & bit(slot)) !== 0 && !this.mayTake(slot, lock)) !== 0
  }

  sameUsersLockOn(wants: number, lock: number): number {
    const w = this.#w
    for (let other = 0; other < w.locks; other++)
      if (
        other !== lock &&
        w.ownerOf(other) === w.ownerOf(lock) &&
        this.lives(other) &&
        this.rowsOf(other) === wants
      )
        return other
    return none
  }

  /** Whether a packet that asks for this lock may still be carried out. */
  isOnItsWay(lock: number): boolean {
    const w = this.#w
    for (let i = 0; i < w.bounds.packets; i++) {
      const packet = w.packet(i)
      if (packet === undefined || packet.lock !== lock || packet.late) continue
      if (packet.kind === Kind.lock || packet.kind === Kind.lockSecondHalf) return true
    }
    return false
  }

  /** What the rows of a lock say together: no live lock has only some of its slots, no lock that is over has any. */
  judge(): void {
    const w = this.#w
    for (let lock = 0; lock < w.locks; lock++) {
      const state = w.lockState(lock)
      if (state === Lock.unknown || state === Lock.booked) continue
      const rows = this.rowsOf(lock)
      const partly = rows !== 0 && rows !== w.wants(lock)
      if (this.lives(lock) ? partly : state !== Lock.held && rows !== 0) w.break('ALL_OR_NOTHING')
    }
  }
}

export const bit = (slot: number): number => 1 << slot

export function each(slots: number, visit: (slot: number) => void): void {
  for (let slot = 0; slot < slots; slot++) visit(slot)
}
