import type { Call } from './history.js'

export interface Finding {
  what: string
  /** What led to it, for the reader. */
  calls?: readonly Call[]
}

export interface RuleReport {
  rule: string
  /** How often it was looked at; a rule that was never looked at proves nothing. */
  looks: number
  findings: Finding[]
}
