/**
 * Breaks everything around slotlock, one or two things at a time, while clients work with it, and judges from what
 * they saw whether a promise was broken. Ends with 1 if so, with the story of how it came to pass.
 *
 * The seed decides which faults come in which order and what clients ask for. It does not decide how the machine's
 * scheduler interleaves them, so that a second run is like the first one and not the same.
 */
import { existsSync } from 'node:fs'
import { cleanUpOnSignals, runCleanup } from '../../load-tests/harness/cleanup.js'
import { nowMs } from '../../load-tests/harness/time.js'
import { runChaos } from './chaos.js'
import { check, checkLocks } from './checker.js'
import { type ChaosOptions, parseOptions, usage } from './options.js'
import { passed, summaryOf } from './summary.js'

// not by an empty event loop: after a failed run a proxy or a client may still be there
process.exit(await main(process.argv.slice(2)))

async function main(args: readonly string[]): Promise<number> {
  let options: ChaosOptions
  try {
    options = parseOptions(args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return 2
  }
  if (!options.naive && !existsSync('dist/cli.js')) {
    console.error('dist/cli.js is not there: npm run build')
    return 2
  }
  cleanUpOnSignals()
  const startedAt = nowMs()
  const log = (text: string): void => {
    if (options.verbose) console.error(`${((nowMs() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${text}`)
  }
  const { seed, forMs, instances, naive } = options
  const program = naive ? 'the naive double' : 'slotlock'
  console.log(`seed ${seed}, ${forMs / 1000} s of faults, ${instances} instances of ${program}\n`)
  try {
    const events = await runChaos(options, log)
    const reports = naive ? checkLocks(events) : check(events)
    console.log(summaryOf(events, reports))
    const isSound = naive ? reports.every(({ findings }) => findings.length === 0) : passed(reports)
    console.log(`\nverdict: ${isSound ? 'no violation' : 'VIOLATED'} (seed ${seed})`)
    return isSound ? 0 : 1
  } catch (error) {
    console.error('the run itself failed:', error)
    return 3
  } finally {
    await runCleanup()
  }
}
