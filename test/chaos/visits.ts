import { pick, pickSome } from '../../load-tests/harness/random.js'
import { pause } from '../../load-tests/harness/time.js'
import type { Random } from '../../src/domain/clock.js'
import type { Caller } from './caller.js'
import type { Call } from './history.js'

/** One visitor: locks, changes its mind, books, forgets, asks twice. What it asks for follows from the seed. */
export class Visitor {
  readonly #caller: Caller
  readonly #random: Random
  readonly #wanted: () => readonly string[]
  #requests = 0

  constructor(parts: { caller: Caller; random: Random; wanted: () => readonly string[] }) {
    this.#caller = parts.caller
    this.#random = parts.random
    this.#wanted = parts.wanted
  }

  async visit(plans: Readonly<Record<string, number>>): Promise<void> {
    if (this.#random() < (plans.hover ?? 0))
      await this.#caller.once('select', { slots: [pick(this.#random, this.#wanted())] })
    const asked = {
      slots: this.#someSlots(),
      ttlMs: pick(this.#random, [500, 900, 1500, 2500, 3000]),
      requestId: this.#nextRequest()
    }
    const call = await this.#caller.insist('lock', asked)
    const lock = call.result?.lock
    if (lock?.state !== 'held') return
    await this.#think(250)
    await this.#carryOut(this.#choose(plans), lock, asked)
  }

  async #carryOut(
    plan: string,
    lock: NonNullable<NonNullable<Call['result']>['lock']>,
    asked: { slots: string[]; ttlMs: number; requestId: string }
  ): Promise<void> {
    const caller = this.#caller
    const about = { lock: lock.id }
    switch (plan) {
      case 'forget':
        return
      case 'ask twice':
        await caller.insist('lock', asked)
        await caller.insist('release', about)
        return
      case 'release':
        await caller.insist('release', about)
        return
      case 'release and ask again': {
        await caller.insist('release', about)
        await caller.insist('lock', asked)
        return
      }
      case 'extend': {
        for (let times = 1 + Math.floor(this.#random() * 3); times > 0; times--) {
          await caller.insist('extend', { ...about, ttlMs: pick(this.#random, [800, 1500, 3000]) })
          await this.#think(500)
        }
        if (this.#random() < 0.5) await this.#book(lock.id, false)
        else await caller.insist('release', about)
        return
      }
      case 'replace': {
        const slots = [...pickSome(this.#random, lock.slots, 1), ...this.#someSlots()]
        const other = await caller.insist('lock', {
          slots: [...new Set(slots)].slice(0, 4),
          ttlMs: 1500,
          requestId: this.#nextRequest(),
          replaces: lock.id
        })
        await this.#think(200)
        const id = other.result?.lock?.id ?? lock.id
        if (this.#random() < 0.3) await this.#book(id, false)
        else await caller.insist('release', { lock: id })
        return
      }
      case 'book late':
        await pause(lock.expiresInMs + this.#random() * 400 - 100)
        await this.#book(lock.id, this.#random() < 0.6)
        return
      case 'book':
        await this.#book(lock.id, false)
        return
      default:
        throw new Error(`${plan} is no plan`)
    }
  }

  async #book(lock: string, ifStillFree: boolean): Promise<void> {
    const asked = { lock, ifStillFree, requestId: this.#nextRequest() }
    let call = await this.#caller.insist('book', asked)
    if (this.#random() < 0.2) call = await this.#caller.insist('book', asked)
    const booking = call.result?.booking
    // most make room again, or the day would soon be sold out and nobody would collide any more
    if (booking === undefined || this.#random() < 0.15) return
    await this.#think(400)
    await this.#caller.insist('cancel', { booking: booking.id })
  }

  #someSlots(): string[] {
    return pickSome(this.#random, this.#wanted(), pick(this.#random, [1, 1, 1, 2, 2, 3, 4]))
  }

  #nextRequest(): string {
    this.#requests += 1
    return `request-${this.#requests}`
  }

  #think(mostMs: number): Promise<void> {
    return pause(this.#random() * mostMs)
  }

  #choose({ hover: _, ...plans }: Readonly<Record<string, number>>): string {
    let left = this.#random() * Object.values(plans).reduce((sum, weight) => sum + weight, 0)
    for (const [plan, weight] of Object.entries(plans)) {
      left -= weight
      if (left < 0) return plan
    }
    return 'forget'
  }
}

/** What visitors do, and how often. `hover` is how likely they look at a slot first. */
export const plans = {
  hover: 0.2,
  forget: 3,
  release: 4,
  'ask twice': 1,
  'release and ask again': 2,
  extend: 3,
  replace: 2,
  'book late': 2,
  book: 3
}

/** Without what the naive double does not know. */
export const naivePlans = { hover: 0, forget: 2, release: 4, extend: 3, book: 2 }
