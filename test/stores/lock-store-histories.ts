import fc from 'fast-check'
import type { Test } from 'tap'
import type { BookingId, LockId, SessionId, SlotId } from '../../src/domain/ids.js'
import type { LockState } from '../../src/domain/lock.js'
import type { SlotRow, SlotStatus } from '../../src/domain/slot.js'
import {
  bookOf,
  calendar,
  grantOf,
  newBooking,
  newLock,
  newSession,
  type Subject,
  slot
} from './lock-store-fixture.js'

/**
 * Random histories of a few sessions over a few slots, told step by step to the store and to a model that is too
 * simple to be wrong: a map of slots and a map of locks. After each step both must agree about the outcome and about
 * every slot; versions grow exactly where something changed; and each grant's fence is greater than all before it on
 * any of its slots.
 *
 * Times are chosen so that no moment of the history falls on the end of a lock: locks live 60 s, time passes in steps
 * of 40 s, so ends lie 20 s from every step.
 */
type Step =
  | { do: 'grant'; owner: number; slots: number[]; replaces: number | null }
  | { do: 'replay' | 'extend' | 'release' | 'revoke' | 'cancel'; which: number }
  | { do: 'book'; which: number; ifStillFree: boolean }
  | { do: 'block' | 'unblock'; slots: number[] }
  | { do: 'sweep' | 'age' }

const slotCount = 4
const ownerCount = 3
const ttlMs = 60_000
const stepMs = 40_000
const lockLifeMaxMs = 150_000
const locksMax = 3

const someSlots = fc
  .uniqueArray(fc.nat(slotCount - 1), { minLength: 1, maxLength: slotCount })
  .map(list => list.sort())
const which = fc.nat(5)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      owner: fc.nat(ownerCount - 1),
      slots: someSlots,
      replaces: fc.option(which, { freq: 2 })
    })
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('replay', 'extend', 'release', 'revoke', 'cancel'), which })
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('book' as const), which, ifStillFree: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('block', 'unblock'), slots: someSlots }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('sweep', 'age') }) }
)

export function randomHistories(
  promise: (title: string, check: (t: Test, subject: Subject) => Promise<void>) => void
): void {
  promise('any history agrees with a model that is too simple to be wrong', async (t, subject) => {
    let steps = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async history => {
        const run = new Run(subject)
        for (const next of history) {
          await run.take(next)
          steps += 1
        }
      }),
      { numRuns: 25, endOnFailure: false }
    )
    t.ok(steps > 100, `${steps} steps`)
  })
}

interface ModelSlot {
  state: SlotStatus
  token: LockId | null
  expiresAt: number
}
interface ModelLock {
  id: LockId
  owner: SessionId
  slots: number[]
  state: LockState
  createdAt: number
  expiresAt: number
  booking?: { id: BookingId; state: 'booked' | 'cancelled' }
}

let runs = 0

class Run {
  readonly #subject: Subject
  /** Each run has a resource of its own, so that one database serves them all. */
  readonly #resource: string
  readonly #owners = Array.from({ length: ownerCount }, newSession)
  readonly #slots: ModelSlot[] = Array.from({ length: slotCount }, () => ({
    state: 'free',
    token: null,
    expiresAt: 0
  }))
  readonly #locks: ModelLock[] = []
  readonly #fences = new Map<number, number>()
  #rows = new Map<string, SlotRow>()
  #nowMs = 0

  constructor(subject: Subject) {
    this.#subject = subject
    runs += 1
    this.#resource = `r${runs}`
  }

  async take(step: Step): Promise<void> {
    await this.#apply(step)
    await this.#compareRows(step)
  }

  async #apply(step: Step): Promise<void> {
    const { store, age } = this.#subject
    switch (step.do) {
      case 'grant':
        return this.#grant(step.owner, step.slots, step.replaces)
      case 'age':
        await age(stepMs)
        this.#nowMs += stepMs
        return
      case 'sweep': {
        const expected = this.#locks.filter(lock => lock.state === 'held' && lock.expiresAt <= this.#nowMs)
        const { ended, rows } = await store.sweep(1000)
        // the database is that of earlier histories too
        const mine = ended.filter(lock => this.#locks.some(known => known.id === lock.id))
        this.#expect(step, mine.map(lock => lock.id).sort(), expected.map(lock => lock.id).sort())
        const freed = expected.flatMap(lock => this.#endLock(lock, 'expired'))
        this.#expect(
          step,
          rows
            .map(row => row.slot)
            .filter(id => id.startsWith(`${this.#resource}/`))
            .sort(),
          freed.map(index => this.#slotId(index)).sort()
        )
        return
      }
      case 'block':
      case 'unblock':
        await store.setBlocked({
          calendar,
          slots: step.slots.map(index => this.#slotId(index)),
          blocked: step.do === 'block'
        })
        for (const index of step.slots) {
          const there = this.#slots[index]!
          if (step.do === 'block' && this.#isFree(there))
            this.#slots[index] = { state: 'blocked', token: null, expiresAt: 0 }
          if (step.do === 'unblock' && there.state === 'blocked') there.state = 'free'
        }
        return
      default: {
        const lock = this.#locks[step.which % Math.max(1, this.#locks.length)]
        if (lock !== undefined) await this.#withLock(step, lock)
      }
    }
  }

  async #grant(owner: number, wanted: number[], replaces: number | null): Promise<void> {
    const { store } = this.#subject
    const old = replaces === null ? undefined : this.#locks[replaces % Math.max(1, this.#locks.length)]
    const session = this.#owners[owner]!
    const goesOn = old?.slots.some(index => wanted.includes(index)) === true
    const createdAt = goesOn ? old.createdAt : this.#nowMs
    const lock: ModelLock = {
      id: newLock(),
      owner: session,
      slots: wanted,
      state: 'held',
      createdAt,
      expiresAt: Math.min(this.#nowMs + ttlMs, createdAt + lockLifeMaxMs)
    }
    const outcome = await store.grant(
      grantOf({
        lock: lock.id,
        owner: session,
        slots: wanted.map(index => this.#slotId(index)),
        ttlMs,
        lockLifeMaxMs,
        locksMax,
        fingerprint: lock.id,
        replaces: old?.id
      })
    )
    const mine = this.#locks.filter(
      held => held.owner === session && held !== old && this.#isLive(held)
    ).length
    const inTheWay = wanted.filter(index => {
      const there = this.#slots[index]!
      return (
        !this.#isFree(there) && !(old !== undefined && there.state === 'locked' && there.token === old.id)
      )
    })
    const expected =
      old !== undefined && old.owner !== session
        ? 'REPLACED_NOT_FOUND'
        : old !== undefined && !this.#isLive(old)
          ? 'REPLACED_EXPIRED'
          : mine + 1 > locksMax
            ? 'LIMIT'
            : inTheWay.length > 0
              ? 'CONFLICT'
              : 'GRANTED'
    this.#expect({ grant: wanted, replaces }, outcome.status, expected)
    if (outcome.status === 'CONFLICT') {
      this.#expect(
        'conflict rows',
        outcome.rows.map(row => row.slot),
        inTheWay.map(index => this.#slotId(index))
      )
    }
    if (outcome.status !== 'GRANTED') return
    for (const index of wanted) {
      if (outcome.lock.fence <= (this.#fences.get(index) ?? 0)) throw new Error('a fence that does not grow')
      this.#fences.set(index, outcome.lock.fence)
    }
    if (old !== undefined) this.#endLock(old, 'released')
    for (const index of wanted)
      this.#slots[index] = { state: 'locked', token: lock.id, expiresAt: lock.expiresAt }
    this.#locks.push(lock)
  }

  async #withLock(step: Extract<Step, { which: number }>, lock: ModelLock): Promise<void> {
    const { store } = this.#subject
    const live = this.#isLive(lock)
    const named = { lock: lock.id, owner: lock.owner }
    switch (step.do) {
      case 'replay': {
        const ids = lock.slots.map(index => this.#slotId(index))
        const outcome = await store.grant(
          grantOf({ ...named, slots: ids, ttlMs, locksMax, fingerprint: lock.id })
        )
        this.#expect(step, outcome.status, 'REPLAYED')
        const state = lock.state === 'held' && !live ? 'expired' : lock.state
        if (outcome.status === 'REPLAYED') this.#expect(step, outcome.lock.state, state)
        return
      }
      case 'extend': {
        const fits = this.#nowMs + ttlMs <= lock.createdAt + lockLifeMaxMs
        const outcome = await store.extend({ ...named, ttlMs, lockLifeMaxMs })
        this.#expect(step, outcome.status, live ? (fits ? 'EXTENDED' : 'LIFE_LIMIT') : 'ENDED')
        if (outcome.status !== 'EXTENDED') return
        lock.expiresAt = Math.max(lock.expiresAt, this.#nowMs + ttlMs)
        for (const index of lock.slots) this.#slots[index]!.expiresAt = lock.expiresAt
        return
      }
      case 'release':
      case 'revoke': {
        const outcome = await (step.do === 'release'
          ? store.release(named)
          : store.revoke({ ...named, reason: 'so' }))
        this.#expect(step, outcome.status, 'ENDED')
        if (outcome.status === 'ENDED') this.#expect(step, outcome.rows.length, live ? lock.slots.length : 0)
        if (live) this.#endLock(lock, step.do === 'release' ? 'released' : 'revoked')
        return
      }
      case 'cancel': {
        if (lock.booking === undefined) return
        const outcome = await store.cancel({ booking: lock.booking.id })
        this.#expect(step, outcome.status, 'CANCELLED')
        if (lock.booking.state === 'booked')
          for (const index of lock.slots) this.#slots[index]!.state = 'free'
        lock.booking.state = 'cancelled'
        return
      }
      case 'book': {
        const booking = newBooking()
        const outcome = await store.book(
          bookOf(named, { booking, fingerprint: booking, ifStillFree: step.ifStillFree })
        )
        const anew = step.ifStillFree && lock.state !== 'revoked'
        const free = lock.slots.every(index => {
          const there = this.#slots[index]!
          return this.#isFree(there) || (there.state === 'locked' && there.token === lock.id)
        })
        const expected =
          lock.booking !== undefined
            ? lock.booking.state === 'booked'
              ? 'REPLAYED'
              : 'EXPIRED'
            : live
              ? 'BOOKED'
              : !anew
                ? 'EXPIRED'
                : free
                  ? 'BOOKED'
                  : 'CONFLICT'
        this.#expect(step, outcome.status, expected)
        if (outcome.status !== 'BOOKED') return
        lock.state = 'booked'
        lock.booking = { id: booking, state: 'booked' }
        for (const index of lock.slots) {
          this.#slots[index] = { state: 'booked', token: lock.id, expiresAt: 0 }
          if (outcome.lock.fence < (this.#fences.get(index) ?? 0))
            throw new Error('a booking with an old fence')
          this.#fences.set(index, outcome.lock.fence)
        }
        return
      }
      default:
        step satisfies never
    }
  }

  /** Ends a lock in the model; the slots that were still its own become free and are returned. */
  #endLock(lock: ModelLock, state: LockState): number[] {
    lock.state = state
    const own = lock.slots.filter(index => {
      const there = this.#slots[index]!
      return there.state === 'locked' && there.token === lock.id
    })
    for (const index of own) this.#slots[index] = { state: 'free', token: lock.id, expiresAt: 0 }
    return own
  }

  async #compareRows(step: Step): Promise<void> {
    const all = Array.from({ length: slotCount }, (_, index) => this.#slotId(index))
    const rows = new Map(
      (await this.#subject.store.readSlots(calendar, all)).map(row => [row.slot as string, row])
    )
    this.#slots.forEach((there, index) => {
      const row = rows.get(this.#slotId(index))
      this.#expect(step, row?.state ?? 'free', there.state)
      if (there.state === 'locked' || there.state === 'booked') this.#expect(step, row?.token, there.token)
      const before = this.#rows.get(this.#slotId(index))
      if (row === undefined || before === undefined) return
      const said = ({ ver, expiresAt, ...rest }: SlotRow): string => JSON.stringify(rest)
      if (row.ver < before.ver) throw new Error(`a version that goes back, after ${JSON.stringify(step)}`)
      if (row.ver === before.ver) this.#expect(step, said(row), said(before))
    })
    this.#rows = rows
  }

  #isLive(lock: ModelLock): boolean {
    return lock.state === 'held' && lock.expiresAt > this.#nowMs
  }

  #isFree(there: ModelSlot): boolean {
    return there.state === 'free' || (there.state === 'locked' && there.expiresAt <= this.#nowMs)
  }

  #slotId(index: number): SlotId {
    return slot(index, this.#resource)
  }

  #expect(step: unknown, found: unknown, wanted: unknown): void {
    if (JSON.stringify(found) === JSON.stringify(wanted)) return
    throw new Error(
      `${JSON.stringify(step)}: expected ${JSON.stringify(wanted)}, found ${JSON.stringify(found)}, at ${this.#nowMs}`
    )
  }
}
