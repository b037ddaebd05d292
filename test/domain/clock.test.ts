import fc from 'fast-check'
import t from 'tap'
import { VersionClock } from '../../src/domain/clock.js'

t.test('a version is the time in microseconds where it can be', async t => {
  let nowMs = 1_768_480_000_000
  const clock = new VersionClock(() => nowMs)
  t.equal(clock.next(), 1_768_480_000_000_000)
  t.equal(clock.next(), 1_768_480_000_000_001, 'and the last one plus one within the same millisecond')
  nowMs += 1
  t.equal(clock.next(), 1_768_480_000_001_000)
})

t.test('versions grow when the clock is set back', async t => {
  let nowMs = 1_000
  const clock = new VersionClock(() => nowMs)
  const before = clock.next()
  nowMs = 500
  t.equal(clock.next(), before + 1)
})

t.test('a greater version met elsewhere is gone on from, a smaller one changes nothing', async t => {
  const clock = new VersionClock(() => 1_000)
  clock.receive(5_000_000)
  t.equal(clock.next(), 5_000_001)
  clock.receive(17)
  t.equal(clock.next(), 5_000_002)
})

t.test('whatever the clock does and whatever is met, versions only grow and stay whole', async t => {
  const step = fc.oneof(
    fc.record({ setTo: fc.double({ min: 0, max: 4e12, noNaN: true }) }),
    fc.record({ meet: fc.integer({ min: 0, max: 4e15 }) })
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), steps => {
      let nowMs = 0
      let greatest = 0
      const clock = new VersionClock(() => nowMs)
      return steps.every(what => {
        if ('setTo' in what) nowMs = what.setTo
        else {
          clock.receive(what.meet)
          greatest = Math.max(greatest, what.meet)
        }
        const ver = clock.next()
        const grew = ver > greatest && Number.isSafeInteger(ver)
        greatest = ver
        return grew
      })
    })
  )
  t.pass('in every order')
})
