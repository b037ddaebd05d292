import t from 'tap'
import {
  callerNamed,
  codeOf,
  demo,
  locked,
  refusalIn,
  resultOf,
  serviceWorld,
  slotAt,
  thursday
} from './service-world.js'

const ann = callerNamed('ann')
const bob = callerNamed('bob')

t.test('extending moves the end, counts from now, and has a bound', async t => {
  const world = await serviceWorld(t, { limits: { lockLifeMaxMs: 900_000 } })
  const lock = await locked(world, ann, [slotAt(0)])
  world.clock.ms += 100_000
  const longer = resultOf(await world.handlers.extend(ann, { lock: lock.id })).lock
  t.match(longer, {
    id: lock.id,
    fence: lock.fence,
    expiresInMs: 600_000,
    extendableUntil: thursday + 900_000
  })
  t.match(world.announcer.rows.at(-1), { slot: slotAt(0), expiresAt: longer.expiresAt })
  t.equal(world.announcer.locks.length, 2)
  const shorter = resultOf(await world.handlers.extend(ann, { lock: lock.id, ttlMs: 10_000 })).lock
  t.equal(shorter.expiresAt, longer.expiresAt, 'never to an earlier time')

  world.clock.ms += 300_000
  const refusal = refusalIn(await world.handlers.extend(ann, { lock: lock.id }))
  t.equal(refusal.code, 'LIMIT_EXCEEDED')
  t.same(refusal.details, { limit: 'LOCK_LIFE_MAX_MS', max: 900_000, extendableUntil: thursday + 900_000 })
  t.equal(codeOf(await world.handlers.extend(ann, { lock: lock.id, ttlMs: 500_000 })), 'ok')
})

t.test('only a live lock of one’s own can be extended', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)], { ttlMs: 10_000 })
  t.equal(codeOf(await world.handlers.extend(bob, { lock: lock.id })), 'LOCK_NOT_FOUND')
  t.equal(codeOf(await world.handlers.extend(ann, { lock: 'nonsense' })), 'LOCK_NOT_FOUND')
  t.equal(codeOf(await world.handlers.extend(ann, { lock: lock.id, ttlMs: 5 })), 'INVALID_REQUEST')
  world.clock.ms += 10_000
  t.equal(codeOf(await world.handlers.extend(ann, { lock: lock.id })), 'LOCK_EXPIRED')
  const other = await locked(world, ann, [slotAt(0)])
  await world.handlers.release(ann, { lock: other.id })
  t.match(refusalIn(await world.handlers.extend(ann, { lock: other.id })), {
    code: 'LOCK_EXPIRED',
    message: /released/
  })
})

t.test('releasing is done once and may be said again; nobody releases for somebody else', async t => {
  const world = await serviceWorld(t)
  const lock = await locked(world, ann, [slotAt(0)])
  t.equal(codeOf(await world.handlers.release(bob, { lock: lock.id })), 'LOCK_NOT_FOUND')
  t.equal(codeOf(await world.handlers.release(ann, { lock: 'nonsense' })), 'LOCK_NOT_FOUND')
  t.equal(codeOf(await world.handlers.lock(bob, { calendar: demo, slots: [slotAt(0)] })), 'SLOT_UNAVAILABLE')
  world.announcer.rows = []
  t.same(resultOf(await world.handlers.release(ann, { lock: lock.id })), { released: true })
  t.match(world.announcer.rows, [{ slot: slotAt(0), state: 'free' }])
  await locked(world, bob, [slotAt(0)])
  world.announcer.rows = []
  t.same(resultOf(await world.handlers.release(ann, { lock: lock.id })), { released: true })
  t.same(world.announcer.rows, [], 'a release that comes late frees nobody else’s slot')
  t.equal(codeOf(await world.handlers.lock(ann, { calendar: demo, slots: [slotAt(0)] })), 'SLOT_UNAVAILABLE')
})

t.test('a session sees its live locks, of all calendars or of one', async t => {
  const world = await serviceWorld(t)
  const one = await locked(world, ann, [slotAt(0)])
  await locked(world, bob, [slotAt(1)])
  const over = await locked(world, ann, [slotAt(2)], { ttlMs: 10_000 })
  world.clock.ms += 10_000
  const list = async (calendar?: string) =>
    resultOf(await world.handlers.listLocks(ann, calendar === undefined ? {} : { calendar })).locks
  t.same(
    (await list()).map(lock => lock.id),
    [one.id]
  )
  t.same(
    (await list('demo')).map(lock => lock.id),
    [one.id]
  )
  t.same(await list('other'), [])
  t.notOk((await list()).some(lock => lock.id === over.id))
})
