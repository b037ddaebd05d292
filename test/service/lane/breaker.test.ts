import t from 'tap'
import {
  type BreakerSignal,
  type BreakerState,
  initialBreaker,
  nextBreaker,
  roundDelayMs
} from '../../../src/service/lane/breaker.js'

const ok: BreakerSignal = { kind: 'ok' }
const proved: BreakerSignal = { kind: 'proved' }
const stalled: BreakerSignal = { kind: 'stalled' }
const timeout: BreakerSignal = { kind: 'failed', reason: 'timeout', what: 'too slow' }
const refusal: BreakerSignal = { kind: 'failed', reason: 'other', what: 'out of memory' }
const connection: BreakerSignal = { kind: 'failed', reason: 'connection', what: 'closed' }
const badRound: BreakerSignal = { kind: 'disproved', reason: 'timeout', what: 'no echo' }
const noServer: BreakerSignal = { kind: 'disproved', reason: 'connection', what: 'refused' }

const after = (state: BreakerState, signals: BreakerSignal[], now: number): BreakerState =>
  signals.reduce((before, signal) => nextBreaker(before, signal, now), state)
/** Green since 0. */
const green = nextBreaker(initialBreaker(0), proved, 0)
/** Red since 20,000, after a long time of green. */
const red = nextBreaker(green, connection, 20_000)

const table: { rule: string; from: BreakerState; signals: BreakerSignal[]; color: string }[] = [
  { rule: 'it begins not knowing', from: initialBreaker(0), signals: [], color: 'yellow' },
  {
    rule: 'at the start one good round is enough',
    from: initialBreaker(0),
    signals: [proved],
    color: 'green'
  },
  { rule: 'at the start one bad round is red', from: initialBreaker(0), signals: [noServer], color: 'red' },
  {
    rule: 'a start with Redis down needs one good round, too',
    from: initialBreaker(0),
    signals: [noServer, noServer, proved],
    color: 'green'
  },
  { rule: 'one connection error opens', from: green, signals: [connection], color: 'red' },
  { rule: 'a round without a connection opens', from: green, signals: [noServer], color: 'red' },
  { rule: 'one timeout does not', from: green, signals: [timeout], color: 'green' },
  { rule: 'two timeouts in a row open', from: green, signals: [timeout, timeout], color: 'red' },
  {
    rule: 'a success in between starts the count anew',
    from: green,
    signals: [timeout, ok, timeout],
    color: 'green'
  },
  { rule: 'so does a good round', from: green, signals: [timeout, proved, timeout], color: 'green' },
  { rule: 'a timeout and a bad round open', from: green, signals: [timeout, badRound], color: 'red' },
  {
    rule: 'a server that refuses twice is of no use either',
    from: green,
    signals: [refusal, refusal],
    color: 'red'
  },
  {
    rule: 'a late success of a request changes nothing in red',
    from: red,
    signals: [ok, ok, ok],
    color: 'red'
  },
  { rule: 'one good round is yellow', from: red, signals: [proved], color: 'yellow' },
  { rule: 'two are not enough', from: red, signals: [proved, proved], color: 'yellow' },
  { rule: 'three close it', from: red, signals: [proved, proved, proved], color: 'green' },
  { rule: 'a bad one in between is red', from: red, signals: [proved, proved, badRound], color: 'red' },
  {
    rule: 'and the count of good rounds begins anew',
    from: red,
    signals: [proved, proved, badRound, proved, proved],
    color: 'yellow'
  },
  {
    rule: 'old failures of requests do not matter in yellow',
    from: red,
    signals: [proved, connection],
    color: 'yellow'
  },
  {
    rule: 'timeouts that come with a stall of our own do not count',
    from: green,
    signals: [stalled, timeout, timeout, timeout],
    color: 'green'
  },
  {
    rule: 'a connection error counts, stall or not',
    from: green,
    signals: [stalled, connection],
    color: 'red'
  }
]

for (const { rule, from, signals, color } of table) {
  t.test(rule, async t => {
    t.equal(after(from, signals, 20_500).color, color)
  })
}

t.test('a stall excuses only what comes right after it', async t => {
  const state = nextBreaker(green, stalled, 1_000)
  t.equal(after(state, [timeout, timeout], 1_060).color, 'green')
  t.equal(after(state, [timeout, timeout], 1_061).color, 'red')
})

t.test('a process that stalls all the time still finds out, after a second', async t => {
  let state = green
  let now = 1_000
  while (state.color === 'green' && now < 5_000) {
    state = after(state, [stalled, timeout], now)
    now += 50
  }
  t.equal(state.color, 'red')
  t.ok(now > 2_000 && now < 2_300, `it took until ${now}`)
})

t.test('while it stalls all the time, successes renew the excuse', async t => {
  let state = green
  for (let now = 1_000; now < 5_000; now += 50) state = after(state, [stalled, timeout, timeout, ok], now)
  t.equal(state.color, 'green')
})

t.test('rounds come once a second in green, and rarer and rarer in red, up to two seconds', async t => {
  const middle = (): number => 0.5
  t.equal(roundDelayMs(green, middle), 1_000)
  t.equal(roundDelayMs(nextBreaker(green, timeout, 5), middle), 250, 'sooner where there is a doubt')
  const delays: number[] = []
  let state = red
  for (let i = 0; i < 8; i++) {
    delays.push(roundDelayMs(state, middle))
    state = nextBreaker(state, noServer, 21_000 + i)
  }
  t.strictSame(delays, [250, 375, 563, 844, 1_266, 1_898, 2_000, 2_000])
  t.equal(roundDelayMs(nextBreaker(state, proved, 30_000), middle), 250, 'and quick again once one was good')
})

t.test('chance spreads a round by a fifth to either side', async t => {
  t.equal(
    roundDelayMs(red, () => 0),
    200
  )
  t.equal(
    roundDelayMs(red, () => 0.999_999),
    300
  )
})

t.test('a server that comes and goes is asked less and less; ten good seconds are forgiven', async t => {
  let state = after(red, [proved, proved, proved], 21_000)
  state = nextBreaker(state, connection, 22_000)
  t.equal(state.pauseMs, 375, 'green for a second')
  state = after(state, [proved, proved, proved], 23_000)
  state = nextBreaker(state, connection, 33_000)
  t.equal(state.pauseMs, 250, 'green for ten')
})

t.test('it says since when, and what went wrong last', async t => {
  t.match(red, { since: 20_000, lastError: 'closed' })
  const still = nextBreaker(red, noServer, 21_000)
  t.match(still, { since: 20_000, lastError: 'refused' })
})

t.test('while all is well a success makes nothing new', async t => {
  t.equal(nextBreaker(green, ok, 5), green)
  t.equal(nextBreaker(green, proved, 5), green)
})
