import t from 'tap'
import type { SlotId } from '../../src/domain/ids.js'
import type { LockRecord } from '../../src/domain/lock.js'
import type { LockStore } from '../../src/domain/lock-store.js'
import {
  callerNamed,
  codeOf,
  demo,
  locked,
  refusalIn,
  resultOf,
  type ServiceWorld,
  serviceWorld,
  slotAt,
  storeWith
} from '../service/service-world.js'

const crowdSize = 1_000
const crowd = Array.from({ length: crowdSize }, (_, i) => callerNamed(`visitor-${i}`))

async function rush(world: ServiceWorld, withRequestIds: boolean) {
  const outcomes = await Promise.all(
    crowd.map((caller, i) =>
      world.handlers.lock(caller, {
        calendar: demo,
        slots: [slotAt(0)],
        ...(withRequestIds ? { requestId: `r-${i}` } : {})
      })
    )
  )
  const winners = outcomes.filter(outcome => outcome.ok)
  const losers = outcomes.filter(outcome => !outcome.ok).map(refusalIn)
  return { winners, losers }
}

for (const withRequestIds of [false, true]) {
  const how = withRequestIds ? 'each with a requestId' : 'without requestIds'
  t.test(`of a thousand who want one slot, ${how}, one gets it and few ask the database`, async t => {
    const world = await serviceWorld(t)
    const { winners, losers } = await rush(world, withRequestIds)
    t.equal(winners.length, 1)
    t.equal(losers.length, crowdSize - 1)
    t.ok(losers.every(one => one.code === 'SLOT_UNAVAILABLE'))
    t.ok(
      losers.every(one => one.details?.conflicts?.[0]?.expiresInMs === 600_000),
      'everybody is told when it ends'
    )
    t.ok(world.seen.grants.length <= 5, `${world.seen.grants.length} grants reached the database`)
  })
}

t.test('without the gate hundreds of them reach the database, and still one gets it', async t => {
  const world = await serviceWorld(t, { withoutGate: true })
  const { winners } = await rush(world, false)
  t.equal(winners.length, 1, 'the row is the judge, not the gate')
  t.ok(world.seen.grants.length >= 500, `${world.seen.grants.length} grants reached the database`)
})

t.test('a crowd that comes at the very end of a lock is served one by one, and one gets it', async t => {
  const world = await serviceWorld(t)
  await locked(world, callerNamed('early'), [slotAt(0)], { ttlMs: 10_000 })
  world.clock.ms += 10_000
  const { winners } = await rush(world, false)
  t.equal(winners.length, 1)
  t.ok(world.seen.grants.length <= 6, `${world.seen.grants.length} grants reached the database`)
})

t.test('a crowd for overlapping pairs: whoever wins has both, and no slot has two holders', async t => {
  const world = await serviceWorld(t)
  const outcomes = await Promise.all(
    crowd.slice(0, 200).map((caller, i) => {
      const pair = [slotAt(i % 8), slotAt((i * 3 + 1) % 8)]
      return world.handlers.lock(caller, { calendar: demo, slots: [...new Set(pair)] })
    })
  )
  const held = outcomes.flatMap(outcome => (outcome.ok ? [outcome.value.lock] : []))
  const slots = held.flatMap(lock => lock.slots as SlotId[])
  t.ok(held.length > 0)
  t.equal(new Set(slots).size, slots.length)
  t.ok(outcomes.every(outcome => ['ok', 'SLOT_UNAVAILABLE'].includes(codeOf(outcome))))
  const rows = await world.store.readSlots(demo, slots)
  for (const lock of held) {
    t.equal(rows.filter(row => row.token === lock.id).length, lock.slots.length)
  }
})

/** Counts first and takes afterwards, as two statements that see each other's work only once it is committed. */
const countsThenTakes = (store: LockStore): LockStore =>
  storeWith(store, {
    async grant(request) {
      const live = await store.readLiveLocks({ owner: request.owner })
      await new Promise(resolve => setImmediate(resolve))
      return live.length >= request.locksMax
        ? { status: 'LIMIT', limit: 'locksPerSession', max: request.locksMax }
        : store.grant({ ...request, locksMax: 1_000 })
    }
  })

async function greed(t: Parameters<typeof serviceWorld>[0], storeOf: (store: LockStore) => LockStore) {
  const { store, clock } = await serviceWorld(t)
  const world = await serviceWorld(t, { store: storeOf(store), clock, limits: { locksPerSessionMax: 3 } })
  const ann = callerNamed('ann')
  const outcomes = await Promise.all(
    Array.from({ length: 16 }, (_, i) => world.handlers.lock(ann, { calendar: demo, slots: [slotAt(i)] }))
  )
  return { outcomes, held: resultOf(await world.handlers.listLocks(ann, {})).locks.length }
}

t.test('sixteen requests of one session at once do not get it more than its limit', async t => {
  const { outcomes, held } = await greed(t, store => store)
  t.equal(held, 3)
  t.equal(outcomes.filter(outcome => outcome.ok).length, 3)
  t.ok(outcomes.every(outcome => outcome.ok || outcome.refusal.code === 'LIMIT_EXCEEDED'))
})

t.test('without its claims the store would count them all before any of them is there', async t => {
  t.equal((await greed(t, countsThenTakes)).held, 16)
})

t.test('the same request twice at the same time is one lock', async t => {
  const world = await serviceWorld(t)
  const ann = callerNamed('ann')
  const locks = await Promise.all(
    Array.from({ length: 10 }, () => locked(world, ann, [slotAt(0)], { requestId: 'r1' }))
  )
  t.equal(new Set(locks.map(lock => lock.id)).size, 1)
  t.equal(world.announcer.locks.length, 1)
})

t.test(
  'two who replace their locks by the same slot: one has the new set, the other all of its old',
  async t => {
    const world = await serviceWorld(t)
    for (let round = 0; round < 20; round++) {
      const callers = [callerNamed(`ann-${round}`), callerNamed(`bob-${round}`)] as const
      const [prize, ...own] = [slotAt(0), slotAt(1), slotAt(2), slotAt(3), slotAt(4)]
      const olds = [
        await locked(world, callers[0], own.slice(0, 2)),
        await locked(world, callers[1], own.slice(2, 4))
      ]
      const outcomes = await Promise.all(
        callers.map((caller, i) =>
          world.handlers.lock(caller, { calendar: demo, slots: [prize!], replaces: olds[i]!.id })
        )
      )
      t.equal(outcomes.filter(outcome => outcome.ok).length, 1)
      for (const [i, caller] of callers.entries()) {
        const { locks } = resultOf(await world.handlers.listLocks(caller, {}))
        const expected = outcomes[i]!.ok ? [prize] : olds[i]!.slots
        t.same(
          locks.map(lock => lock.slots),
          [expected]
        )
        for (const lock of locks) await world.handlers.release(caller, { lock: lock.id })
      }
    }
  }
)

t.test('release, booking and staff at the same moment: exactly one of them ends the lock', async t => {
  const world = await serviceWorld(t)
  const staff = callerNamed('sue', 'staff')
  for (let round = 0; round < 16; round++) {
    const ann = callerNamed(`ann-${round}`)
    const lock = await locked(world, ann, [slotAt(round)])
    world.announcer.locks = []
    const [booking] = await Promise.all([
      world.handlers.book(ann, { lock: lock.id, customer: { name: 'Ann' } }),
      world.handlers.release(ann, { lock: lock.id }),
      world.handlers.revoke(staff, { lock: lock.id })
    ])
    const ends = world.announcer.locks.map((one: LockRecord) => one.state)
    t.equal(ends.length, 1, `it ended once: ${ends}`)
    const [row] = await world.store.readSlots(demo, [slotAt(round)])
    t.equal(row?.state, booking.ok ? 'booked' : 'free')
  }
})
