import fc from 'fast-check'
import t from 'tap'
import type { SlotId } from '../../src/domain/ids.js'
import type { LockStore } from '../../src/domain/lock-store.js'
import {
  callerNamed,
  codeOf,
  demo,
  type ServiceWorld,
  serviceWorld,
  slotAt,
  storeWith
} from '../service/service-world.js'

/**
 * Random sequences of what three sessions and a member of staff do, against a model that a reader can check by eye:
 * who holds what until when, and what is booked or blocked. The model knows nothing of gates, versions or tokens.
 */

const names = ['ann', 'bob', 'eve'] as const
type Name = (typeof names)[number]
const callers = {
  ann: callerNamed('ann'),
  bob: callerNamed('bob'),
  eve: callerNamed('eve')
}
const staff = callerNamed('sue', 'staff')
const slotCount = 5
const limits = { locksPerSessionMax: 2, lockedSlotsPerSessionMax: 4, lockLifeMaxMs: 60_000 }

interface ModelLock {
  id: string
  owner: Name
  slots: SlotId[]
  createdAt: number
  endsAt: number
  state: 'held' | 'released' | 'revoked' | 'booked'
}

class Model {
  nowMs = 0
  locks: ModelLock[] = []
  blocked = new Set<SlotId>()
  bookings: { id: string; lock: ModelLock; cancelled: boolean }[] = []

  isLive = (lock: ModelLock): boolean => lock.state === 'held' && lock.endsAt > this.nowMs

  liveOf = (owner: Name): ModelLock[] => this.locks.filter(lock => lock.owner === owner && this.isLive(lock))

  /** What keeps a slot from being had by anybody new. */
  holderOf(slot: SlotId): ModelLock | 'blocked' | undefined {
    if (this.blocked.has(slot)) return 'blocked'
    const booking = this.bookings.find(one => !one.cancelled && one.lock.slots.includes(slot))
    return booking?.lock ?? this.locks.find(lock => this.isLive(lock) && lock.slots.includes(slot))
  }

  takenBy(slots: readonly SlotId[], except?: ModelLock): SlotId[] {
    return slots.filter(slot => {
      const holder = this.holderOf(slot)
      return holder !== undefined && holder !== except
    })
  }
}

type Step =
  | { do: 'lock'; who: Name; slots: SlotId[]; ttlMs: number; replaces: number | undefined }
  | { do: 'extend' | 'release' | 'book' | 'bookIfFree'; who: Name; pick: number }
  | { do: 'revoke' | 'cancel'; pick: number }
  | { do: 'block' | 'unblock'; slots: SlotId[] }
  | { do: 'wait'; ms: number }

const who = fc.constantFrom(...names)
const pick = fc.nat(7)
const slots = fc
  .uniqueArray(fc.nat(slotCount - 1), { minLength: 1, maxLength: 3 })
  .map(indices => indices.map(index => slotAt(index)))
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('lock' as const),
      who,
      slots,
      ttlMs: fc.constantFrom(10_000, 20_000, 30_000),
      replaces: fc.option(pick, { nil: undefined, freq: 4 })
    })
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('extend', 'release', 'book', 'bookIfFree'), who, pick })
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('revoke', 'cancel'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('block', 'unblock'), slots }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 5_000, 10_000) })
  }
)

const expect = (what: string, got: unknown, wanted: unknown): void => {
  const [is, should] = [JSON.stringify(got), JSON.stringify(wanted)]
  if (is !== should) throw new Error(`${what}: got ${is}, the model says ${should}`)
}

async function lockStep(
  world: ServiceWorld,
  model: Model,
  step: Extract<Step, { do: 'lock' }>
): Promise<void> {
  const old = step.replaces === undefined ? undefined : model.locks[step.replaces]
  const outcome = await world.handlers.lock(callers[step.who], {
    calendar: demo,
    slots: step.slots,
    ttlMs: step.ttlMs,
    ...(old === undefined ? {} : { replaces: old.id })
  })
  const live = model.liveOf(step.who).filter(lock => lock !== old)
  const overLocks = live.length + 1 > limits.locksPerSessionMax
  const overSlots =
    live.flatMap(lock => lock.slots).length + step.slots.length > limits.lockedSlotsPerSessionMax
  const taken = model.takenBy(step.slots, old)
  const allowed =
    old !== undefined && old.owner !== step.who
      ? ['LOCK_NOT_FOUND']
      : old !== undefined && !model.isLive(old)
        ? ['LOCK_EXPIRED']
        : [
            ...(overLocks || overSlots ? ['LIMIT_EXCEEDED'] : []),
            ...(taken.length > 0 ? ['SLOT_UNAVAILABLE'] : [])
          ]
  const code = codeOf(outcome)
  if (!(allowed.length === 0 ? code === 'ok' : allowed.includes(code))) {
    throw new Error(`lock: got ${code}, the model says ${allowed.join(' or ') || 'ok'}`)
  }
  if (!outcome.ok) {
    if (code !== 'SLOT_UNAVAILABLE') return
    const conflicts = outcome.refusal.details?.conflicts ?? []
    expect('conflicts', conflicts.map(one => one.slot).sort(), [...taken].sort())
    for (const conflict of conflicts) {
      const holder = model.holderOf(conflict.slot as SlotId)
      const owner = holder === 'blocked' ? undefined : holder?.owner
      expect('mine', conflict.mine ?? false, owner === step.who)
      if (conflict.state === 'locked' && typeof holder === 'object') {
        expect('expiresInMs', conflict.expiresInMs, holder.endsAt - model.nowMs)
      }
    }
    return
  }
  if (old !== undefined) old.state = 'released'
  const goesOn = old?.slots.some(slot => step.slots.includes(slot)) === true
  const createdAt = goesOn ? old.createdAt : model.nowMs
  model.locks.push({
    id: outcome.value.lock.id,
    owner: step.who,
    slots: [...step.slots].sort(),
    createdAt,
    endsAt: Math.min(model.nowMs + step.ttlMs, createdAt + limits.lockLifeMaxMs),
    state: 'held'
  })
}

async function ownLockStep(
  world: ServiceWorld,
  model: Model,
  step: Extract<Step, { who: Name; pick: number }>
): Promise<void> {
  const lock = model.locks[step.pick]
  if (lock === undefined) return
  const caller = callers[step.who]
  const own = lock.owner === step.who
  const live = model.isLive(lock)
  switch (step.do) {
    case 'extend': {
      const code = codeOf(await world.handlers.extend(caller, { lock: lock.id, ttlMs: 20_000 }))
      const tooLong = model.nowMs + 20_000 > lock.createdAt + limits.lockLifeMaxMs
      expect(
        'extend',
        code,
        !own ? 'LOCK_NOT_FOUND' : !live ? 'LOCK_EXPIRED' : tooLong ? 'LIMIT_EXCEEDED' : 'ok'
      )
      if (code === 'ok') lock.endsAt = Math.max(lock.endsAt, model.nowMs + 20_000)
      return
    }
    case 'release': {
      const code = codeOf(await world.handlers.release(caller, { lock: lock.id }))
      expect('release', code, own ? 'ok' : 'LOCK_NOT_FOUND')
      if (own && live) lock.state = 'released'
      return
    }
    case 'book':
    case 'bookIfFree': {
      const ifStillFree = step.do === 'bookIfFree'
      const outcome = await world.handlers.book(caller, {
        lock: lock.id,
        customer: { name: 'N' },
        ifStillFree
      })
      const code = codeOf(outcome)
      const booking = model.bookings.find(one => one.lock === lock)
      const late = ifStillFree && lock.state !== 'revoked'
      if (!own) return expect('book', code, 'LOCK_NOT_FOUND')
      if (booking !== undefined) return expect('book', code, booking.cancelled ? 'LOCK_EXPIRED' : 'ok')
      if (!live && !late) return expect('book', code, 'LOCK_EXPIRED')
      if (!live && model.takenBy(lock.slots).length > 0) return expect('book', code, 'SLOT_UNAVAILABLE')
      expect('book', code, 'ok')
      lock.state = 'booked'
      if (outcome.ok) model.bookings.push({ id: outcome.value.booking.id, lock, cancelled: false })
      return
    }
    default:
      step.do satisfies never
  }
}

async function run(world: ServiceWorld, model: Model, step: Step): Promise<void> {
  switch (step.do) {
    case 'wait':
      world.clock.ms += step.ms
      model.nowMs += step.ms
      return
    case 'lock':
      return lockStep(world, model, step)
    case 'revoke': {
      const lock = model.locks[step.pick]
      if (lock === undefined) return
      const code = codeOf(await world.handlers.revoke(staff, { lock: lock.id }))
      const freed = model.isLive(lock) || lock.state === 'revoked'
      expect('revoke', code, freed ? 'ok' : 'LOCK_NOT_FOUND')
      if (model.isLive(lock)) lock.state = 'revoked'
      return
    }
    case 'cancel': {
      const booking = model.bookings[step.pick]
      if (booking === undefined) return
      expect('cancel', codeOf(await world.handlers.cancelBooking(staff, { booking: booking.id })), 'ok')
      booking.cancelled = true
      return
    }
    case 'block': {
      await world.handlers.block(staff, { calendar: demo, slots: step.slots })
      for (const slot of step.slots) if (model.holderOf(slot) === undefined) model.blocked.add(slot)
      return
    }
    case 'unblock':
      await world.handlers.unblock(staff, { calendar: demo, slots: step.slots })
      for (const slot of step.slots) model.blocked.delete(slot)
      return
    default:
      return ownLockStep(world, model, step)
  }
}

/** The rows, read by the database's clock, are what the model says. */
async function compare(world: ServiceWorld, model: Model): Promise<void> {
  const all = Array.from({ length: slotCount }, (_, index) => slotAt(index))
  const rows = new Map((await world.store.readSlots(demo, all)).map(row => [row.slot, row]))
  for (const slot of all) {
    const row = rows.get(slot)
    const over = row?.state === 'locked' && row.expiresAt <= world.clock.ms
    const is = row === undefined || over ? 'free' : row.state
    const holder = model.holderOf(slot)
    const should =
      holder === undefined
        ? 'free'
        : holder === 'blocked'
          ? holder
          : model.isLive(holder)
            ? 'locked'
            : 'booked'
    expect(slot, is, should)
    if (typeof holder === 'object') expect(`token of ${slot}`, row?.token, holder.id)
  }
}

async function explore(numRuns: number, brokenStore?: (store: LockStore) => LockStore) {
  let stepsRun = 0
  const result = await fc.check(
    fc.asyncProperty(fc.array(steps, { minLength: 10, maxLength: 30, size: 'max' }), async sequence => {
      const ends: (() => Promise<void>)[] = []
      const whole = await serviceWorld({ teardown: end => void ends.push(end) }, { limits })
      const { clock, store } = whole
      const world =
        brokenStore === undefined
          ? whole
          : await serviceWorld({ teardown() {} }, { limits, clock, store: brokenStore(store) })
      try {
        const model = new Model()
        for (const step of sequence) {
          await run(world, model, step)
          await compare(world, model)
          stepsRun += 1
        }
      } finally {
        for (const end of ends) await end()
      }
    }),
    { numRuns, endOnFailure: brokenStore !== undefined }
  )
  return { result, stepsRun }
}

t.test('whatever three sessions and staff do, the rows are what a simple model says', async t => {
  const { result, stepsRun } = await explore(120)
  t.notOk(result.failed, fc.defaultReportMessage(result) ?? 'no counterexample')
  t.ok(stepsRun > 1_000, `${stepsRun} steps agreed`)
})

t.test('the model notices a release that was acknowledged and not made', async t => {
  const { result } = await explore(120, store =>
    storeWith(store, {
      async release({ lock }) {
        const record = await store.readLock(lock)
        return record === undefined ? { status: 'NOT_FOUND' } : { status: 'ENDED', lock: record, rows: [] }
      }
    })
  )
  t.ok(result.failed)
})

t.test('the model notices a session that gets past its limits', async t => {
  const { result } = await explore(120, store =>
    storeWith(store, { grant: request => store.grant({ ...request, locksMax: 100, lockedSlotsMax: 100 }) })
  )
  t.ok(result.failed)
})
