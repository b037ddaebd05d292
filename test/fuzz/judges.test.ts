import t from 'tap'
import { seededRandom } from '../../load-tests/harness/random.js'
import type { TruthLock, TruthSlot } from '../helpers/truth.js'
import { Dice } from './dice.js'
import { isGrowing, trendOf } from './flatness.js'
import { Ledger } from './ledger.js'
import { mutateText, mutateTree } from './mutations.js'
import { mayNot, wrongAnswer, wrongHttpAnswer } from './verdict.js'
import type { Who } from './world.js'

/** What judges a run finds out what it is there for, and nobody who did nothing. */

const bounds = { share: 0.05, leastBytes: 3_000_000 }
const series = (value: (index: number) => number) =>
  Array.from({ length: 30 }, (_, index) => ({ atMs: index * 20_000, value: value(index) }))

t.test('memory that warms up, wavers and jumps once is flat; what grows all along is not', t => {
  const random = seededRandom(1)
  const noisy = series(index => 40e6 + Math.min(index, 8) * 1e6 + random() * 2e6 + (index === 20 ? 30e6 : 0))
  t.equal(isGrowing(trendOf(noisy)!, bounds), false)
  const leaking = series(index => 40e6 + index * 300_000 + random() * 2e6)
  t.equal(isGrowing(trendOf(leaking)!, bounds), true)
  t.equal(trendOf(noisy.slice(0, 10)), undefined, 'too few samples say nothing')
  t.end()
})

const slot = 'room-0/2030-01-01T09:00Z'
const held: TruthLock = { id: 'a', slots: [slot], state: 'held', expiresMs: 2_000 }
const taken: TruthSlot = { slot, state: 'locked', token: 'a', ver: 1, expiresMs: 2_000 }

/** One lock that was acknowledged until 2,000, and what was answered since. */
function ledgerOf(...more: Parameters<Ledger['answered']>[]): Ledger {
  const ledger = new Ledger()
  const lock = { id: 'a', calendar: 'demo', slots: [slot], state: 'held', expiresAt: 2_000 }
  ledger.answered({ operation: 'lock', params: {} }, 'ann', { lock })
  for (const args of more) ledger.answered(...args)
  return ledger
}

t.test('rows that say something else than the answers are found', t => {
  const rows = { slots: [taken], locks: [held], bookings: [], atMs: 1_000 }
  t.strictSame(ledgerOf().contradictions('demo', rows), [])
  t.match(ledgerOf().contradictions('demo', { ...rows, locks: [] }), [/has no row/])
  t.match(ledgerOf().contradictions('demo', { ...rows, locks: [{ ...held, state: 'released' }] }), [
    /was acknowledged until/
  ])
  t.strictSame(
    ledgerOf().contradictions('demo', { ...rows, atMs: 3_000, locks: [{ ...held, state: 'expired' }] }),
    []
  )
  const released = ledgerOf([{ operation: 'release', params: { lock: 'a' } }, 'ann', { released: true }])
  t.match(released.contradictions('demo', rows), [/is over, as was answered/])
  const other = { ...held, id: 'b' }
  t.match(ledgerOf().contradictions('demo', { ...rows, locks: [held, other] }), [
    /is held by a and by b/,
    /b is held, its/
  ])
  const booked = ledgerOf([
    { operation: 'book', params: { lock: 'a' } },
    'ann',
    { booking: { id: 'c', calendar: 'demo', slots: [slot] } }
  ])
  t.match(booked.contradictions('demo', rows), [/the booking c was acknowledged and has no row/])
  const cloudy = ledgerOf()
  cloudy.unanswered({ params: { lock: 'a' } })
  t.strictSame(
    cloudy.contradictions('demo', { ...rows, locks: [] }),
    [],
    'of what may have happened or not, nothing is claimed'
  )
  t.end()
})

t.test('an answer with another shape, another code or one thing too many is found', t => {
  const answer = { id: 1, ok: true, result: { released: true } }
  t.equal(wrongAnswer('release', answer), undefined)
  t.match(
    wrongAnswer('release', { ...answer, result: { released: true, owner: 'ann' } }),
    /members that no schema names/
  )
  t.match(wrongAnswer('release', { ...answer, result: {} }), /released/)
  const error = { code: 'INTERNAL' as const, message: 'oh', retryable: false }
  t.match(wrongAnswer('release', { id: 1, ok: false, error }), /INTERNAL/)
  t.match(
    wrongAnswer('release', { id: 1, ok: false, error: { ...error, code: 'SLOT_NOT_FOUND' } }),
    /do not name/
  )
  const headers = new Map([['content-type', 'text/html']])
  t.match(wrongHttpAnswer('release', { status: 404, headers, body: '<h1>' }), /no problem document/)
  t.match(wrongHttpAnswer('release', { status: 502, headers, body: '' }), /the status 502/)
  t.match(wrongHttpAnswer('release', { status: 200, headers, body: '{}' }), /200, not 204/)
  t.end()
})

t.test('who gets what is not theirs is found', t => {
  const ledger = ledgerOf()
  const visitor: Who = { kind: 'visitor', role: 'visitor', session: 'bob', token: 'x', calendars: undefined }
  const staff: Who = { ...visitor, kind: 'staff', role: 'staff', calendars: ['demo'] }
  const lock = { lock: 'a' }
  t.match(mayNot({ operation: 'book', params: lock }, visitor, ledger, true), /another session/)
  t.match(
    mayNot({ operation: 'lock', params: { calendar: 'demo', replaces: 'a' } }, visitor, ledger, true),
    /another session/
  )
  t.equal(
    mayNot({ operation: 'book', params: lock }, { ...visitor, session: 'ann' }, ledger, true),
    undefined
  )
  t.match(mayNot({ operation: 'revoke', params: lock }, visitor, ledger, true), /no staff/)
  t.equal(mayNot({ operation: 'revoke', params: lock }, staff, ledger, true), undefined)
  t.match(
    mayNot({ operation: 'block', params: { calendar: 'annexe' } }, staff, ledger, true),
    /not for annexe/
  )
  t.match(
    mayNot({ operation: 'listLocks', params: {} }, { ...visitor, kind: 'expired' }, ledger, false),
    /expired/
  )
  t.equal(
    mayNot({ operation: 'listLocks', params: {} }, { ...visitor, kind: 'expired' }, ledger, true),
    undefined
  )
  t.end()
})

t.test('the same seed throws the same, and another one something else', t => {
  const thrown = (seed: number): string[] => {
    const dice = new Dice(seed, 3)
    return dice.times(20, () => {
      const tree = { id: 1, type: 'lock', calendar: 'demo', slots: [slot] }
      mutateTree(tree, dice)
      return mutateText(JSON.stringify(tree), dice)
    })
  }
  t.strictSame(thrown(1), thrown(1))
  t.not(thrown(1).join(), thrown(2).join())
  t.end()
})
