import t from 'tap'
import { compiled } from '../helpers/compiled.js'
import type { Configuration } from './index.js'

const { bounds, check, configurations, promises, Protocol, variants } =
  await compiled<typeof import('./index.js')>('test/model/index.ts')

const statesMax = 8_000_000

/** A model that says HOLDS because it got stuck early would say it of anything. Somewhat below what README.md lists. */
const statesMin: { [name in Configuration]: number } = {
  'two slots': 500_000,
  'one slot': 700_000,
  swept: 300_000,
  replaces: 1_000_000,
  late: 600_000,
  versions: 300_000,
  'three users': 300_000,
  screen: 110_000
}

t.setTimeout(600_000)

for (const name of configurations) {
  t.test(`the protocol keeps every promise in every order of events: ${name}`, async t => {
    const verdict = check(new Protocol(bounds.small[name]), statesMax)
    t.equal(verdict.status, 'HOLDS', verdict.status === 'VIOLATED' ? told(verdict.trace) : name)
    t.ok(verdict.states >= statesMin[name], `${verdict.states} states`)
    t.comment(`${name}: ${verdict.states} states in ${verdict.elapsedMs} ms`)
  })
}

for (const { without, does, in: where, breaks, steps, ignoring } of variants) {
  t.test(`${without}: a protocol that ${does} breaks ${breaks}`, async t => {
    const verdict = check(new Protocol(bounds.small[where], without, ignoring), statesMax)
    t.equal(verdict.status, 'VIOLATED')
    if (verdict.status !== 'VIOLATED') return
    t.equal(verdict.promise, breaks, told(verdict.trace))
    t.equal(verdict.trace.length, steps, told(verdict.trace))
    t.comment(told(verdict.trace))
  })
}

t.test('a packet that is carried out late breaks that very promise, before it harms anybody', async t => {
  const verdict = check(new Protocol(bounds.small.late, 'no deadline'), statesMax)
  t.match(verdict, { status: 'VIOLATED', promise: 'LATE_DOES_NOTHING' })
})

t.test('every promise is one that some variant breaks', async t => {
  const broken = new Set<string>([...variants.map(({ breaks }) => breaks), 'LATE_DOES_NOTHING'])
  t.same(
    promises.filter(promise => !broken.has(promise)),
    []
  )
})

const told = (trace: readonly string[]): string => trace.map((line, i) => `${i + 1}. ${line}`).join('\n')
