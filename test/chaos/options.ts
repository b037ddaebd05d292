import { parseArgs } from 'node:util'

export interface ChaosOptions {
  seed: number
  forMs: number
  instances: number
  /** Against the double that promises the same and keeps nothing of it. */
  naive: boolean
  /** Shorter faults and gaps, so that each kind comes up within half a minute. */
  brisk: boolean
  /** No faults at all: whoever is found out then has been found out by the checker's own mistake. */
  calm: boolean
  /** Each fault as it happens, on standard error. */
  verbose: boolean
}

export const usage = `npm run chaos -- [options]
  --seed N        the faults and what clients do; printed, to be used again (default: by chance)
  --for S         seconds of faults (default 60)
  --instances N   slotlock processes, 2 at least (default 3)
  --brisk         shorter faults, closer together
  --naive         the naive double instead of slotlock: must be found out
  --calm          no faults
  --verbose       tell each fault as it happens`

/** Throws with a message for the person at the keyboard. */
export function parseOptions(args: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      for: { type: 'string', default: '60' },
      instances: { type: 'string', default: '3' },
      naive: { type: 'boolean', default: false },
      brisk: { type: 'boolean', default: false },
      calm: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false }
    }
  })
  const wholeNumber = (name: string, text: string, least: number): number => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < least)
      throw new Error(`--${name} ${text}: a whole number from ${least} on is wanted`)
    return value
  }
  return {
    seed: wholeNumber('seed', values.seed ?? String(Date.now() % 1_000_000), 0),
    forMs: wholeNumber('for', values.for, 5) * 1_000,
    instances: wholeNumber('instances', values.instances, 2),
    naive: values.naive,
    brisk: values.brisk,
    calm: values.calm,
    verbose: values.verbose
  }
}
