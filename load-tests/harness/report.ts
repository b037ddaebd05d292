import type { CpuCost, Figure, LinesChart, Ratio, Side, Target, Verdict } from './figures.js'
import { formatSpread, type Spread, spread } from './stats.js'

/** What one scenario found out on one set-up of stores. */
export class Report {
  readonly figures: Figure[] = []
  readonly ratios: Ratio[] = []
  readonly sides: Side[] = []
  readonly cpuCosts: CpuCost[] = []
  readonly lines: LinesChart[] = []
  readonly violations: string[] = []
  readonly notes: string[] = []
  /** How many times each invariant was looked at; one that was never looked at is a violation by itself. */
  readonly checks = new Map<string, number>()

  constructor(
    readonly scenario: string,
    readonly stores: string
  ) {}

  figure(figure: Figure): void {
    this.figures.push(figure)
  }

  /** One ratio per round; the median is judged. */
  ratio(ratio: {
    what: string
    rounds: readonly number[]
    reference?: string
    target?: Target
    isVoid?: boolean
  }): void {
    const { what, target, reference } = ratio
    const of = spread(ratio.rounds)
    const verdict = target === undefined ? 'info' : verdictOf(meets(of.median, target), ratio.isVoid ?? false)
    this.ratios.push({ what, of, target, verdict })
    this.figure({ what, measured: formatSpread(of), reference, target: spellTarget(target), verdict })
  }

  /** A quantity in its unit, round by round: slotlock's own first, then those of its references. */
  side(side: {
    what: string
    unit: string
    of: Readonly<Record<string, readonly number[]>>
    target?: Target
    isVoid?: boolean
  }): void {
    const { what, unit, target } = side
    const of = spreads(side.of)
    this.sides.push({ what, unit, of })
    const [own, ...others] = Object.entries(of)
    this.figure({
      what: `${what}, ${unit}`,
      measured: `${own![0] === 'slotlock' ? '' : `${own![0]} `}${formatSpread(own![1])}`,
      reference: others.map(([name, value]) => `${name} ${formatSpread(value)}`).join('; '),
      target: spellTarget(target),
      verdict: target === undefined ? 'info' : verdictOf(meets(own![1].median, target), side.isVoid ?? false)
    })
  }

  /** What one operation cost each process, round by round. */
  cpu(operation: string, of: Readonly<Record<string, readonly number[]>>): void {
    this.cpuCosts.push({ operation, of: spreads(of) })
    this.figure({
      what: `CPU µs per ${operation}`,
      measured: Object.entries(spreads(of))
        .map(([name, value]) => `${name} ${formatSpread(value)}`)
        .join('; '),
      verdict: 'info'
    })
  }

  /** A curve for the plot. */
  line(chart: LinesChart): void {
    this.lines.push(chart)
  }

  /** Counts a look at an invariant; a look that finds it broken fails the whole run. */
  check(invariant: string, holds: boolean, detail = '', looks = 1): boolean {
    this.checks.set(invariant, (this.checks.get(invariant) ?? 0) + looks)
    // the first few tell the story, ten thousand of them would bury it
    if (!holds && this.violations.length < 20)
      this.violations.push(detail === '' ? invariant : `${invariant}: ${detail}`)
    return holds
  }

  note(text: string): void {
    this.notes.push(text)
  }

  get broken(): boolean {
    return this.violations.length > 0 || this.checks.size === 0 || [...this.checks.values()].includes(0)
  }
}

export const verdictOf = (met: boolean, isVoid: boolean): Verdict =>
  isVoid ? 'void' : met ? 'met' : 'missed'

/** What was not measured meets nothing. */
const meets = (value: number, target: Target): boolean =>
  'atMost' in target ? value <= target.atMost : value >= target.atLeast

export const spellTarget = (target: Target | undefined): string | undefined =>
  target === undefined ? undefined : 'atMost' in target ? `<= ${target.atMost}` : `>= ${target.atLeast}`

const spreads = (of: Readonly<Record<string, readonly number[]>>): Record<string, Spread> =>
  Object.fromEntries(Object.entries(of).map(([name, rounds]) => [name, spread(rounds)]))
