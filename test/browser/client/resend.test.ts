import t from 'tap'
import { SlotlockError } from '../../../src/browser/client/errors.js'
import type { Outcome } from '../../../src/browser/client/link.js'
import {
  type Next,
  nextStep,
  packetDeadlineMs,
  patienceMs,
  type Sendings,
  sendsMax
} from '../../../src/browser/client/resend.js'
import type { ErrorCode } from '../../../src/protocol/codes.js'

const half = () => 0.5
const fresh: Sendings = { startedAt: 0, sends: 0 }
const refused = (code: ErrorCode, more: object = {}): Outcome => ({
  status: 'REFUSED',
  error: new SlotlockError({ code, message: code, ...more })
})
const lost: Outcome = { status: 'LOST' }

const again = (next: Next): Extract<Next, { do: 'AGAIN' }> => {
  if (next.do !== 'AGAIN') throw new Error(`it was not sent again: ${JSON.stringify(next)}`)
  return next
}

t.test('an answer is the answer', async t => {
  t.match(nextStep({ status: 'ANSWERED', result: 1, sentAt: 7 }, fresh, 9, half), { do: 'ANSWER', sentAt: 7 })
})

t.test('what is refused at the first sending is refused', async t => {
  for (const code of ['SLOT_UNAVAILABLE', 'LOCK_EXPIRED', 'INVALID_REQUEST', 'INTERNAL'] as const)
    t.match(nextStep(refused(code), fresh, 5, half), { do: 'FAIL', error: { code } })
})

t.test('a lost answer and OUTCOME_UNKNOWN are sent again', async t => {
  for (const outcome of [lost, refused('OUTCOME_UNKNOWN')]) {
    const next = again(nextStep(outcome, fresh, 5, half))
    t.match(next.sendings, { sends: 1, unknownAt: 5 })
    t.ok(next.afterMs < 500)
  }
})

t.test(
  'a refusal of the resend is final only after the deadline of the packet that may be on its way',
  async t => {
    const { sendings } = again(nextStep(lost, fresh, 100, half))
    const early = again(nextStep(refused('SLOT_UNAVAILABLE'), sendings, 300, half))
    t.equal(early.afterMs, packetDeadlineMs - 200, 'asked again when it cannot arrive any more')
    const late = 100 + packetDeadlineMs
    t.match(nextStep(refused('SLOT_UNAVAILABLE'), early.sendings, late, half), {
      do: 'FAIL',
      error: { code: 'SLOT_UNAVAILABLE' }
    })
  }
)

t.test('a request that ends while its outcome is unknown says so, whatever was answered last', async t => {
  const unknown: Sendings = { startedAt: 0, sends: sendsMax - 1, unknownAt: 10 }
  for (const code of ['BUSY', 'RATE_LIMITED', 'STORE_UNAVAILABLE', 'OUTCOME_UNKNOWN'] as const)
    t.match(nextStep(refused(code), unknown, 20, half), { do: 'FAIL', error: { code: 'OUTCOME_UNKNOWN' } })
  t.match(nextStep({ status: 'UNSENT' }, unknown, 20, half), { error: { code: 'OUTCOME_UNKNOWN' } })
  const known: Sendings = { startedAt: 0, sends: sendsMax - 1 }
  t.match(nextStep(refused('BUSY'), known, 20, half), { do: 'FAIL', error: { code: 'BUSY' } })
  t.match(nextStep({ status: 'UNSENT' }, known, 20, half), { do: 'FAIL', error: { code: 'UNREACHABLE' } })
})

t.test('BUSY waits as long as it says, and no longer than there is patience', async t => {
  const next = again(nextStep(refused('BUSY', { retryAfterMs: 700 }), fresh, 0, half))
  t.ok(next.afterMs >= 700 && next.afterMs <= 800)
  t.match(nextStep(refused('BUSY', { retryAfterMs: patienceMs + 1 }), fresh, 0, half), {
    do: 'FAIL',
    error: { code: 'BUSY', retryAfterMs: patienceMs + 1 }
  })
})

t.test('a session that is over is renewed once', async t => {
  const next = again(nextStep(refused('UNAUTHENTICATED'), fresh, 0, half))
  t.equal(next.renew, true)
  t.match(nextStep(refused('UNAUTHENTICATED'), next.sendings, 0, half), { do: 'FAIL' })
})

t.test('whatever comes, it ends: within the sends and the time there are', async t => {
  for (const outcome of [lost, refused('BUSY'), refused('OUTCOME_UNKNOWN'), { status: 'UNSENT' } as const]) {
    let sendings = fresh
    let nowMs = 0
    for (let sends = 1; ; sends++) {
      const next = nextStep(outcome, sendings, nowMs, Math.random)
      if (next.do !== 'AGAIN') break
      t.ok(sends < sendsMax)
      sendings = next.sendings
      nowMs += next.afterMs
    }
    t.ok(nowMs <= patienceMs)
  }
})
