import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Picture } from '../../load-tests/harness/picture.js'
import { Report } from '../../load-tests/harness/report.js'
import { markdownOf, summaryOf } from '../../load-tests/harness/summary.js'
import { plotOf } from '../../load-tests/plots/spec.js'
import type { SlotState } from '../../src/protocol/schemas.js'

/** A load test that cannot fail, or a table that says something else than was measured, is worse than none. */

t.test('an invariant that is broken once, or was never looked at, breaks the run', async t => {
  const held = new Report('trial', 'none')
  t.ok(held.broken, 'nothing was looked at')
  held.check('it holds', true)
  t.notOk(held.broken)
  held.check('no slot has two holders', false, 'a and b')
  held.check('no slot has two holders', true)
  t.ok(held.broken)
  t.match(markdownOf(held), '**violation**: no slot has two holders: a and b')
  t.match(summaryOf([held]), '**BROKEN** (1)')

  const unseen = new Report('trial', 'none')
  unseen.check('it holds', true)
  unseen.check('every lock is in the database', true, '', 0)
  t.ok(unseen.broken, 'no lock was acknowledged, so none was looked for')
})

t.test('a ratio is judged by its median, and not at all in void rounds', async t => {
  const report = new Report('trial', 'none')
  report.ratio({ what: 'a', rounds: [0.1, 1.4, 9], target: { atMost: 1.5 } })
  report.ratio({ what: 'b', rounds: [0.1, 1.6, 9], target: { atMost: 1.5 } })
  report.ratio({ what: 'c', rounds: [0.1, 1.6, 9], target: { atMost: 1.5 }, isVoid: true })
  report.ratio({ what: 'd', rounds: [3], target: { atLeast: 3 } })
  report.ratio({ what: 'e', rounds: [Number.NaN], target: { atLeast: 3 } })
  report.ratio({ what: 'f', rounds: [2] })
  t.strictSame(
    report.figures.map(({ verdict }) => verdict),
    ['met', 'missed', 'void', 'met', 'missed', 'info']
  )
  t.match(summaryOf([report]), '| trial | none | a | 0.10 / 1.40 / 9.00 | <= 1.5 | met |')
})

t.test(
  'the plot shows each ratio with its target, each side beside its reference, each process with its cost',
  async t => {
    const report = new Report('trial', 'none')
    t.equal(plotOf(report), undefined, 'nothing was measured')
    report.ratio({ what: 'lock / raw', rounds: [1, 2, 30], target: { atMost: 1.5 } })
    report.side({ what: 'lock p50', unit: 'ms', of: { slotlock: [1, 2, 3], raw: [0, 1, 2] } })
    report.side({ what: 'not measured', unit: 'ms', of: { slotlock: [Number.NaN], raw: [Number.NaN] } })
    report.cpu('lock', { server: [100], redis: [10] })
    const panels = plotOf(report)!.vconcat as { title: string; data: { values: object[] }; layer: object[] }[]
    t.strictSame(
      panels.map(({ title, data }) => [title, data.values.length]),
      [
        ['Ratios (upright line: target)', 1],
        ['lock p50', 2],
        ['CPU time', 2]
      ]
    )
    t.match(panels[0]!.data.values[0], {
      min: 1,
      median: 2,
      max: 30,
      target: 1.5,
      kind: 'missed',
      label: '2.00'
    })
    t.match(JSON.stringify(panels[0]), '"type":"log"', 'thirty times as much fits no linear axis')
    t.notMatch(JSON.stringify(panels[1]), '"type":"log"', 'nor does nothing fit a logarithmic one')
  }
)

t.test('a picture takes no older state for news, and a look at it finds what it has missed', async t => {
  const state = (slot: string, ver: number, name: SlotState['state']): SlotState => ({
    slot,
    ver,
    state: name
  })
  const picture = new Picture()
  picture.apply([state('a', 2, 'locked'), state('b', 5, 'locked')])
  picture.apply([state('a', 1, 'free')])
  t.equal(picture.get('a')?.state, 'locked')
  t.strictSame(picture.differences([state('a', 2, 'locked'), state('b', 5, 'locked')]), [])
  t.equal(picture.differences([state('a', 2, 'locked')]).length, 1, 'b is free by now and nobody said so')
  t.equal(picture.differences([state('a', 3, 'locked'), state('b', 5, 'locked')]).length, 1)
  t.equal(
    picture.differences([state('a', 2, 'locked'), state('b', 5, 'locked'), state('c', 1, 'booked')]).length,
    1
  )
})

t.test('every scenario stands in the table of load-tests/README.md', async t => {
  const readme = readFileSync('load-tests/README.md', 'utf8')
  const names = readdirSync('load-tests/scenarios').flatMap(file => {
    const text = readFileSync(join('load-tests/scenarios', file), 'utf8')
    return /: Scenario = \{\s+name: '([a-z-]+)'/.exec(text)?.[1] ?? []
  })
  t.ok(names.length > 10)
  for (const name of names) t.match(readme, `| \`${name}\` |`)
})
