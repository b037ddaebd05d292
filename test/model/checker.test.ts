import t from 'tap'
import { check, type Model } from './checker.js'
import { Protocol } from './protocol.js'
import type { Bounds } from './words.js'

/** Two counters that go up by one or by three, each to `top` at most; alike, so (a, b) stands for (b, a). */
function counters(top: number, forbiddenSum: number, symmetric = true): Model {
  return {
    width: 4,
    initial: () => new Uint8Array(4),
    successors(state, found) {
      for (const counter of [0, 1]) {
        for (const by of [1, 3]) {
          const next = state.slice()
          next[counter]! += by
          if (next[counter]! <= top) found(next, () => `${'ab'[counter]} + ${by}`)
        }
      }
    },
    canonical(state, out) {
      const [a, b] = state as unknown as [number, number]
      out.set(symmetric && a > b ? [b, a, 0, 0] : state)
    },
    broken: state => (state[0]! + state[1]! === forbiddenSum ? 'SUM' : undefined)
  }
}

t.test('a promise that no state breaks holds, and every state was visited', async t => {
  const verdict = check(counters(5, 99, false), 1000)
  t.match(verdict, { status: 'HOLDS', states: 36 })
})

t.test('states that differ by renaming alone are one state', async t => {
  t.match(check(counters(5, 99), 1000), { status: 'HOLDS', states: 21 })
})

t.test('a broken promise is told by a shortest story', async t => {
  const verdict = check(counters(9, 10), 1000)
  t.equal(verdict.status, 'VIOLATED')
  if (verdict.status !== 'VIOLATED') return
  t.equal(verdict.promise, 'SUM')
  t.equal(verdict.trace.length, 4, 'three times three and one')
})

t.test('a story keeps its names from one step to the next', async t => {
  const verdict = check(counters(6, 8), 1000)
  t.equal(verdict.status, 'VIOLATED')
  if (verdict.status !== 'VIOLATED') return
  const end = { a: 0, b: 0 }
  for (const line of verdict.trace) end[line[0] as 'a' | 'b'] += Number(line.at(-1))
  t.equal(end.a + end.b, 8, verdict.trace.join(', '))
})

t.test('past its bound on states the checker says nothing about the promise', async t => {
  t.match(check(counters(200, 999), 100), { status: 'UNFINISHED' })
})

const tiny: Bounds = {
  users: 2,
  slots: 2,
  attempts: 1,
  sends: 2,
  packets: 2,
  timeouts: 1,
  periods: 1,
  lates: 0,
  sweeps: 0,
  revokes: 0,
  crashes: 0,
  replaces: false,
  extends: false,
  books: true,
  versions: 'clocks'
}

for (const [name, bounds] of Object.entries({
  'with clocks': tiny,
  'with a screen': {
    ...tiny,
    sends: 1,
    versions: 'counted',
    screen: { events: 2, losses: 1, doubles: 1, reads: 1 }
  } satisfies Bounds
})) {
  t.test(`the protocol loses no state by taking users and slots for interchangeable, ${name}`, async t => {
    const reduced = check(new Protocol(bounds), 1e5)
    const protocol = new Protocol(bounds)
    const classes = new Set<string>()
    const out = new Uint8Array(protocol.width)
    const whole = check(
      {
        width: protocol.width,
        initial: () => protocol.initial(),
        successors: (state, found) => protocol.successors(state, found),
        canonical(state, copy) {
          protocol.canonical(state, out)
          classes.add(String.fromCharCode(...out))
          copy.set(state)
        },
        broken: state => protocol.broken(state)
      },
      1e6
    )
    t.equal(reduced.status, 'HOLDS')
    t.equal(whole.status, 'HOLDS')
    t.equal(classes.size, reduced.states, 'one state for each class')
    t.ok(whole.states > 2 * reduced.states, `${whole.states} states in ${reduced.states} classes`)
  })
}
