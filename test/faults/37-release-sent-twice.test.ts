import t, { type Test } from 'tap'
import { storeWith } from '../service/service-world.js'
import { released, Turnstile, Unguarded } from './sqlite-side.js'
import { codeOf, startWorld } from './world.js'

/**
 * Geometry: Ann releases at instance 1, and no answer comes. So she connects to instance 2, releases there, changes
 * her mind and locks the very same slot again. Then instance 1 comes round to her first release.
 *
 * What should follow: the old release names the old lock. Her new one stays, though slot and owner are the same.
 *
 * Twin: a release by slot and owner. It frees her new lock behind her back, and Bob gets her slot.
 */

async function twice(t: Test) {
  const world = await startWorld(t, { redis: false, instances: 0 })
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
  const ann = await one.visitor()
  const bob = await two.visitor()
  const old = await ann.locked([1])
  queue.closed = true
  const release = ann.release(old)
  await queue.untilSomebodyWaits()
  const annAgain = await two.visitor(ann.token)
  t.match(await annAgain.release(old), released)
  const renewed = await annAgain.locked([1])
  return { world, queue, annAgain, bob, old, renewed, release }
}

t.test('the first of two releases arrives last: the lock that she made meanwhile survives', async t => {
  const { world, queue, annAgain, bob, old, renewed, release } = await twice(t)
  t.not(renewed.id, old.id, 'each lock has an id of its own')
  queue.open()
  t.match(await release, released)
  t.match(await world.row(1), { state: 'locked', token: renewed.id, ver: renewed.fence }, 'untouched')
  t.equal(codeOf(await bob.lock([1])), 'SLOT_UNAVAILABLE')
  t.equal(codeOf(await annAgain.book(renewed)), 'ok')
})

t.test('twin: a release by slot and owner takes the new lock for the old one', async t => {
  const { world, queue, annAgain, bob, renewed, release } = await twice(t)
  const { owner } = (await world.row(1))!
  t.equal(new Unguarded(t, world).freeSlot(1, `AND owner = '${owner}'`), 1)
  const his = await bob.locked([1])
  t.same([await annAgain.locks(), await bob.locks()], [[renewed.id], [his.id]])
  queue.open()
  await release
})
