import t from 'tap'
import { fill, markOf, untilMarked } from './redis-side.js'
import { JumpingClock, Unguarded } from './sqlite-side.js'
import { codeOf, slot, startWorld } from './world.js'

/**
 * Geometry: Ann books at instance 1. The time of her lock passes, everything sweeps, and Redis is emptied, so that no
 * mark speaks for her. Bob wants the slot, at either instance.
 *
 * What should follow: a booked row is no lock that ended. Bob is refused, by the row, for as long as it is booked, and
 * gets the slot when she cancels.
 *
 * Twin: a grant that takes whatever row has an end in the past. A booked one has, for it has none.
 */

t.test('a booked slot is not granted again when the time of its lock is over', async t => {
  const time = new JumpingClock()
  const world = await startWorld(t, { databaseClock: time })
  const { one, two } = world
  await fill(world)
  const behind = world.redis.client()
  const ann = await one.visitor()
  const bobs = [await one.visitor(), await two.visitor()]
  const hers = await ann.locked([1])
  const booked = await ann.book(hers)
  await untilMarked(behind, 1, 'booked')
  time.pass(600_001)
  await behind.flushall()
  t.same((await one.store.sweep(100)).rows, [], 'there is nothing to sweep')
  for (const bob of bobs) {
    t.match(await bob.lock([1]), {
      error: { code: 'SLOT_UNAVAILABLE', details: { conflicts: [{ slot: slot(1), state: 'booked' }] } }
    })
  }
  t.match(await world.row(1), { state: 'booked', token: hers.id, expiresAt: 0 })
  t.ok(one.lane!.counters.stale + two.lane!.counters.stale > 0, 'Redis had nothing to say')
  await untilMarked(behind, 1, 'booked')
  t.match(await markOf(behind, 1), hers.id, 'and was told')

  const { id } = booked.result!.booking as { id: string }
  const cancelled = await fetch(`${one.url}/v1/bookings/${id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${ann.token}` }
  })
  t.equal(cancelled.status, 204)
  t.equal(codeOf(await bobs[1]!.lock([1])), 'ok')
})

t.test('twin: a grant that asks for the end alone takes what is booked', async t => {
  const world = await startWorld(t, { redis: false, instances: 1 })
  const ann = await world.one.visitor()
  await ann.book(await ann.locked([1]))
  const taken = new Unguarded(t, world).run(
    "UPDATE slots SET state = 'locked', owner = 'bob', expires_ms = :end WHERE slot = :slot AND expires_ms <= :now",
    { slot: slot(1), now: Date.now(), end: Date.now() + 600_000 }
  )
  t.equal(taken, 1)
  t.match(await world.row(1), { state: 'locked', owner: 'bob' }, 'Ann’s visit is gone')
})
