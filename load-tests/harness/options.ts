import { parseArgs } from 'node:util'

export const storeSetups = ['embedded', 'sql', 'redis'] as const
export type StoreSetup = (typeof storeSetups)[number]

export interface LoadOptions {
  names: string[]
  list: boolean
  stores: StoreSetup[]
  /** Seconds that a scenario with a duration runs; each has its own default. */
  forS: number | undefined
  /** Repetitions of a scenario with repetitions; each has its own default. */
  times: number | undefined
  clients: number | undefined
  seed: number
  /** A target that is missed fails the run too. */
  strict: boolean
  /** Of my-server: where it is, and which of its calendars may be used. */
  url: string | undefined
  calendar: string
  /** The program under test; another build can be named to compare. */
  cli: string
  /** Folder for the tables and plots of this run. */
  out: string
}

export const usage = `npm run load -- [names] [options]
  --list                       what there is
  --only a,c                   the same as naming them
  --stores embedded|sql|redis  on these stores only, comma-separated (default: all that the scenario knows)
  --for S                      seconds, for scenarios with a duration
  --times N                    repetitions, for scenarios with repetitions
  --clients N                  clients, for scenarios with a crowd
  --seed N                     repeats the choices of an earlier run
  --strict                     a missed target fails the run, not only a broken invariant
  --url URL                    my-server: the server under test, http:// or https://
  --calendar ID                my-server: one of its calendars (default demo)
  --cli PATH                   the program under test (default dist/cli.js)
  --out FOLDER                 for tables and plots (default load-results/<time>-seed<seed>)`

/** Throws with a message for the person at the keyboard. `now`: the seed and the folder of a run that names none. */
export function parseOptions(args: readonly string[], now: Date): LoadOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      list: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      stores: { type: 'string', multiple: true, default: [] },
      for: { type: 'string' },
      times: { type: 'string' },
      clients: { type: 'string' },
      seed: { type: 'string' },
      strict: { type: 'boolean', default: false },
      url: { type: 'string' },
      calendar: { type: 'string', default: 'demo' },
      cli: { type: 'string', default: 'dist/cli.js' },
      out: { type: 'string' }
    }
  })
  const words = (texts: readonly string[]): string[] =>
    texts.flatMap(text => text.split(',')).filter(word => word !== '')
  const stores = words(values.stores)
  for (const store of stores)
    if (!(storeSetups as readonly string[]).includes(store))
      throw new Error(`--stores ${store}: there are ${storeSetups.join(', ')}`)
  const seed = positive('--seed', values.seed) ?? now.getTime() % 1_000_000
  return {
    names: [...words(positionals), ...words(values.only)],
    list: values.list,
    stores: stores.length === 0 ? [...storeSetups] : (stores as StoreSetup[]),
    forS: positive('--for', values.for),
    times: positive('--times', values.times),
    clients: positive('--clients', values.clients),
    seed,
    strict: values.strict,
    url: values.url,
    calendar: values.calendar,
    cli: values.cli,
    out: values.out ?? `load-results/${now.toISOString().slice(0, 19).replaceAll(':', '')}-seed${seed}`
  }
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} ${text}: a number above 0 is wanted`)
  return value
}
