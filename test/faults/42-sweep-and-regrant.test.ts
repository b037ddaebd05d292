import t from 'tap'
import { until } from '../helpers/process.js'
import { sessionNamed } from '../service/service-world.js'
import { newLock } from './redis-side.js'
import { JumpingClock, Unguarded } from './sqlite-side.js'
import { calendar, codeOf, slot, startWorld } from './world.js'

/**
 * Geometry: Ann's lock ends. Instance 1 sweeps: it reads what is over, and then it frees it. Between the two instance 2
 * commits a grant of the same slot to Bob.
 *
 * What should follow: the sweep ends Ann's lock and leaves the slot alone, because it bears another token now. Bob has
 * what he was told he has, and screens equal the database.
 *
 * Twin: a sweep that frees the slots it has read of, whoever has them by then.
 */

const rounds = 16
const bounds = { lockLifeMaxMs: 7_200_000, locksMax: 64, lockedSlotsMax: 64 }

t.test('a sweep that finds a slot granted anew leaves it alone', async t => {
  const time = new JumpingClock()
  const world = await startWorld(t, { redis: false, databaseClock: time })
  const { one, two } = world
  const ann = await (await one.visitor()).watch()
  const bob = sessionNamed('bob')
  // the tail reaches back some seconds when it begins, and ten minutes are about to pass
  await (await two.visitor()).locked([40])
  await until('the tail has begun', () => ann.sees(40) === 'locked')
  let between = 0
  for (let n = 0; n < rounds; n++) {
    const hers = await ann.locked([n])
    time.pass(600_001)
    const request = { lock: newLock(), calendar, owner: bob, slots: [slot(n)], ttlMs: 1_200_000 }
    const grant = two.store.grant({ ...request, fingerprint: 'f', ...bounds })
    // both commit at the end of this turn; the sweep reads at once, so whatever is committed it has not seen
    for (let pause = 0; pause < n; pause++) await undefined
    const swept = await one.store.sweep(200)
    const granted = await grant
    // a busy machine may stand still for longer than a change is allowed to take
    if (granted.status === 'LATE') continue
    t.equal(granted.status, 'GRANTED')
    t.match(await world.row(n), { state: 'locked', token: request.lock, owner: bob })
    t.equal((await world.judge.readLock(hers.id as never))?.state, 'expired')
    const endedHers = swept.ended.some(lock => lock.id === hers.id)
    if (endedHers && !swept.rows.some(row => row.slot === slot(n))) between += 1
    const booking = newLock() as string as Parameters<typeof two.store.book>[0]['booking']
    const book = () =>
      two.store.book({
        ...{ lock: request.lock, owner: bob, booking, fingerprint: 'f' },
        customer: { name: 'Bob' },
        ifStillFree: false
      })
    let booked = await book()
    while (booked.status === 'LATE') booked = await book()
    t.equal(booked.status, 'BOOKED')
  }
  t.ok(between > 0, `in ${between} of ${rounds} rounds the grant came between its look and its act`)
  await ann.untilScreenEquals(world.rows, 30_000)
})

t.test('twin: a sweep by slot frees what was granted since it looked', async t => {
  const time = new JumpingClock()
  const world = await startWorld(t, { redis: false, databaseClock: time })
  const raw = new Unguarded(t, world)
  const ann = await world.one.visitor()
  const [bob, carol] = [await world.two.visitor(), await world.two.visitor()]
  const hers = await ann.locked([1])
  time.pass(600_001)
  const over = raw.all('SELECT id FROM locks WHERE expires_ms <= :now', { now: time.now() })
  t.match(over, [{ id: hers.id }])
  const his = await bob.locked([1])
  t.equal(raw.freeSlot(1), 1)
  const third = await carol.locked([1])
  t.same([await bob.locks(), await carol.locks()], [[his.id], [third.id]], 'two were told that they hold it')
  t.equal(codeOf(await carol.book(third)), 'ok', 'and one of them is sent away')
})
