import type { Rows } from './rows.js'
import { Lock, none, Told } from './words.js'
import type { World } from './world.js'

/** What users are told. The judge listens: an answer that is not true breaks a promise. */
export class Answers {
  readonly #w: World
  readonly #rows: Rows

  constructor(world: World, rows: Rows) {
    this.#w = world
    this.#rows = rows
  }

  /** The lock as it is now: the answer to a grant, and to the same request sent again. */
  lock(lock: number): void {
    const w = this.#w
    if (this.#rows.isGivenUp(lock) && this.#rows.lives(lock)) return
    if (this.#rows.lives(lock)) {
      this.held(lock)
      return
    }
    this.set(lock, w.lockState(lock) === Lock.booked ? Told.booked : Told.over)
    const older = this.#rows.older(lock)
    if (older !== none) this.set(older, Told.over)
  }

  held(lock: number): void {
    const w = this.#w
    this.set(lock, Told.held, w.time(lock))
    const older = this.#rows.older(lock)
    if (older === none) return
    if (w.told(older) === Told.ceding && w.lockState(older) === Lock.held) w.break('ALL_OR_NOTHING')
    this.set(older, Told.over)
  }

  /** "Somebody has one of these slots; nothing has changed." Public because it may also be said after a mere read. */
  taken(lock: number): void {
    const w = this.#w
    if (w.wasGranted(lock) || !this.#rows.taken(lock)) w.break('ANSWER_TRUE')
    this.set(lock, Told.refused)
    const older = this.#rows.older(lock)
    if (older === none || w.told(older) !== Told.ceding) return
    // An earlier packet of the same request may still be carried out, until its deadline. So a refusal of a resend
    // does not say yet that the older lock stays.
    if (this.#rows.isOnItsWay(lock)) return
    if (w.countdown(older) > 0 && w.lockState(older) !== Lock.held && w.lockState(older) !== Lock.booked)
      w.break('ALL_OR_NOTHING')
    w.setTold(older, Told.held)
  }

  replacedIsOver(lock: number, older: number): void {
    const w = this.#w
    this.set(lock, Told.refused)
    if (w.told(older) !== Told.ceding) return
    if (w.countdown(older) > 0 && w.lockState(older) !== Lock.booked) w.break('HOLDER_KEPT')
    this.set(older, Told.over)
  }

  /** "Your lock is over", to somebody who wanted to extend or book it. */
  over(lock: number): void {
    const w = this.#w
    if (this.#rows.isPromised(lock) && w.lockState(lock) !== Lock.booked) w.break('HOLDER_KEPT')
    if (w.lockState(lock) === Lock.booked) this.set(lock, Told.booked)
    else if (w.told(lock) === Told.held) this.set(lock, Told.over)
  }

  /** Acknowledged, by whoever, rightly or not. */
  yes(lock: number): void {
    this.set(lock, Told.held, 1)
    const older = this.#rows.older(lock)
    if (older !== none) this.set(older, Told.over)
  }

  /** What a user is sure not to have any more needs no countdown; so fewer states differ. */
  set(lock: number, told: number, countdown = 0): void {
    this.#w.setTold(lock, told)
    this.#w.setCountdown(lock, countdown)
  }
}
