import t from 'tap'
import { attemptsAtOnceMax, Pace } from '../../src/webhooks/pace.js'

const pace = () => new Pace(5_000, () => 0.5)

/** Begins as many as there is room for, and fails them all. */
function failAll(one: Pace, now: number): number {
  const room = one.room(now)
  for (let n = 0; n < room; n++) one.begin()
  for (let n = 0; n < room; n++) one.failed(now, 0)
  return room
}

t.test('an endpoint that answers is sent several at a time, and no more than that', async t => {
  const one = pace()
  t.equal(one.room(0), attemptsAtOnceMax)
  for (let n = 0; n < attemptsAtOnceMax; n++) one.begin()
  t.equal(one.room(0), 0)
  t.equal(one.delivered(), false)
  t.equal(one.room(0), 1)
})

t.test('a failure alone slows nothing down: it may be the event', async t => {
  const one = pace()
  for (let n = 0; n < 20; n++) {
    one.begin()
    one.failed(0, 0)
    one.begin()
    t.equal(one.delivered(), false)
  }
  t.equal(one.room(0), attemptsAtOnceMax)
})

t.test('after five in a row one at a time is tried, ever less often, until one is taken', async t => {
  const one = pace()
  failAll(one, 0)
  t.equal(one.down, true)
  t.equal(one.room(0), 0, 'a pause')
  let attempts = 0
  for (let now = 0; now < 3_600_000; now += 100) attempts += failAll(one, now)
  t.ok(attempts > 50 && attempts < 80, `${attempts} attempts in an hour`)
  t.equal(one.room(3_700_000), 1)
  one.begin()
  t.equal(one.delivered(), true, 'it came back')
  t.equal(one.room(3_700_000), attemptsAtOnceMax)
})

t.test('who asks to be left alone is, for a minute at the most', async t => {
  const one = pace()
  one.begin()
  one.failed(0, 20_000)
  t.equal(one.room(19_999), 0)
  t.equal(one.room(20_000), attemptsAtOnceMax)
  one.begin()
  one.failed(20_000, 86_400_000)
  t.equal(one.room(80_000), attemptsAtOnceMax)
})
