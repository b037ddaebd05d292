import t from 'tap'
import { Findings } from './findings.js'
import { fuzz } from './fuzz.js'

t.setTimeout(120_000)

t.test('a few seconds of everything that can be sent: nothing is found, and everything was sent', async t => {
  const outcome = await fuzz(t, { seed: 4, forMs: 3_000, stores: 'embedded', only: undefined })
  const again = (caseNumber: number): string => `npm run fuzz -- --seed 4 --case ${caseNumber}`
  t.equal(outcome.findings.told(again), '')
  t.strictSame([...outcome.tally.sent.keys()].sort(), [
    'cases',
    'messages',
    'raw HTTP',
    'raw frames',
    'requests'
  ])
  for (const code of ['ok', 'INVALID_REQUEST', 'FORBIDDEN', 'LOCK_NOT_FOUND'])
    t.ok(outcome.tally.outcomes.has(code), code)
  t.ok(outcome.locks > 0, 'there were locks to look up')
  t.ok(outcome.honest.visits > 1, 'somebody was served beside it')
})

t.test('a finding is told with the case that does it again', t => {
  const findings = new Findings()
  findings.add('a rule', 'was broken', { number: 7, steps: ['this was sent'] })
  findings.add('a rule', 'was broken again')
  t.equal(
    findings.told(number => `replay ${number}`),
    [
      'a rule: 2 times',
      '  was broken',
      '    again: replay 7',
      '      this was sent',
      '  was broken again'
    ].join('\n')
  )
  t.end()
})
