import type { Spread } from './stats.js'

/** What a scenario finds out, in the shapes that tables, results and plots are made of. */

/** `met` and `missed` speak of a target; `void` says that the machine was too busy to tell; `info` has no target. */
export type Verdict = 'met' | 'missed' | 'void' | 'info'

export type Target = { atMost: number } | { atLeast: number }

export interface Figure {
  what: string
  measured: string
  reference?: string | undefined
  target?: string | undefined
  verdict: Verdict
}

/** Something divided by its reference of the same round. */
export interface Ratio {
  what: string
  of: Spread
  target: Target | undefined
  verdict: Verdict
}

/** One quantity of slotlock and of what it is compared with. */
export interface Side {
  what: string
  unit: string
  of: Readonly<Record<string, Spread>>
}

/** CPU µs per operation, by process. */
export interface CpuCost {
  operation: string
  of: Readonly<Record<string, Spread>>
}

export interface Axis {
  /** With its unit. */
  title: string
  scale: 'linear' | 'log'
}

export interface LinesChart {
  title: string
  x: Axis
  y: Axis
  points: readonly { series: string; x: number; y: number }[]
}
