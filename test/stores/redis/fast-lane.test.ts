import t from 'tap'
import type { SessionId } from '../../../src/domain/ids.js'
import { bucketOf } from '../../../src/stores/redis/keys.js'
import { until } from '../../helpers/process.js'
import { RedisServer } from '../../helpers/redis.js'
import {
  clinic,
  clock,
  lockedRow,
  lockRecord,
  newLock,
  newSession,
  openLane,
  row,
  slotAt,
  viewer,
  working
} from './lane.js'

const server = await RedisServer.start(t)
const behind = server.client()
const fill = async (lane: ReturnType<typeof openLane>): Promise<void> => {
  await lane.hydrate(clinic, async () => ({ rows: [], nowMs: Date.now() }))
}
t.beforeEach(() => behind.flushall())

t.test('a calendar that was never filled answers STALE, and after a fill the first one reserves', async t => {
  const lane = openLane(t, server.url)
  await working(lane)
  const request = { calendar: clinic, slots: [slotAt(9), slotAt(10)], lock: newLock() }
  t.strictSame(await lane.reserve(request), { status: 'STALE' })
  await fill(lane)
  t.strictSame(await lane.reserve(request), { status: 'RESERVED' })
  t.strictSame(await lane.reserve(request), { status: 'RESERVED' }, 'sent twice it is one reservation')
  t.strictSame(await lane.reserve({ calendar: clinic, slots: [slotAt(10), slotAt(11)], lock: newLock() }), {
    status: 'TAKEN',
    slots: [slotAt(10)]
  })
  t.equal(await behind.exists(`test:{clinic}:lock:${slotAt(11)}`), 0, 'all or nothing')
})

t.test('FLUSHALL makes the calendar STALE again', async t => {
  const lane = openLane(t, server.url)
  await working(lane)
  await fill(lane)
  await behind.flushall()
  t.strictSame(await lane.reserve({ calendar: clinic, slots: [slotAt(9)], lock: newLock() }), {
    status: 'STALE'
  })
})

t.test('two instances hear of each other what settles, with equal rows, and not of themselves', async t => {
  const [one, two] = [openLane(t, server.url), openLane(t, server.url)]
  await Promise.all([working(one), working(two)])
  one.subscribeCalendar(clinic)
  two.subscribeCalendar(clinic)
  await until('both are subscribed', async () => {
    const [, count] = (await behind.pubsub('NUMSUB', 'test:{clinic}:events')) as [string, number]
    return count === 2
  })
  const rows = [lockedRow(slotAt(9), 5, newLock(), clock.now() + 60_000), row(slotAt(10), 6)]
  await one.settle(clinic, rows, clock.now())
  await until('the other one has heard', () => two.events.length > 0)
  t.strictSame(two.events, [{ kind: 'slots', calendar: clinic, rows }])
  await until('its own message came back', () => one.counters.eventsOwn === 1)
  t.strictSame(one.events, [])
})

t.test('a hover is listed for its time, ordered by seq, and gone when it ends', async t => {
  const lane = openLane(t, server.url)
  await working(lane)
  const nowMs = 1_000_000
  const hover = {
    calendar: clinic,
    viewer: viewer('anna'),
    slot: slotAt(9),
    seq: 5,
    expiresAt: nowMs + 10_000
  }
  await lane.putSelection(hover, nowMs)
  await lane.putSelection({ ...hover, slot: slotAt(10), seq: 4 }, nowMs)
  const [listed] = await lane.readSelections(clinic, nowMs)
  t.match(listed, { calendar: clinic, viewer: 'anna', slot: slotAt(9), seq: 5 })
  t.ok(listed!.expiresAt > nowMs && listed!.expiresAt <= nowMs + 10_000, 'counted from the time of who asks')
  await lane.putSelection({ ...hover, slot: null, seq: 6 }, nowMs)
  t.strictSame(await lane.readSelections(clinic, nowMs), [])
})

/** A session that shares its channel with this one. */
function strangerInBucketOf(session: SessionId): SessionId {
  for (;;) {
    const stranger = newSession()
    if (bucketOf(stranger) === bucketOf(session)) return stranger
  }
}

t.test('what happens to a lock is heard where its owner is, and not by strangers', async t => {
  const [one, two] = [openLane(t, server.url), openLane(t, server.url)]
  await Promise.all([working(one), working(two)])
  const owner = newSession()
  const stranger = strangerInBucketOf(owner)
  two.subscribeSession(owner)
  const buckets = () => behind.pubsub('CHANNELS', 'test:session:*')
  await until('the bucket is subscribed', async () => (await buckets()).length === 1)
  const lock = lockRecord(owner)
  await one.publishLock(lockRecord(stranger))
  await one.publishLock(lock)
  await until('it was heard', () => two.events.length > 0)
  t.strictSame(two.events, [{ kind: 'lock', lock }])
  t.equal(two.counters.eventsUnwanted, 1)
})

t.test('a channel that two sessions share is left with the second one', async t => {
  const [one, two] = [openLane(t, server.url), openLane(t, server.url)]
  await Promise.all([working(one), working(two)])
  const stays = newSession()
  const leaves = strangerInBucketOf(stays)
  two.subscribeSession(leaves)
  two.subscribeSession(stays)
  const buckets = () => behind.pubsub('CHANNELS', 'test:session:*')
  await until('the bucket is subscribed', async () => (await buckets()).length === 1)
  two.unsubscribeSession(leaves)
  const lock = lockRecord(stays)
  await one.publishLock(lockRecord(leaves))
  await one.publishLock(lock)
  await until('it was heard', () => two.events.length > 0)
  t.strictSame(two.events, [{ kind: 'lock', lock }])
  two.unsubscribeSession(stays)
  await until('nobody listens there', async () => (await buckets()).length === 0)
})

t.test('a reservation that came to nothing is taken back', async t => {
  const lane = openLane(t, server.url)
  await working(lane)
  await fill(lane)
  const lock = newLock()
  await lane.reserve({ calendar: clinic, slots: [slotAt(9), slotAt(10)], lock })
  await lane.unreserve({ calendar: clinic, slots: [slotAt(9), slotAt(10)], lock })
  t.equal(await behind.exists(`test:{clinic}:lock:${slotAt(9)}`, `test:{clinic}:lock:${slotAt(10)}`), 0)
})
