import type { Random } from '../../src/domain/clock.js'
import type { LoadOptions, StoreSetup } from './options.js'
import type { Report } from './report.js'

export interface Context {
  stores: StoreSetup
  options: LoadOptions
  random: Random
  report: Report
  log: (text: string) => void
}

/** A load with a promise: what must hold whatever the speed, and what is aimed at in speed. */
export interface Scenario {
  name: string
  summary: string
  /** Set-ups it makes sense on. */
  stores: readonly StoreSetup[]
  /** Not part of a run of all: it loads somebody's own server, or takes half an hour. */
  onlyNamed?: boolean
  run(context: Context): Promise<void>
}
