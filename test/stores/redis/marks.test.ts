import t from 'tap'
import { markOf, markTimes } from '../../../src/stores/redis/marks.js'
import { newLock, row, slotAt } from './lane.js'

const lock = newLock()
const nine = (state: Parameters<typeof row>[2]) =>
  row(slotAt(9), 1_763_700_000_000_001, { token: lock, ...state })

t.test('a lock is marked for the time it has left', async t => {
  t.equal(markOf(nine({ state: 'locked', expiresAt: 1_500.5 }), 1_000), `501 1763700000000001:locked:${lock}`)
})

t.test('a lock past its end must not keep others out', async t => {
  for (const expiresAt of [1_000, 999]) {
    t.equal(
      markOf(nine({ state: 'locked', expiresAt }), 1_000),
      `${markTimes.tombstoneMs} 1763700000000001:free:${lock}`
    )
  }
})

t.test('bookings and closed slots are marked for long, free ones as a tombstone', async t => {
  t.equal(markOf(nine({ state: 'booked' }), 1_000), `${markTimes.settledMs} 1763700000000001:booked:${lock}`)
  t.equal(
    markOf(nine({ state: 'blocked', token: null }), 1_000),
    `${markTimes.settledMs} 1763700000000001:blocked:`
  )
  t.equal(markOf(nine({ state: 'free' }), 1_000), `${markTimes.tombstoneMs} 1763700000000001:free:${lock}`)
})

t.test('a calendar is filled anew before its marks of bookings lapse', async t => {
  t.ok(markTimes.generationMs < markTimes.settledMs)
})
