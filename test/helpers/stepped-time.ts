import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../src/domain/clock.js'
import type { Timers } from '../../src/service/tools/timers.js'

/** What is in this process alone (promises, SQLite's commits) has come to rest after so many turns of the event loop. */
const turns = 24

/** A clock and its timers that only move when the test says so. */
export class SteppedTime implements Clock, Timers {
  #nowMs: number
  readonly #tasks = new Set<{ at: number; task: () => void }>()

  constructor(nowMs: number = Date.parse('2026-01-15T08:00Z')) {
    this.#nowMs = nowMs
  }

  now = (): number => this.#nowMs
  monotonic = (): number => this.#nowMs

  after = (delayMs: number, task: () => void): (() => void) => {
    const entry = { at: this.#nowMs + Math.max(0, delayMs), task }
    this.#tasks.add(entry)
    return () => void this.#tasks.delete(entry)
  }

  get timers(): number {
    return this.#tasks.size
  }

  /** Time passes; each timer fires at its moment, and what it began comes to rest before the next. */
  async step(ms: number): Promise<void> {
    const end = this.#nowMs + ms
    await this.rest()
    for (let next = this.#due(end); next !== undefined; next = this.#due(end)) {
      this.#tasks.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.at)
      next.task()
      await this.rest()
    }
    this.#nowMs = Math.max(this.#nowMs, end)
  }

  /** Time passes and no timer fires: the process stood still. */
  freeze(ms: number): void {
    this.#nowMs += ms
  }

  async rest(): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await nextTurn()
  }

  #due(end: number): { at: number; task: () => void } | undefined {
    let first: { at: number; task: () => void } | undefined
    for (const entry of this.#tasks) {
      if (entry.at <= end && (first === undefined || entry.at < first.at)) first = entry
    }
    return first
  }
}
