import t from 'tap'
import type { ViewerTag } from '../../../src/domain/ids.js'
import type { Selection, SlotRow } from '../../../src/domain/slot.js'
import {
  connected,
  demo,
  grant,
  instance,
  lockId,
  MemoryLane,
  release,
  rowOf,
  sessionId,
  slot,
  startMs
} from '../live-fixture.js'

const slotEvents = (events: { event: { kind: string } }[]) =>
  events.filter(({ event }) => event.kind === 'slots')

t.test('a change is told once, whichever ways it comes by', async t => {
  const { feed, events } = await instance(t)
  feed.watch(demo)
  const row = rowOf(0, 5)
  feed.announceSlots(demo, [row])
  feed.receive({ kind: 'slots', calendar: demo, rows: [row] })
  t.same(feed.absorb({ rows: [row], locks: [], selections: [] }).rows, [], 'what was told is no news')
  t.equal(slotEvents(events).length, 1)
})

t.test('a screen that shows whatever came last is right only behind the feed', async t => {
  const { feed, events } = await instance(t)
  const inOrderOfArrival = [rowOf(0, 2, { state: 'booked' }), rowOf(0, 1, { state: 'locked' })]
  for (const row of inOrderOfArrival) feed.receive({ kind: 'slots', calendar: demo, rows: [row] })

  const told = slotEvents(events).flatMap(({ event }) => ('rows' in event ? (event.rows as SlotRow[]) : []))
  t.equal(told.at(-1)?.state, 'booked')
  t.equal(inOrderOfArrival.at(-1)?.state, 'locked', 'without the version rule the older state would stay')
})

t.test('what was done here is told as done here, also when the tail was quicker', async t => {
  const { feed, events } = await instance(t)
  feed.watch(demo)
  feed.absorb({ rows: [rowOf(0, 5)], locks: [], selections: [] })
  feed.announceSlots(demo, [rowOf(0, 5)])
  t.same(
    events.map(({ origin }) => origin),
    ['elsewhere', 'here']
  )
  feed.announceSlots(demo, [rowOf(0, 4)])
  t.equal(events.length, 2, 'unless something newer is known')
})

t.test('of rows that come together, the newer ones are told', async t => {
  const { feed, events } = await instance(t)
  feed.announceSlots(demo, [rowOf(0, 5)])
  feed.receive({ kind: 'slots', calendar: demo, rows: [rowOf(0, 5), rowOf(1, 6)] })
  const last = events.at(-1)?.event
  t.same(last?.kind === 'slots' ? last.rows.map(row => row.slot) : [], [slot(1)])
})

t.test('a version heard is gone on from, and one that cannot be is not believed', async t => {
  const { feed, store, events } = await instance(t)
  const ahead = (startMs + 60_000) * 1_000
  feed.receive({ kind: 'slots', calendar: demo, rows: [rowOf(0, ahead)] })
  t.ok(store.nextVersion() > ahead, 'a neighbour may be a minute ahead')

  const told = events.length
  for (const ver of [Number.MAX_SAFE_INTEGER, 1e300, Number.NaN, 1.5]) {
    feed.receive({ kind: 'slots', calendar: demo, rows: [rowOf(1, ver)] })
  }
  t.equal(events.length, told)
  t.equal(feed.counts.versionsIncredible, 4)
  t.ok(store.nextVersion() < ahead + 1_000_000, 'and nobody counts on from the year 2255')
})

t.test('locks are told by id and version', async t => {
  const one = await instance(t)
  const lock = await grant(one, 'a', [0])
  const before = one.events.length
  one.feed.receive({ kind: 'lock', lock })
  t.equal(one.events.length, before)
  await release(one, lock)
  const last = one.events.at(-1)?.event
  t.match(last, { kind: 'lock', lock: { id: lockId('a'), state: 'released' } })
})

t.test('listeners hear of a commit before Redis does, and whether or not it answers', async t => {
  const lane = new MemoryLane()
  let open = (): void => {}
  lane.hold = new Promise(resolve => {
    open = resolve
  })
  const { feed, events, time } = await instance(t, { lane })
  feed.announceSlots(demo, [rowOf(0, 5)])
  t.equal(events.length, 1)
  t.equal(lane.settled.length, 0, 'the answer goes out first')
  await new Promise(resolve => setImmediate(resolve))
  feed.announceSlots(demo, [rowOf(0, 6)])
  feed.announceSlots(demo, [rowOf(0, 7), rowOf(1, 8)])
  open()
  await time.rest()
  t.same(
    lane.settled.map(({ rows }) => rows.map(row => row.ver)),
    [[5], [7, 8]],
    'what is committed while a call is under way goes together in the next, the newest of each slot'
  )
})

t.test('while the breaker is open nothing is sent, and nothing waits for later', async t => {
  const lane = new MemoryLane()
  const { feed, health, time } = await instance(t, { lane })
  health.green = false
  feed.announceSlots(demo, [rowOf(0, 5)])
  feed.announceCalendar(demo)
  await time.rest()
  health.green = true
  await time.rest()
  t.same(lane.settled, [])
})

t.test('a Redis that fails is counted and forgotten', async t => {
  const lane = new MemoryLane()
  lane.out = true
  const { feed, time } = await instance(t, { lane })
  feed.announceSlots(demo, [rowOf(0, 5)])
  await time.rest()
  t.match(feed.counts, { rowsSettled: 0, rowsNotSettled: 1 })
})

t.test('stopping waits for what is on its way to Redis, but not for ever', async t => {
  const lane = new MemoryLane()
  let open = (): void => {}
  lane.hold = new Promise(resolve => {
    open = resolve
  })
  const { feed, time } = await instance(t, { lane })
  feed.announceSlots(demo, [rowOf(0, 5)])
  let stopped = false
  const stopping = feed.stop().then(() => {
    stopped = true
  })
  await time.rest()
  t.notOk(stopped)
  await time.step(2_000)
  t.ok(stopped, 'it gave up')
  open()
  await stopping
})

t.test('a calendar is subscribed to from its first watcher to its last', async t => {
  const lane = new MemoryLane()
  const { feed } = await instance(t, { lane })
  feed.watch(demo)
  feed.watch(demo)
  feed.unwatch(demo)
  t.ok(lane.calendars.has(demo))
  t.same(feed.watched(), [demo])
  feed.unwatch(demo)
  t.notOk(lane.calendars.has(demo))
  t.notOk(feed.observed)
  t.throws(() => feed.unwatch(demo), 'who lets go twice would cut somebody else off')
})

t.test(
  'a session is attached from its first connection to its last, and those that come back are told of',
  async t => {
    const lane = new MemoryLane()
    const { feed } = await instance(t, { lane })
    const back: string[] = []
    feed.listenAttach(session => back.push(session))
    feed.attach(sessionId('new'), false)
    feed.attach(sessionId('a'), true)
    feed.attach(sessionId('a'), true)
    t.same(back, [sessionId('a')])
    feed.detach(sessionId('a'))
    t.ok(feed.attached(sessionId('a')))
    feed.detach(sessionId('a'))
    t.notOk(feed.attached(sessionId('a')))
    t.same([...lane.sessions], [sessionId('new')])
  }
)

t.test('what one instance does the other shows, if it watches', async t => {
  const [lane, otherLane] = connected(2) as [MemoryLane, MemoryLane]
  const here = await instance(t, { lane })
  const there = await instance(t, { lane: otherLane, time: here.time })
  await grant(here, 'a', [0])
  await here.time.rest()
  t.equal(there.screen.size, 0, 'nobody watches there')
  there.feed.watch(demo)
  await grant(here, 'b', [1])
  await here.time.rest()
  t.equal(there.screen.get(slot(1))?.state, 'locked')
  t.equal(there.events[0]?.origin, 'elsewhere')
})

t.test('what has been forgotten is told twice at most', async t => {
  const { feed, events } = await instance(t)
  feed.announceSlots(demo, [rowOf(0, 5)])
  feed.announceSlots(
    demo,
    Array.from({ length: 20_000 }, (_, n) => rowOf(n + 1, 6))
  )
  events.length = 0
  feed.receive({ kind: 'slots', calendar: demo, rows: [rowOf(0, 5), rowOf(20_000, 6)] })
  t.same(
    slotEvents(events).map(({ event }) => 'rows' in event && (event.rows as SlotRow[]).map(row => row.slot)),
    [[slot(0)]]
  )
})

t.test('of one viewer the newest hover counts, and an ended one does not come back', async t => {
  const { feed, time } = await instance(t)
  const hover = (seq: number, n: number | null, viewer = 'v'): Selection => ({
    calendar: demo,
    viewer: viewer as ViewerTag,
    slot: n === null ? null : slot(n),
    seq,
    expiresAt: startMs + 10_000
  })
  feed.announceSelection(hover(1, 0))
  feed.receive({ kind: 'selection', calendar: demo, selection: hover(3, null) })
  feed.receive({ kind: 'selection', calendar: demo, selection: hover(2, 1) })
  t.same(
    feed.selections(demo).map(one => one.slot),
    [null]
  )
  feed.announceSelection(hover(4, 2))
  t.equal(feed.selectionOf(demo, 'v' as ViewerTag)?.slot, slot(2))
  await time.step(10_000)
  t.same(feed.selections(demo), [], 'it is over by itself')
})

t.test('hovers are kept up to a bound, the newest of them', async t => {
  const { feed } = await instance(t)
  for (let n = 0; n <= 20_000; n++) {
    feed.announceSelection({
      calendar: demo,
      viewer: `v${n}` as ViewerTag,
      slot: slot(0),
      seq: 1,
      expiresAt: startMs + 10_000
    })
  }
  t.equal(feed.selections(demo).length, 20_000)
  t.equal(feed.selectionOf(demo, 'v0' as ViewerTag), undefined)
  t.ok(feed.selectionOf(demo, 'v20000' as ViewerTag))
})
