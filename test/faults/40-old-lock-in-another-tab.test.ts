import t, { type Test } from 'tap'
import { Unguarded } from './sqlite-side.js'
import { codeOf, slot, startWorld } from './world.js'

/**
 * Geometry: Ann has two tabs, at two instances, of one session. In the first she locked one slot; in the second she
 * made two of it, which replaced the lock. The first tab knows nothing of it and books.
 *
 * What should follow: LOCK_EXPIRED for the first tab, because its lock is over, although slot and owner are right. The
 * second tab's lock is whole, and is booked.
 *
 * Twin: a booking by slot and owner takes half of the other tab's lock.
 */

async function tabs(t: Test) {
  const world = await startWorld(t, { redis: false })
  const first = await world.one.visitor()
  const second = await world.two.visitor(first.token)
  const old = await first.locked([1])
  const whole = await second.locked([1, 2], { replaces: old.id })
  return { world, first, second, old, whole }
}

t.test('a tab that books a lock which another tab has replaced is refused', async t => {
  const { world, first, second, old, whole } = await tabs(t)
  t.equal(codeOf(await first.book(old)), 'LOCK_EXPIRED')
  t.match(await first.client.next('lock', push => (push.lock as { id: string }).id === whole.id), {
    lock: { state: 'held' }
  })
  t.same(await first.locks(), [whole.id], 'it can find out what became of it')
  t.equal(codeOf(await second.book(whole)), 'ok')
  t.match([await world.row(1), await world.row(2)], [{ state: 'booked' }, { state: 'booked' }])
  const bookings = new Unguarded(t, world).all('SELECT lock_id FROM bookings')
  t.match(bookings, [{ lock_id: whole.id }], 'one booking, of the lock that lives')
})

t.test('twin: a booking by slot and owner cuts the other tab’s lock in half', async t => {
  const { world, whole } = await tabs(t)
  const { owner } = (await world.row(1))!
  const booked = new Unguarded(t, world).run(
    "UPDATE slots SET state = 'booked' WHERE slot = :slot AND owner = :owner AND state = 'locked'",
    { slot: slot(1), owner }
  )
  t.equal(booked, 1)
  t.match(
    [await world.row(1), await world.row(2)],
    [
      { state: 'booked', token: whole.id },
      { state: 'locked', token: whole.id }
    ]
  )
})
