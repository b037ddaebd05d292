import t from 'tap'
import { StoreUnavailable } from '../../../src/domain/errors.js'
import type { LockStore } from '../../../src/domain/lock-store.js'
import { Purge } from '../../../src/service/upkeep/purge.js'
import { SteppedTime } from '../../helpers/stepped-time.js'

const hourMs = 3_600_000

/** A store that says what it is told to say, and counts how often it is asked. */
function purging(t: { teardown(end: () => unknown): void }) {
  const time = new SteppedTime()
  const asked = { purge: 0, forget: 0 }
  const says = { full: false, more: false, fails: false }
  const store = {
    purge: async () => {
      asked.purge += 1
      if (says.fails) throw new StoreUnavailable('out', { reason: 'timeout' })
      return { deleted: says.full ? 500 : 3 }
    },
    forgetOld: async () => {
      asked.forget += 1
      return { forgotten: 2, more: says.more }
    }
  } as unknown as LockStore
  const purge = new Purge({ store, clock: time, timers: time, random: () => 0.5 })
  t.teardown(() => purge.stop())
  purge.start()
  return { time, asked, says, purge }
}

t.test('once an hour both are done, and what is full goes on soon, by itself', async t => {
  const { time, asked, says, purge } = purging(t)
  await time.step(hourMs)
  t.strictSame(asked, { purge: 1, forget: 1 })
  says.more = true
  await time.step(hourMs)
  await time.step(1_000)
  t.strictSame(asked, { purge: 2, forget: 7 }, 'five more steps of the one that has more')
  says.more = false
  await time.step(200)
  await time.step(hourMs)
  t.equal(asked.purge, 3)
  t.strictSame([purge.deleted, purge.forgotten], [9, 18])
})

t.test('one that fails is left until the next hour, and does not keep the other', async t => {
  const { time, asked, says, purge } = purging(t)
  says.fails = true
  says.more = true
  await time.step(hourMs)
  await time.step(2_000)
  t.strictSame([asked.purge, purge.failed], [1, 1])
  t.ok(asked.forget > 5)
  says.fails = false
  says.more = false
  await time.step(200)
  await time.step(hourMs)
  t.strictSame([asked.purge, purge.deleted], [2, 3])
})
