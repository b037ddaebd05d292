import type { Clock } from '../../domain/clock.js'
import type { CountAddition } from '../../domain/fast-lane.js'
import { Cycle } from '../tools/cycle.js'
import type { Timers } from '../tools/timers.js'
import type { FastPath } from './fast-path.js'

/** What was counted here goes to the others so often; what they counted is known here as much later. */
const roundMs = 25
/** With nothing to tell: how late it is seen that Redis is there again. */
const idleRoundMs = 250
/** So many counts travel at once. */
const countsPerRoundMax = 250
/** So many may wait; past it one more is counted by this instance alone. */
const countsWaitingMax = 10_000

export interface Count {
  /** Of all instances. */
  total: number
  /** Until it begins anew. */
  leftMs: number
}

/**
 * Counts of all instances, for limits. A request is never held up for them: it is counted here, at once, and what was
 * counted here travels to Redis behind its back, all of a few milliseconds together; the answer says what everybody
 * has counted. So an instance may let through what the others used up in the last 25 ms, and a Redis that is out, slow
 * or empty costs nobody any time.
 *
 * While Redis is out each instance goes by its own count, and nothing is kept to be told later.
 */
export class SharedCounts {
  readonly #path: FastPath
  readonly #rounds: Cycle
  readonly #onChange: (shared: boolean) => void
  readonly #waiting = new Map<string, { addition: CountAddition; learn: (count: Count) => void }>()
  #shared = false
  /** Counted by this instance alone, because too many waited. */
  notShared = 0

  /** `onChange`: from now on counts are shared, or are not. */
  constructor(parts: { path: FastPath; clock: Clock; timers: Timers; onChange: (shared: boolean) => void }) {
    this.#path = parts.path
    this.#onChange = parts.onChange
    this.#rounds = new Cycle(parts, async () => {
      await this.#round()
      return this.#waiting.size > 0 ? roundMs : idleRoundMs
    })
  }

  /** Whether the last round reached the others. */
  get shared(): boolean {
    return this.#shared
  }

  start(): void {
    this.#rounds.start()
  }

  stop(): Promise<void> {
    return this.#rounds.stop()
  }

  /** Tells the others. `learn` hears what all have counted together with this, soon, or never. */
  add(addition: CountAddition, learn: (count: Count) => void): void {
    if (!this.#shared) return
    const known = this.#waiting.get(addition.name)
    if (known === undefined && this.#waiting.size >= countsWaitingMax) {
      this.notShared++
      return
    }
    const by = addition.by + (known?.addition.by ?? 0)
    this.#waiting.set(addition.name, { addition: { ...addition, by }, learn })
    this.#rounds.hurry(roundMs)
  }

  async #round(): Promise<void> {
    if (this.#path.open !== this.#shared) {
      this.#shared = this.#path.open
      this.#onChange(this.#shared)
    }
    if (!this.#shared) this.#waiting.clear()
    if (this.#waiting.size === 0) return
    const sent = [...this.#waiting.values()].slice(0, countsPerRoundMax)
    for (const { addition } of sent) this.#waiting.delete(addition.name)
    const counts = await this.#path.attempt(lane => lane.addCounts(sent.map(({ addition }) => addition)))
    for (const [index, { total, leftMs }] of (counts ?? []).entries()) {
      const { addition, learn } = sent[index]!
      // what was counted here since then is on top
      learn({ total: total + (this.#waiting.get(addition.name)?.addition.by ?? 0), leftMs })
    }
  }
}
