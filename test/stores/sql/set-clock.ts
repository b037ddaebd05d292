import type { Clock } from '../../../src/domain/clock.js'

/** Goes on by itself like any clock, and jumps when the test says so. */
export class SetClock implements Clock {
  #jumpedMs = 0

  now(): number {
    return Date.now() + this.#jumpedMs
  }

  monotonic(): number {
    return performance.now() + this.#jumpedMs
  }

  pass(ms: number): void {
    this.#jumpedMs += ms
  }
}
