import t from 'tap'
import { DbClock } from '../../../src/stores/sql/db-clock.js'

const clockAt = () => {
  const time = { now: 1_000_000, monotonic: 0 }
  return { time, clock: { now: () => time.now, monotonic: () => time.monotonic } }
}

t.test("until it was read once, the database's clock is taken to be this machine's", async t => {
  const { time, clock } = clockAt()
  const dbClock = new DbClock(clock)
  t.equal(dbClock.nowMs(), 1_000_000)
  t.equal(dbClock.ageMs(), Number.POSITIVE_INFINITY)
  time.monotonic = 10
  dbClock.observe(8, 10, 5_000_000)
  t.equal(dbClock.nowMs(), 5_000_001.5, 'read in the middle of the round trip')
  time.monotonic = 110
  t.equal(dbClock.nowMs(), 5_000_101.5, 'and goes on with the clock that never steps')
  t.equal(dbClock.ageMs(), 100)
})

t.test('a slow answer does not spoil what a quick one said', async t => {
  const { time, clock } = clockAt()
  const dbClock = new DbClock(clock)
  dbClock.observe(0, 1, 5_000_000)
  const before = dbClock.nowMs()
  time.monotonic = 400
  dbClock.observe(100, 400, 5_000_110)
  t.equal(dbClock.nowMs(), before + 400)
  t.equal(dbClock.ageMs(), 0, 'but confirms it')
})

t.test('an answer that the estimate excludes means that somebody set the clock', async t => {
  const { time, clock } = clockAt()
  const dbClock = new DbClock(clock)
  dbClock.observe(0, 1, 5_000_000)
  time.monotonic = 400
  dbClock.observe(200, 400, 4_000_000)
  t.equal(dbClock.nowMs(), 4_000_100.5)
})
