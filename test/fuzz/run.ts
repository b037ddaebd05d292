/**
 * Throws things at a real instance for as long as is asked, in every shape that WebSocket and HTTP have room for, and
 * watches what comes back. Ends with 1 if a rule was broken, with the case that did it; the same seed and case number
 * send the same again.
 */
import { atEnd, cleanUpOnSignals, runCleanup } from '../../load-tests/harness/cleanup.js'
import { percentile } from '../../load-tests/harness/stats.js'
import { warmUpOf } from './flatness.js'
import { fuzz, mb, type Outcome } from './fuzz.js'
import { type FuzzOptions, parseOptions, usage } from './options.js'

process.exit(await main(process.argv.slice(2)))

async function main(args: readonly string[]): Promise<number> {
  let options: FuzzOptions
  try {
    options = parseOptions(args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return 2
  }
  cleanUpOnSignals()
  const { seed, forMs, stores, only } = options
  console.log(
    only === undefined
      ? `seed ${seed}, ${forMs / 1_000} s, ${stores}`
      : `seed ${seed}, case ${only}, ${stores}`
  )
  try {
    const outcome = await fuzz({ teardown: end => atEnd(async () => void (await end())) }, options, text =>
      console.error(text)
    )
    tell(outcome, options)
    return outcome.findings.all.length === 0 ? 0 : 1
  } catch (error) {
    console.error('the run itself failed:', error)
    return 3
  } finally {
    await runCleanup()
  }
}

function tell(
  { findings, tally, honest, samples, heap, rss, locks, bookings }: Outcome,
  options: FuzzOptions
): void {
  const inOrder = (counts: ReadonlyMap<string, number>): string =>
    [...counts]
      .sort(([, one], [, other]) => other - one)
      .map(([what, many]) => `${many} ${what}`)
      .join(', ')
  console.log(`sent: ${inOrder(tally.sent)}`)
  console.log(`came back: ${inOrder(tally.outcomes)}`)
  if (honest.tookMs.length > 0)
    console.log(
      `beside it: ${honest.visits} visits, a step p50 ${percentile(honest.tookMs, 50).toFixed(1)} ms, p99 ${percentile(honest.tookMs, 99).toFixed(1)} ms`
    )
  console.log(`rows: ${locks} locks and ${bookings} bookings as they were answered`)
  const judged = (samples.at(-1)?.sent ?? 0) - (samples[warmUpOf(samples)]?.sent ?? 0)
  for (const [name, trend] of [
    ['heap', heap],
    ['resident', rss]
  ] as const) {
    if (trend !== undefined)
      console.log(
        `${name}: ${mb(trend.median)}, grew by ${mb(trend.growth)} in ${Math.round(trend.overMs / 1_000)} s (${(trend.growth / judged).toFixed(2)} bytes for each thing sent); ${samples.length} samples`
      )
  }
  console.log(
    `kept alive by: ${JSON.stringify(samples[0]?.resources)} at first, ${JSON.stringify(samples.at(-1)?.resources)} in the end`
  )
  const again = (caseNumber: number): string =>
    `npm run fuzz -- --seed ${options.seed} --stores ${options.stores} --case ${caseNumber}`
  console.log(
    findings.all.length === 0 ? 'verdict: nothing found' : `verdict: FOUND\n${findings.told(again)}`
  )
}
