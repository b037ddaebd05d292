/**
 * The locking protocol as a model: what users, instances, the network and the database may do next, in any order.
 *
 * A user asks for one thing at a time. Asking puts a packet on its way to the database; from then on anything may
 * come first: the packet arrives (is carried out whole, and the answer reaches whoever still waits), the user's
 * patience ends (the packet stays on its way, the outcome is unknown, the user may ask again through any instance), a
 * period of some lock's time passes, the packet's deadline passes, an instance crashes. An answer that is lost after
 * the commit needs no step of its own: it is the same as patience that ended just before.
 *
 * Redis is no state here but an oracle: wherever the protocol looks at it, it may say anything. Whatever holds then
 * holds for a Redis that is empty, stale, evicted, frozen, refilled half way or gone.
 *
 * A `mistake` leaves one protection out; without one, this is the protocol as it is built.
 */
import type { Model } from './checker.js'
import { Database } from './database.js'
import { type Mistake, mistakenSteps } from './mistakes.js'
import { crashSteps, lockSteps, packetSteps } from './network.js'
import { judgeScreen, screenSteps } from './screen.js'
import type { Stage } from './steps.js'
import { userSteps } from './users.js'
import { type Bounds, type PromiseName, promises, Slot, Told } from './words.js'
import { type Renaming, World } from './world.js'

export class Protocol implements Model {
  readonly width: number
  readonly #bounds: Bounds
  readonly #stage: Stage
  readonly #renamings: Renaming[]
  readonly #original: World
  #renamed: World
  #first: World
  #found: (next: Uint8Array, what: () => string) => void = () => {}

  constructor(bounds: Bounds, mistake?: Mistake, ignored: readonly PromiseName[] = []) {
    this.#bounds = bounds
    this.#original = new World(bounds)
    this.#renamed = new World(bounds)
    this.#first = new World(bounds)
    const now = new World(bounds)
    const next = new World(bounds, ignored)
    this.#stage = {
      bounds,
      mistake,
      now,
      next,
      nextDatabase: new Database(next, mistake),
      step: (what, change) => {
        next.copy(now)
        if (!change() || next.overflows) return
        this.#judge()
        next.sort()
        this.#found(next.bytes, what)
      }
    }
    this.width = now.bytes.length
    // Taking slots row by row makes their order matter, so they are no longer interchangeable.
    const slotOrders = permutations(bounds.slots).slice(0, mistake === 'row by row' ? 1 : undefined)
    this.#renamings = permutations(bounds.users)
      .flatMap(users => slotOrders.map(slots => now.renaming(users, slots)))
      .slice(1)
  }

  initial(): Uint8Array {
    const w = new World(this.#bounds)
    const { sends, timeouts, periods, lates, sweeps, revokes, crashes, screen } = this.#bounds
    w.setLeft('timeouts', timeouts)
    w.setLeft('periods', periods)
    w.setLeft('lates', lates)
    w.setLeft('sweeps', sweeps)
    w.setLeft('revokes', revokes)
    w.setLeft('crashes', crashes)
    w.setLeft('losses', screen?.losses ?? 0)
    w.setLeft('doubles', screen?.doubles ?? 0)
    w.setLeft('reads', screen?.reads ?? 0)
    for (let user = 0; user < this.#bounds.users; user++) w.setSendsLeft(user, sends)
    return w.bytes
  }

  /** Users are alike, with their instances, and so are slots: the first of all renamings stands for them all. */
  canonical(state: Uint8Array, out: Uint8Array): void {
    this.#original.load(state)
    this.#first.copy(this.#original)
    for (const renaming of this.#renamings) {
      const comesFirst = this.#original.comesFirst(renaming, this.#first)
      if (comesFirst === false) continue
      this.#original.rename(renaming, this.#renamed)
      if (comesFirst === undefined && !this.#renamed.precedes(this.#first)) continue
      const swap = this.#first
      this.#first = this.#renamed
      this.#renamed = swap
    }
    out.set(this.#first.bytes)
  }

  broken(state: Uint8Array): PromiseName | undefined {
    return state[0] === 0 ? undefined : promises[state[0]! - 1]
  }

  successors(state: Uint8Array, found: (next: Uint8Array, what: () => string) => void): void {
    const stage = this.#stage
    stage.now.load(state)
    if (stage.now.isOver()) return
    this.#found = found
    for (let user = 0; user < this.#bounds.users; user++) userSteps(stage, user)
    packetSteps(stage)
    lockSteps(stage)
    crashSteps(stage)
    if (this.#bounds.screen !== undefined) screenSteps(stage)
    if (stage.mistake !== undefined) mistakenSteps(stage)
  }

  /** The promises that are about a state rather than about an answer or a change; database.ts has the others. */
  #judge(): void {
    const w = this.#stage.next
    let promised = 0
    for (let lock = 0; lock < w.locks; lock++) {
      if (w.told(lock) === Told.held && w.countdown(lock) > 0) {
        if ((promised & w.wants(lock)) !== 0) w.break('ONE_HOLDER')
        promised |= w.wants(lock)
      }
      if (w.told(lock) !== Told.booked) continue
      for (let slot = 0; slot < this.#bounds.slots; slot++)
        if (
          (w.wants(lock) & (1 << slot)) !== 0 &&
          (w.slotState(slot) !== Slot.booked || w.slotLock(slot) !== lock)
        )
          w.break('BOOKED_BY_HOLDER')
    }
    this.#stage.nextDatabase.rows.judge()
    if (this.#bounds.screen !== undefined) judgeScreen(w, this.#stage.mistake)
  }
}

/** The first is the one that changes nothing. */
function permutations(n: number): number[][] {
  if (n === 0) return [[]]
  return permutations(n - 1).flatMap(shorter =>
    Array.from({ length: n }, (_, i) => n - 1 - i).map(at => [
      ...shorter.slice(0, at),
      n - 1,
      ...shorter.slice(at)
    ])
  )
}
