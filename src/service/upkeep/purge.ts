import type { Clock, Random } from '../../domain/clock.js'
import { StoreError } from '../../domain/errors.js'
import type { LockStore } from '../../domain/lock-store.js'
import { Cycle } from '../tools/cycle.js'
import type { Timers } from '../tools/timers.js'

/** Small enough that nobody waits for its row locks. */
const rowsPerStepMax = 500
/** While steps come back full. */
const stepPauseMs = 200
const intervalMs = 3_600_000
/** So that instances that started together do not purge together: half an hour to an hour and a half. */
const jitter = 0.5

/**
 * Deletes what nobody can ask for any more, and what was to be forgotten about people: about once an hour, in small steps
 * with pauses, so that a day's worth of ended locks never becomes one long statement. A step that fails is left to the next
 * hour of its own; that of one of the two does not keep the other.
 */
export class Purge {
  readonly #store: LockStore
  readonly #random: Random
  readonly #cycle: Cycle
  readonly #tasks = [
    {
      more: false,
      step: async () => {
        const { deleted } = await this.#store.purge(rowsPerStepMax)
        this.deleted += deleted
        return deleted >= rowsPerStepMax
      }
    },
    {
      more: false,
      step: async () => {
        const { forgotten, more } = await this.#store.forgetOld()
        this.forgotten += forgotten
        return more
      }
    }
  ]
  deleted = 0
  /** Bookings, locks and entries of the audit trail that lost what tells of a person. */
  forgotten = 0
  failed = 0

  constructor(parts: { store: LockStore; clock: Clock; timers: Timers; random: Random }) {
    this.#store = parts.store
    this.#random = parts.random
    this.#cycle = new Cycle(parts, () => this.#step())
  }

  start(): void {
    this.#cycle.start(this.#untilNextMs())
  }

  async stop(): Promise<void> {
    await this.#cycle.stop()
  }

  async #step(): Promise<number> {
    const tasks = this.#tasks
    // a new hour: both, else what said that there is more
    const due = tasks.some(({ more }) => more) ? tasks.filter(({ more }) => more) : tasks
    for (const task of due) task.more = await this.#tried(task.step)
    return tasks.some(({ more }) => more) ? stepPauseMs : this.#untilNextMs()
  }

  /** Whether there is more to do at once. */
  async #tried(step: () => Promise<boolean>): Promise<boolean> {
    try {
      return await step()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.failed += 1
      return false
    }
  }

  #untilNextMs(): number {
    return intervalMs * (1 - jitter + 2 * jitter * this.#random())
  }
}
