import type { Clock } from '../../domain/clock.js'
import type { Timers } from './timers.js'

/**
 * Runs one task again and again, never twice at once: after each run it waits as long as that run said. The task
 * handles its own failures; one that rejects all the same is a bug and ends the process like any other.
 */
export class Cycle {
  readonly #run: () => Promise<number>
  readonly #timers: Timers
  readonly #clock: Clock
  #state: 'idle' | 'waiting' | 'running' | 'stopped' = 'idle'
  #cancel: () => void = () => {}
  #dueAt = Number.POSITIVE_INFINITY
  #underway: Promise<void> = Promise.resolve()

  /** `run` answers with the milliseconds until the next run. */
  constructor(parts: { clock: Clock; timers: Timers }, run: () => Promise<number>) {
    this.#clock = parts.clock
    this.#timers = parts.timers
    this.#run = run
  }

  start(delayMs = 0): void {
    if (this.#state === 'idle') this.#wait(this.#clock.monotonic() + delayMs)
  }

  /** Brings the next run forward to at most `withinMs` from now; never puts it off. */
  hurry(withinMs: number): void {
    const dueAt = this.#clock.monotonic() + withinMs
    if (dueAt >= this.#dueAt) return
    if (this.#state === 'waiting') this.#wait(dueAt)
    else if (this.#state === 'running') this.#dueAt = dueAt
  }

  /** After this nothing runs; waits for the run under way. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#cancel()
    await this.#underway
  }

  #wait(dueAt: number): void {
    this.#cancel()
    this.#state = 'waiting'
    this.#dueAt = dueAt
    this.#cancel = this.#timers.after(dueAt - this.#clock.monotonic(), () => {
      this.#underway = this.#once()
    })
  }

  async #once(): Promise<void> {
    this.#state = 'running'
    this.#dueAt = Number.POSITIVE_INFINITY
    const delayMs = await this.#run()
    if (this.#stopped) return
    this.#wait(Math.min(this.#dueAt, this.#clock.monotonic() + delayMs))
  }

  get #stopped(): boolean {
    return this.#state === 'stopped'
  }
}
