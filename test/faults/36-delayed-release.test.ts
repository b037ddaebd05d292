import t, { type Test } from 'tap'
import { storeWith } from '../service/service-world.js'
import { JumpingClock, released, Turnstile, Unguarded } from './sqlite-side.js'
import { codeOf, startWorld } from './world.js'

/**
 * Geometry: Ann's release is on its way and does not arrive: instance 1 has it, and its call to the database waits.
 * Her ten minutes pass, Bob takes the slot at instance 2, and then the release goes through.
 *
 * What should follow: it names her lock, which is over, and so it frees nothing. Ann is told that it is released.
 *
 * Twin: a release that names the slot. It frees Bob's, and Carol gets what he holds. (test/model/ finds the same by
 * trying every order of events.)
 */

async function late(t: Test) {
  const time = new JumpingClock()
  const world = await startWorld(t, { redis: false, instances: 0, databaseClock: time })
  const queue = new Turnstile()
  const one = await world.add({
    wrapStore: store =>
      storeWith(store, {
        release: async request => {
          await queue.pass()
          return store.release(request)
        }
      })
  })
  const two = await world.add()
  const [ann, bob, carol] = [await one.visitor(), await two.visitor(), await two.visitor()]
  const hers = await ann.locked([1])
  queue.closed = true
  const release = ann.release(hers)
  await queue.untilSomebodyWaits()
  time.pass(600_001)
  const his = await (await bob.watch()).locked([1])
  return { world, queue, ann, bob, carol, hers, his, release }
}

t.test('a release that arrives after somebody else got the slot leaves it to them', async t => {
  const { world, queue, bob, carol, hers, his, release } = await late(t)
  queue.open()
  t.match(await release, released)
  t.equal((await world.judge.readLock(hers.id as never))?.state, 'expired', 'it found her lock to be over')
  t.match(await world.row(1), { state: 'locked', token: his.id, ver: his.fence })
  t.equal(codeOf(await carol.lock([1])), 'SLOT_UNAVAILABLE')
  t.equal(bob.sees(1), 'locked')
  t.equal(codeOf(await bob.book(his)), 'ok')
})

t.test('twin: a release by slot gives away what Bob holds', async t => {
  const { world, queue, bob, carol, his, release } = await late(t)
  t.equal(new Unguarded(t, world).freeSlot(1), 1)
  const third = await carol.locked([1])
  t.same([await bob.locks(), await carol.locks()], [[his.id], [third.id]], 'two were told that they hold it')
  queue.open()
  await release
})
