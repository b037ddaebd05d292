/**
 * Visits every state of the protocol within bounds and prints how many there were.
 *
 *   npx tsx test/model/run.ts [--bounds small|large] [--only <configuration>] [--states-max <n>]
 *   npx tsx test/model/run.ts --variants      the shortest story of each protection's absence
 */
import { parseArgs } from 'node:util'
import { bounds, configurations, type Size } from './bounds.js'
import { check, type Verdict } from './checker.js'
import { Protocol } from './protocol.js'
import { variants } from './variants.js'

const { values } = parseArgs({
  options: {
    bounds: { type: 'string', default: 'small' },
    only: { type: 'string' },
    variants: { type: 'boolean', default: false },
    'states-max': { type: 'string', default: '40000000' }
  }
})
if (values.bounds !== 'small' && values.bounds !== 'large') throw new Error('--bounds is small or large')
const size: Size = values.bounds
const statesMax = Number(values['states-max'])

const count = (n: number): string => n.toLocaleString('en').padStart(12)

function print(name: string, verdict: Verdict): void {
  const seconds = (verdict.elapsedMs / 1000).toFixed(1)
  const head = `${name.padEnd(28)} ${verdict.status.padEnd(10)} ${count(verdict.states)} states  ${seconds.padStart(6)} s`
  if (verdict.status === 'HOLDS') console.log(`${head}  ${count(verdict.steps)} steps, ${verdict.depth} deep`)
  else console.log(head)
  if (verdict.status !== 'VIOLATED') return
  console.log(`  ${verdict.promise}, after ${verdict.trace.length} steps`)
  for (const [i, line] of verdict.trace.entries()) console.log(`  ${String(i + 1).padStart(3)}. ${line}`)
}

if (values.variants) {
  for (const variant of variants) {
    const model = new Protocol(bounds[size][variant.in], variant.without, variant.ignoring)
    print(variant.without, check(model, statesMax))
  }
} else {
  for (const name of configurations) {
    if (values.only !== undefined && values.only !== name) continue
    const verdict = check(new Protocol(bounds[size][name]), statesMax)
    print(name, verdict)
    if (verdict.status !== 'HOLDS') process.exitCode = 1
  }
}
