import { parseArgs } from 'node:util'

export const storeSetups = ['embedded', 'sql', 'redis'] as const
export type StoreSetup = (typeof storeSetups)[number]

export interface FuzzOptions {
  seed: number
  forMs: number
  stores: StoreSetup
  /** Only this one, and each of its steps is told. */
  only: number | undefined
}

export const usage = `npm run fuzz -- [options]
  --for S                      seconds (default 60)
  --seed N                     what is sent; printed, to be used again (default: by chance)
  --stores embedded|sql|redis  what the instance runs on (default embedded)
  --case N                     this case of the seed alone, step by step`

/** Throws with a message for the person at the keyboard. */
export function parseOptions(args: readonly string[]): FuzzOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      for: { type: 'string', default: '60' },
      seed: { type: 'string' },
      stores: { type: 'string', default: 'embedded' },
      case: { type: 'string' }
    }
  })
  const wholeNumber = (name: string, text: string, least: number): number => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < least)
      throw new Error(`--${name} ${text}: a whole number from ${least} on is wanted`)
    return value
  }
  const stores = storeSetups.find(name => name === values.stores)
  if (stores === undefined) throw new Error(`--stores ${values.stores}: one of ${storeSetups.join(', ')}`)
  return {
    seed: wholeNumber('seed', values.seed ?? String(Date.now() % 1_000_000), 0),
    forMs: wholeNumber('for', values.for, 2) * 1_000,
    stores,
    only: values.case === undefined ? undefined : wholeNumber('case', values.case, 0)
  }
}
