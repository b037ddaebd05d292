/**
 * Loads slotlock and looks whether its promises hold meanwhile. Every scenario checks itself against the database or
 * the wire; a broken invariant ends the run with 1. Figures are ratios to a reference of the same minute, because the
 * machine is never the same twice.
 */
import { existsSync } from 'node:fs'
import { cleanUpOnSignals, runCleanup } from './harness/cleanup.js'
import { cpuIsKnown } from './harness/cpu.js'
import { describeMachine } from './harness/machine.js'
import { type LoadOptions, parseOptions, type StoreSetup, usage } from './harness/options.js'
import { seededRandom } from './harness/random.js'
import { Report } from './harness/report.js'
import { openResults } from './harness/results.js'
import type { Scenario } from './harness/scenario.js'
import { markdownOf, summaryOf } from './harness/summary.js'
import { scenarios } from './scenarios/index.js'

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  let options: LoadOptions
  let chosen: readonly Scenario[]
  try {
    options = parseOptions(args, new Date())
    chosen = choose(options)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return 2
  }
  if (options.list) {
    for (const { name, summary, stores, onlyNamed } of scenarios) {
      const where = stores.join(', ') || 'what it runs on'
      console.log(`${name.padEnd(14)} ${summary} (${where}${onlyNamed ? '; only when named' : ''})`)
    }
    return 0
  }
  if (chosen.some(({ stores }) => stores.length > 0) && !existsSync(options.cli)) {
    console.error(`${options.cli} is not there: npm run build`)
    return 2
  }
  cleanUpOnSignals()
  const head = `${describeMachine()} · seed ${options.seed}`
  console.log(`${head}\n`)
  if (!cpuIsKnown()) console.log('This system has no /proc: CPU time and memory are n/a.\n')

  const results = await openResults(options.out, head)
  const reports: Report[] = []
  for (const scenario of chosen)
    for (const stores of setupsOf(scenario, options)) {
      const report = await runOne(scenario, stores, options)
      reports.push(report)
      console.log(`- plot: ${await results.draw(report)}\n`)
      await results.write(reports)
    }
  console.log(`## Summary\n\n${summaryOf(reports)}\nTables, plots and raw figures: ${results.path}`)
  const missed = reports.some(({ figures }) => figures.some(({ verdict }) => verdict === 'missed'))
  return reports.some(({ broken }) => broken) || (options.strict && missed) ? 1 : 0
}

function choose({ names, url }: LoadOptions): readonly Scenario[] {
  const unknown = names.filter(name => !scenarios.some(scenario => scenario.name === name))
  if (unknown.length > 0)
    throw new Error(
      `${unknown.join(', ')}: no such scenario; there are ${scenarios.map(({ name }) => name).join(', ')}`
    )
  if (names.includes('my-server') && url === undefined)
    throw new Error('my-server: --url http://host:port says which')
  return names.length === 0
    ? scenarios.filter(({ onlyNamed }) => onlyNamed !== true)
    : scenarios.filter(({ name }) => names.includes(name))
}

function setupsOf({ stores }: Scenario, options: LoadOptions): (StoreSetup | 'your own')[] {
  return stores.length === 0 ? ['your own'] : stores.filter(known => options.stores.includes(known))
}

async function runOne(
  scenario: Scenario,
  stores: StoreSetup | 'your own',
  options: LoadOptions
): Promise<Report> {
  const report = new Report(scenario.name, stores)
  const log = (text: string): void => console.error(`${scenario.name} (${stores}): ${text}`)
  log(scenario.summary)
  try {
    // whoever loads a server of their own starts no stores, whichever are named here
    await scenario.run({
      stores: stores === 'your own' ? 'embedded' : stores,
      options,
      random: seededRandom(options.seed),
      report,
      log
    })
  } catch (error) {
    report.check(
      'the scenario runs to its end',
      false,
      error instanceof Error ? (error.stack ?? error.message) : String(error)
    )
  } finally {
    await runCleanup()
  }
  console.log(markdownOf(report))
  return report
}
