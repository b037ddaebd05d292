import { type ParseArgsConfig, parseArgs } from 'node:util'
import { UsageError } from './usage-error.js'

/** The named options, or a UsageError that says which word was not understood. */
export function options<const Config extends ParseArgsConfig>(
  config: Config
): ReturnType<typeof parseArgs<Config>>['values'] {
  try {
    return parseArgs(config).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

export function noArguments(args: string[]): void {
  options({ args })
}

/** The one word that the command is about. */
export function oneArgument(args: string[], missing: string): string {
  const [word, ...more] = args
  if (word === undefined) throw new UsageError(missing)
  noArguments(more)
  if (/^-./.test(word)) noArguments([word])
  return word
}
