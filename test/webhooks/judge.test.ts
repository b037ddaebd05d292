import t from 'tap'
import { retriedForMs } from '../../src/domain/webhook-store.js'
import {
  type Answer,
  backoffMs,
  nextOf,
  parseRetryAfter,
  retryMaxMs,
  verdictOf,
  wordsOf
} from '../../src/webhooks/judge.js'

const status = (code: number, retryAfterMs?: number): Answer => ({
  kind: 'status',
  status: code,
  retryAfterMs
})
const half = () => 0.5
const next = (answer: Answer, over: Partial<Parameters<typeof nextOf>[1]> = {}) =>
  nextOf(answer, { attempts: 1, ageMs: 0, retryMs: 5_000, random: half, ...over })

t.test(
  'any 2xx is delivered, 410 ends it, and all else is tried again: redirects, refusals, silence',
  async t => {
    for (const code of [200, 201, 202, 204, 299]) t.equal(verdictOf(status(code)), 'delivered', String(code))
    t.equal(verdictOf(status(410)), 'gone')
    for (const code of [301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
      t.equal(verdictOf(status(code)), 'failed', String(code))
    t.equal(verdictOf({ kind: 'failed', why: 'ECONNREFUSED' }), 'failed')
    t.match(wordsOf(status(302)), /not followed/)
    t.strictSame(next(status(204)), { state: 'delivered' })
    t.strictSame(next(status(410)), { state: 'dead' })
  }
)

t.test('each wait is twice the one before, up to an hour, and a quarter more or less by chance', async t => {
  const waits = Array.from({ length: 14 }, (_, index) => backoffMs(5_000, index + 1, retryMaxMs, half))
  t.strictSame(waits.slice(0, 4), [5_000, 10_000, 20_000, 40_000])
  t.equal(waits.at(-1), retryMaxMs)
  t.equal(backoffMs(5_000, 1_000, retryMaxMs, half), retryMaxMs, 'after however many')
  t.equal(
    backoffMs(4_000, 1, retryMaxMs, () => 0),
    3_000
  )
  t.equal(
    backoffMs(4_000, 1, retryMaxMs, () => 1),
    5_000
  )
})

t.test('it is tried for three days: the last attempt is at their end, and then it is dead', async t => {
  t.strictSame(next(status(500), { attempts: 50, ageMs: retriedForMs - 1_000 }), {
    state: 'waiting',
    dueInMs: 1_000
  })
  t.strictSame(next(status(500), { attempts: 51, ageMs: retriedForMs }), { state: 'dead' })
  let ageMs = 0
  let attempts = 1
  for (; ; attempts++) {
    const became = next(status(500), { attempts, ageMs })
    if (became.state !== 'waiting') break
    ageMs += became.dueInMs
  }
  t.equal(ageMs, retriedForMs)
  t.ok(attempts > 60 && attempts < 100, `${attempts} attempts`)
})

t.test(
  'an endpoint may ask for a longer wait, not for a shorter one, and not for more than an hour',
  async t => {
    t.match(next(status(503, 60_000)), { dueInMs: 60_000 })
    t.match(next(status(503, 1_000)), { dueInMs: 5_000 })
    t.match(next(status(429, 86_400_000)), { dueInMs: retryMaxMs })
    const now = Date.parse('2026-01-15T09:00:00Z')
    t.equal(parseRetryAfter('120', now), 120_000)
    t.equal(parseRetryAfter('Thu, 15 Jan 2026 09:00:30 GMT', now), 30_000)
    for (const text of [null, '', 'soon', '-5', '0', 'Thu, 15 Jan 2026 08:00:00 GMT'])
      t.equal(parseRetryAfter(text, now), undefined, String(text))
  }
)
