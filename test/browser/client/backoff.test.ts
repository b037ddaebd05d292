import t from 'tap'
import { fullJitterMs, reconnectDelayMs, socketRetryMs } from '../../../src/browser/client/backoff.js'

const never = () => 0
const almost = () => 0.999_999
const codes = [1000, 1003, 1006, 1008, 1009, 1012, 1013, 4008]

t.test('a delay is anywhere from nothing to a bound that doubles up to its end', async t => {
  for (let attempt = 0; attempt < 40; attempt++) {
    t.equal(fullJitterMs(attempt, never, 500, 30_000), 0)
    const most = fullJitterMs(attempt, almost, 500, 30_000)
    t.ok(most <= 30_000 && most > 0.99 * Math.min(30_000, 500 * 2 ** attempt), `${attempt}`)
  }
})

t.test('a goodbye is honoured: nobody comes back sooner, nor much later, nor never', async t => {
  for (const code of codes) {
    for (const random of [never, almost]) {
      const delayMs = reconnectDelayMs({ code, reconnectInMs: 7_000 }, 9, random)
      t.ok(delayMs >= 7_000 && delayMs <= 8_000)
    }
    t.ok(reconnectDelayMs({ code, reconnectInMs: 86_400_000 }, 0, almost) <= 61_000, 'a day is a minute')
  }
})

t.test('without one the close code says how much hurry there is', async t => {
  const most = (code: number): number => reconnectDelayMs({ code }, 0, almost)
  t.ok(most(1006) <= 500, 'a connection that broke')
  t.ok(most(4008) <= 500, 'too slow to read: at once, and a snapshot')
  t.ok(most(1012) > 3_000, 'a restart: a whole crowd comes back')
  t.ok(reconnectDelayMs({ code: 1013 }, 0, never) >= 1_000, 'overloaded: not at once')
  t.ok(reconnectDelayMs({ code: 1008 }, 0, never) >= 5_000, 'not allowed: nor the next moment')
  for (const code of codes) t.ok(reconnectDelayMs({ code }, 1_000, almost) <= 35_000, 'bounded')
})

t.test('a crowd that lost its server together comes back spread out', async t => {
  const buckets = new Set(
    Array.from({ length: 1_000 }, () => Math.floor(reconnectDelayMs({ code: 1012 }, 0, Math.random) / 100))
  )
  t.ok(buckets.size > 30, `${buckets.size} of 40 tenths of a second are used`)
})

t.test(
  'while polling a socket is tried soon, then ever more seldom, and never less than every five minutes',
  async t => {
    t.ok(socketRetryMs(0, never) >= 2_500 && socketRetryMs(0, almost) <= 5_000)
    t.ok(socketRetryMs(100, never) >= 150_000 && socketRetryMs(100, almost) <= 300_000)
  }
)
