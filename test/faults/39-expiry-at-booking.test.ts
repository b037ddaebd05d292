import t from 'tap'
import { JumpingClock, Unguarded } from './sqlite-side.js'
import { codeOf, slot, startWorld } from './world.js'

/**
 * Geometry: in the millisecond in which Ann's lock ends she books at instance 1, and Bob locks the same slot at
 * instance 2. The database's clock stands at the last millisecond, at the end itself, or one later; both orders.
 *
 * What should follow: one of them has it, always, and which one is decided by that clock alone.
 *
 * Twin: a booking that looks first and writes afterwards. Between the two Bob was granted the slot.
 */

t.test('at the very end of a lock either its holder books or somebody else gets it', async t => {
  const time = new JumpingClock()
  const world = await startWorld(t, { redis: false, databaseClock: time })
  const [ann, bob] = [await world.one.visitor(), await world.two.visitor()]
  let n = 0
  for (const afterMs of [-1, 0, 1]) {
    for (const annFirst of [true, false]) {
      n += 1
      time.run()
      const lock = await ann.locked([n])
      time.standAt(lock.expiresAt + afterMs)
      const books = () => ann.book(lock)
      const takes = () => bob.lock([n])
      const [first, second] = annFirst ? [books(), takes()] : [takes(), books()]
      const [booked, taken] = annFirst ? [await first, await second] : [await second, await first]
      const expected = afterMs < 0 ? ['ok', 'SLOT_UNAVAILABLE'] : ['LOCK_EXPIRED', 'ok']
      t.same(
        [codeOf(booked), codeOf(taken)],
        expected,
        `${afterMs} ms after, ${annFirst ? 'Ann' : 'Bob'} first`
      )
      t.equal((await world.row(n))?.state, afterMs < 0 ? 'booked' : 'locked')
    }
  }
})

t.test('twin: who looks first and writes afterwards books what is somebody else’s by then', async t => {
  const time = new JumpingClock()
  const world = await startWorld(t, { redis: false, databaseClock: time })
  const raw = new Unguarded(t, world)
  const [ann, bob] = [await world.one.visitor(), await world.two.visitor()]
  const lock = await ann.locked([1])
  time.standAt(lock.expiresAt - 1)
  const live = raw.all('SELECT id FROM locks WHERE id = :id AND expires_ms > :now', {
    id: lock.id,
    now: time.now()
  })
  t.equal(live.length, 1, 'it lives, says the look')
  time.pass(1)
  const his = await bob.locked([1])
  t.equal(raw.run("UPDATE slots SET state = 'booked' WHERE slot = :slot", { slot: slot(1) }), 1)
  t.same(await bob.locks(), [his.id], 'Bob was told that he holds it')
  t.equal((await world.row(1))?.state, 'booked', 'and it is booked, for Ann')
})
