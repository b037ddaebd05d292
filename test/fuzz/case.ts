import { Knowledge } from './asks.js'
import { Dice } from './dice.js'
import type { Findings } from './findings.js'
import type { Ledger } from './ledger.js'
import type { World } from './world.js'

export interface Tally {
  /** By what was sent: frames, requests, raw bytes. */
  sent: Map<string, number>
  /** By what came of it: a code, ok, a status, a close. */
  outcomes: Map<string, number>
}

export const count = (of: Map<string, number>, what: string, by = 1): void =>
  void of.set(what, (of.get(what) ?? 0) + by)

/** One attacker from beginning to end, and all that it needs; it shares nothing with others but the instance. */
export class Case {
  readonly number: number
  readonly dice: Dice
  readonly world: World
  readonly ledger: Ledger
  readonly tally: Tally
  readonly knowledge: Knowledge
  readonly steps: string[] = []
  readonly #findings: Findings
  readonly #tell: ((step: string) => void) | undefined

  constructor(
    number: number,
    parts: {
      seed: number
      world: World
      ledger: Ledger
      findings: Findings
      tally: Tally
      tell?: ((step: string) => void) | undefined
    }
  ) {
    this.number = number
    this.dice = new Dice(parts.seed, number)
    this.world = parts.world
    this.ledger = parts.ledger
    this.tally = parts.tally
    this.knowledge = new Knowledge(number)
    this.#findings = parts.findings
    this.#tell = parts.tell
  }

  step(what: string): void {
    this.steps.push(what.slice(0, 600))
    if (this.steps.length > 40) this.steps.shift()
    this.#tell?.(what)
  }

  finds(rule: string, detail: string): void {
    this.#findings.add(rule, detail, this)
  }
}

/** Past it somebody was left waiting. */
export const answerWithinMs = 20_000
