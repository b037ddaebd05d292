import t from 'tap'
import { JumpingClock, Unguarded } from './sqlite-side.js'
import { codeOf, slot, startWorld } from './world.js'

/**
 * Geometry: Ann's lock has ended. She asks for more time: before anybody else came, after the sweep, and after Bob took
 * the slot at the other instance. In the first case nobody would be harmed.
 *
 * What should follow: LOCK_EXPIRED each time. What ended stays ended, so that nobody was told of a free slot wrongly, and
 * Bob's end is not moved by her asking.
 *
 * Twin: an extension that does not ask whether the lock lives.
 */

t.test('a lock that is over is not brought back by asking for more time', async t => {
  const time = new JumpingClock()
  const world = await startWorld(t, { redis: false, databaseClock: time })
  const { one, two } = world
  const ann = await (await one.visitor()).watch()
  const bob = await two.visitor()
  const unswept = await ann.locked([1])
  time.standAt(unswept.expiresAt)
  t.equal(codeOf(await ann.extend(unswept)), 'LOCK_EXPIRED', 'in the very moment in which it ends')
  time.run()

  const swept = await ann.locked([2])
  time.pass(600_001)
  await ann.client.next('lock', push => (push.lock as { id: string; state: string }).state === 'expired')
  t.equal(codeOf(await ann.extend(swept)), 'LOCK_EXPIRED')

  const his = await bob.locked([2])
  const before = await world.row(2)
  t.equal(codeOf(await ann.extend(swept)), 'LOCK_EXPIRED')
  t.same(await world.row(2), before, 'his row was not touched')
  t.equal((await world.judge.readLock(swept.id as never))?.state, 'expired', 'hers was found to be over')
  t.equal(codeOf(await bob.book(his)), 'ok')
  await ann.untilScreenEquals(world.rows)
})

t.test('twin: an extension that does not ask gives back what somebody else has', async t => {
  const time = new JumpingClock()
  const world = await startWorld(t, { redis: false, databaseClock: time })
  const raw = new Unguarded(t, world)
  const [ann, bob] = [await world.one.visitor(), await world.two.visitor()]
  const hers = await ann.locked([1])
  const { owner } = (await world.row(1))!
  time.pass(600_001)
  const his = await bob.locked([1])
  const values = { end: time.now() + 600_000 }
  raw.run("UPDATE locks SET state = 'held', expires_ms = :end WHERE id = :id", { ...values, id: hers.id })
  raw.run('UPDATE slots SET owner = :owner, expires_ms = :end WHERE slot = :slot', {
    ...values,
    owner,
    slot: slot(1)
  })
  t.same([await ann.locks(), await bob.locks()], [[hers.id], [his.id]], 'two were told that they hold it')
})
