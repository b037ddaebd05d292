import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/clock.js'
import type { CalendarId, SlotId } from '../../domain/ids.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { SlotRow } from '../../domain/slot.js'
import { CoalescedReads } from '../tools/coalesced-reads.js'
import type { Timers } from '../tools/timers.js'
import { Beliefs, keyOf, standsInTheWay, type Want } from './beliefs.js'

export interface GateBounds {
  /** Slots remembered as taken; past it those that were asked for longest ago are forgotten. */
  beliefsMax: number
  /** Requests that wait for one grant to end. Past it: BUSY. */
  waitersPerGrantMax: number
  /** How long a request waits for others' grants, all of them together. Past it: BUSY. */
  waitMsMax: number
  /** How often one request's doubts are checked. Past it the database is asked itself. */
  readsPerRequestMax: number
  slotsPerReadMax: number
  slotsWaitingMax: number
  /** Calendars whose reads are coalesced; past it two reads of one calendar may be under way at once. */
  calendarsMax: number
}

export const gateBounds: GateBounds = {
  beliefsMax: 50_000,
  waitersPerGrantMax: 4_096,
  waitMsMax: 2_000,
  readsPerRequestMax: 4,
  slotsPerReadMax: 256,
  slotsWaitingMax: 8_192,
  calendarsMax: 1_000
}

export interface GateParts {
  store: Pick<LockStore, 'readSlots' | 'nowMs'>
  clock: Pick<Clock, 'monotonic'>
  timers: Timers
}

export type Admission =
  /** Nothing is known to be in the way. `leave` must be called when the database has answered. */
  | { status: 'ADMITTED'; leave: () => void }
  /** These rows were read after the request had arrived, and they are in its way. */
  | { status: 'REFUSED'; rows: SlotRow[] }
  | { status: 'BUSY' }

/** One request on its way to the database and back, and who waits for it. */
interface Grant {
  waiters: Set<() => void>
}

/**
 * Stands in front of the database, so that a crowd for one slot becomes a few statements on every kind of deployment.
 *
 * A request comes in and is in one of three places:
 *
 *   waiting   one of its slots is being granted to another request of this process. When that grant has ended, by
 *             whatever outcome, it looks again; at the bound of time or of waiters it is told BUSY.
 *   doubting  one of its slots is believed to be taken. One read, shared by all who doubt, decides: if the rows agree it is
 *             REFUSED with them, if not the belief is dropped and it looks again.
 *   admitted  it goes on to the database, which judges; the others wait for it.
 *
 * So it never grants, and it never refuses by what it remembers. Who is admitted waits for nobody here, so nobody
 * waits in a circle, though a request waits for several slots at once.
 */
export class Gate {
  readonly #store: GateParts['store']
  readonly #clock: GateParts['clock']
  readonly #timers: Timers
  readonly #bounds: GateBounds
  readonly #beliefs: Beliefs
  readonly #granting = new Map<string, Grant>()
  readonly #reads: LRUCache<CalendarId, CoalescedReads<SlotId, SlotRow>>

  constructor(parts: GateParts, bounds: GateBounds = gateBounds) {
    this.#store = parts.store
    this.#clock = parts.clock
    this.#timers = parts.timers
    this.#bounds = bounds
    this.#beliefs = new Beliefs(bounds.beliefsMax)
    this.#reads = new LRUCache({ max: bounds.calendarsMax })
  }

  /** What somebody granted, freed or read. Advisory: what is not learned costs a statement. */
  learn(rows: readonly SlotRow[]): void {
    this.#beliefs.learn(rows)
  }

  async enter(want: Want): Promise<Admission> {
    const waitUntil = this.#clock.monotonic() + this.#bounds.waitMsMax
    for (let reads = 0; ; ) {
      const grant = this.#grantInTheWay(want)
      if (grant !== undefined) {
        if (!(await this.#endOf(grant, waitUntil))) return { status: 'BUSY' }
      } else if (reads < this.#bounds.readsPerRequestMax && this.#beliefs.doubt(want, this.#store.nowMs())) {
        const rows = await this.rowsInTheWay(want)
        if (rows.length > 0) return { status: 'REFUSED', rows }
        reads++
      } else {
        return this.#admit(want)
      }
    }
  }

  /**
   * What the database says is in the way, read after this was called, in one read with everybody who asks meanwhile.
   * In the last moments of a lock it says nothing: then the clock that decides is the database's own.
   */
  async rowsInTheWay(want: Want): Promise<SlotRow[]> {
    const { calendar, slots } = want
    const rows = await this.#readsOf(calendar).read(slots)
    const nowMs = this.#store.nowMs()
    return slots.flatMap(slot => {
      const row = rows.get(slot)
      if (row !== undefined && standsInTheWay(row, want, nowMs + closeCallMs)) return [row]
      this.#beliefs.forget(calendar, slot)
      return []
    })
  }

  #grantInTheWay({ calendar, slots }: Want): Grant | undefined {
    for (const slot of slots) {
      const grant = this.#granting.get(keyOf(calendar, slot))
      if (grant !== undefined) return grant
    }
    return undefined
  }

  #admit({ calendar, slots }: Want): Admission {
    const grant: Grant = { waiters: new Set() }
    const keys = slots.map(slot => keyOf(calendar, slot))
    for (const key of keys) this.#granting.set(key, grant)
    const leave = (): void => {
      for (const key of keys) if (this.#granting.get(key) === grant) this.#granting.delete(key)
      for (const wake of grant.waiters) wake()
      grant.waiters.clear()
    }
    return { status: 'ADMITTED', leave }
  }

  /** False: a bound was reached before the grant ended. */
  #endOf(grant: Grant, waitUntil: number): Promise<boolean> {
    const leftMs = waitUntil - this.#clock.monotonic()
    if (leftMs <= 0 || grant.waiters.size >= this.#bounds.waitersPerGrantMax) return Promise.resolve(false)
    return new Promise(resolve => {
      const wake = (): void => {
        cancel()
        resolve(true)
      }
      const cancel = this.#timers.after(leftMs, () => {
        grant.waiters.delete(wake)
        resolve(false)
      })
      grant.waiters.add(wake)
    })
  }

  #readsOf(calendar: CalendarId): CoalescedReads<SlotId, SlotRow> {
    const known = this.#reads.get(calendar)
    if (known !== undefined) return known
    const { slotsPerReadMax, slotsWaitingMax } = this.#bounds
    const reads = new CoalescedReads<SlotId, SlotRow>(
      async slots => {
        const rows = await this.#store.readSlots(calendar, slots)
        this.#beliefs.learn(rows)
        return rows.map(row => [row.slot, row] as const)
      },
      { keysPerReadMax: slotsPerReadMax, keysWaitingMax: slotsWaitingMax }
    )
    this.#reads.set(calendar, reads)
    return reads
  }
}

/** How far this process' idea of the database's clock may be off without refusing a slot that is free already. */
const closeCallMs = 20
