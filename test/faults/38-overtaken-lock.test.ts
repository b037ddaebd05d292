import t, { type Test } from 'tap'
import { storeWith } from '../service/service-world.js'
import { Turnstile, Unguarded } from './sqlite-side.js'
import { codeOf, lockIn, startWorld } from './world.js'

/**
 * Geometry: Ann clicks, and her request waits at instance 1. She clicks again, at instance 2, and that is answered.
 * Then the first click is carried out.
 *
 * What should follow: a click that was sent again under its requestId is the lock that it became meanwhile, in its
 * present state: over, if she has given it back. A click that was to replace her lock finds it replaced already and
 * changes nothing. There is no number of requests to compare: the names of the request and of the lock do it.
 *
 * Twin: the same clicks without those names. The late one locks for somebody who has long gone on.
 */

async function overtaken(t: Test) {
  const world = await startWorld(t, { redis: false, instances: 0 })
  const queue = new Turnstile()
  const one = await world.add({
    wrapStore: store =>
      storeWith(store, {
        grant: async request => {
          await queue.pass()
          return store.grant(request)
        }
      })
  })
  const two = await world.add()
  const ann = await one.visitor()
  const locksEver = (): number => new Unguarded(t, world).all('SELECT id FROM locks').length
  return { world, queue, ann, annAgain: await two.visitor(ann.token), bob: await two.visitor(), locksEver }
}

t.test('a click that was repeated, granted and given back does not lock anew when it arrives', async t => {
  const { world, queue, ann, annAgain, bob, locksEver } = await overtaken(t)
  queue.closed = true
  const first = ann.lock([1], { requestId: 'click' })
  await queue.untilSomebodyWaits()
  const lock = await annAgain.locked([1], { requestId: 'click' })
  await annAgain.release(lock)
  queue.open()
  t.match(lockIn(await first), { id: lock.id, state: 'released' })
  t.equal(locksEver(), 1, 'it was known by its name')
  t.equal((await world.row(1))?.state, 'free')
  t.equal(codeOf(await bob.lock([1])), 'ok')
})

t.test('a change of mind that was overtaken by the next one changes nothing', async t => {
  const { world, queue, ann, annAgain, locksEver } = await overtaken(t)
  const old = await ann.locked([1])
  queue.closed = true
  const first = ann.lock([2], { requestId: 'second-thought', replaces: old.id })
  await queue.untilSomebodyWaits()
  const lock = await annAgain.locked([3], { requestId: 'third-thought', replaces: old.id })
  queue.open()
  t.equal(codeOf(await first), 'LOCK_EXPIRED')
  t.equal(locksEver(), 2)
  t.equal(await world.row(2), undefined, 'never touched')
  t.match([await world.row(1), await world.row(3)], [{ state: 'free' }, { token: lock.id }])
})

t.test('twin: without names each late click is a lock that nobody asks for any more', async t => {
  const { queue, ann, annAgain, bob } = await overtaken(t)
  queue.closed = true
  const first = ann.lock([1])
  await queue.untilSomebodyWaits()
  await annAgain.release(await annAgain.locked([1]))
  t.same(await annAgain.locks(), [], 'she has given it back')
  queue.open()
  const ghost = lockIn(await first)
  t.equal(ghost.state, 'held')
  t.equal(codeOf(await bob.lock([1])), 'SLOT_UNAVAILABLE', 'for ten minutes')
})
