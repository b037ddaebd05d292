import t from 'tap'
import { StoreUnavailable } from '../../../src/domain/errors.js'
import { FastPath } from '../../../src/service/lane/fast-path.js'
import { type Count, SharedCounts } from '../../../src/service/lane/shared-counts.js'
import { SteppedTime } from '../../helpers/stepped-time.js'
import { MemoryLane } from '../live-fixture.js'

function instance(lane: MemoryLane) {
  const time = new SteppedTime()
  const state = { open: true, told: [] as boolean[] }
  const path = new FastPath(lane, {
    allows: () => state.open,
    begins: () => {},
    ends: () => {},
    record: () => {}
  })
  const counts = new SharedCounts({
    path,
    clock: time,
    timers: time,
    onChange: shared => state.told.push(shared)
  })
  counts.start()
  t.teardown(() => counts.stop())
  const learnt: Count[] = []
  const add = (name: string, by = 1) =>
    counts.add({ name, by, windowMs: 60_000 }, count => learnt.push(count))
  return { time, state, counts, learnt, add }
}

t.test(
  'what was counted here travels behind the request’s back, added up, and comes back as everybody’s',
  async t => {
    const lane = new MemoryLane()
    lane.counts.set('ann', 40)
    const { time, counts, learnt, add } = instance(lane)
    await time.step(25)
    for (let n = 0; n < 3; n++) add('ann')
    t.strictSame(learnt, [], 'nobody waits for it')
    await time.step(25)
    t.match(learnt, [{ total: 43 }])
    t.equal(lane.counts.get('ann'), 43)
    t.equal(counts.notShared, 0)
  }
)

t.test('what was counted while a round was under way is on top of its answer', async t => {
  const lane = new MemoryLane()
  const { time, learnt, add } = instance(lane)
  await time.step(25)
  add('ann')
  let arrive = (): void => {}
  lane.hold = new Promise(resolve => {
    arrive = resolve
  })
  await time.step(25)
  add('ann', 2)
  arrive()
  lane.hold = undefined
  await time.rest()
  t.match(learnt, [{ total: 3 }])
  await time.step(25)
  t.match(learnt[1], { total: 3 })
})

t.test('while Redis is out each counts for itself, says so once, and keeps nothing for later', async t => {
  const lane = new MemoryLane()
  const { time, state, counts, learnt, add } = instance(lane)
  await time.step(25)
  t.strictSame(state.told, [true])
  state.open = false
  add('ann')
  await time.step(100)
  t.strictSame(state.told, [true, false])
  t.equal(counts.shared, false)
  add('ann')
  state.open = true
  await time.step(250)
  t.strictSame(state.told, [true, false, true])
  t.strictSame([learnt, lane.counts.get('ann')], [[], undefined])
  lane.addCounts = async () => {
    throw new StoreUnavailable('gone')
  }
  add('ann')
  await time.step(25)
  t.strictSame(learnt, [], 'a round that fails harms nobody')
})

t.test('a crowd of strangers fills the queue to its bound and no further', async t => {
  const lane = new MemoryLane()
  const { time, counts, add } = instance(lane)
  await time.step(25)
  for (let n = 0; n < 10_050; n++) add(`stranger-${n}`)
  t.equal(counts.notShared, 50)
  add('stranger-1')
  t.equal(counts.notShared, 50, 'who waits already goes along')
  await time.step(25)
  t.equal(lane.counts.size, 250, 'so many at a time')
})
