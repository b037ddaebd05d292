import { seededRandom } from '../../load-tests/harness/random.js'
import type { Random } from '../../src/domain/clock.js'

/** The chance of one case: the same seed and number throw the same dice again. */
export class Dice {
  readonly random: Random

  constructor(seed: number, caseNumber: number) {
    // far apart, so that neighbouring cases have nothing in common
    this.random = seededRandom(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(caseNumber + 1, 0x85ebca6b))
  }

  /** A whole number, both ends included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1))
  }

  chance(probability: number): boolean {
    return this.random() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!
  }

  /** `[weight, item]` */
  weighted<T>(items: readonly (readonly [number, T])[]): T {
    let left = this.random() * items.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, item] of items) {
      left -= weight
      if (left < 0) return item
    }
    return items.at(-1)![1]
  }

  times<T>(count: number, make: (index: number) => T): T[] {
    return Array.from({ length: count }, (_, index) => make(index))
  }

  bytes(length: number): Buffer {
    return Buffer.from(this.times(length, () => this.int(0, 255)))
  }
}
