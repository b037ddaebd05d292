import { ConfigError, readConfig } from '../../src/config.js'

/** What is wrong with these settings, as the start would tell it; empty: nothing. */
export function problemsOf(env: Parameters<typeof readConfig>[0]): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}
