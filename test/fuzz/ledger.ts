import type { TruthBooking, TruthLock, TruthSlot } from '../helpers/truth.js'
import type { Ask } from './asks.js'

/**
 * What was answered, to be held against the rows at the end. Whatever was asked and not answered may have happened or
 * not: what it named is in a cloud, and nothing is claimed of it.
 */

interface LockFacts {
  session: string | undefined
  calendar: string
  slots: readonly string[]
  /** As told last. */
  expiresAt: number
  /** It was acknowledged that it is over: released, revoked, replaced. */
  over: boolean
  booked: boolean
}

interface BookingFacts {
  session: string | undefined
  lock: string
  calendar: string
  slots: readonly string[]
  cancelled: boolean
}

export interface Rows {
  slots: readonly TruthSlot[]
  locks: readonly TruthLock[]
  bookings: readonly TruthBooking[]
  /** When they were read, epoch milliseconds. */
  atMs: number
}

type Told = Record<string, unknown>

export class Ledger {
  readonly locks = new Map<string, LockFacts>()
  readonly bookings = new Map<string, BookingFacts>()
  readonly #clouded = new Set<string>()
  readonly #heard = new Map<string, string[]>()

  /** An answer without error; `session` absent: of somebody whose session is not known. */
  answered({ operation, params }: Ask, session: string | undefined, result: Told): void {
    switch (operation) {
      case 'lock':
      case 'extend': {
        this.#told(result.lock as Told, session)
        if (operation === 'lock') this.#isOver(params.replaces, (result.lock as Told).id)
        break
      }
      case 'release':
      case 'revoke':
        this.#isOver(params.lock)
        break
      case 'book': {
        const { id, calendar, slots } = result.booking as { id: string; calendar: string; slots: string[] }
        const lock = String(params.lock)
        const known = this.locks.get(lock)
        if (known !== undefined) known.booked = true
        if (!this.bookings.has(id))
          this.bookings.set(id, { session, lock, calendar, slots, cancelled: false })
        break
      }
      case 'cancelBooking': {
        const booking = this.bookings.get(String(params.booking))
        if (booking !== undefined) booking.cancelled = true
        break
      }
    }
  }

  /** Nor is anything claimed of what was named in a request that can be read in two ways. */
  unanswered({ params }: Pick<Ask, 'params'>): void {
    this.heard(params, 'no answer, or in two ways')
    for (const name of ['lock', 'replaces', 'booking']) {
      if (typeof params[name] === 'string') this.#clouded.add(params[name])
    }
  }

  /** Keeps what came of requests about a booking, to be told with a contradiction. */
  heard(params: Record<string, unknown>, outcome: string): void {
    const { booking } = params
    if (typeof booking === 'string' && booking.length === 22)
      this.#heard.set(booking, [...(this.#heard.get(booking) ?? []), outcome].slice(-10))
  }

  /** Another session than this one has it, as far as is known here. */
  isSomebodyElses(id: unknown, session: string | undefined): boolean {
    const owner = this.locks.get(String(id))?.session ?? this.bookings.get(String(id))?.session
    return owner !== undefined && owner !== session
  }

  #told(lock: Told, session: string | undefined): void {
    const id = String(lock.id)
    const known = this.locks.get(id)
    const expiresAt = Number(lock.expiresAt)
    if (known === undefined) {
      this.locks.set(id, {
        session,
        calendar: String(lock.calendar),
        slots: lock.slots as string[],
        expiresAt,
        over: lock.state !== 'held',
        booked: lock.state === 'booked'
      })
    } else {
      // two answers may overtake each other; the lock ends at one of the two times
      known.expiresAt = Math.min(known.expiresAt, expiresAt)
    }
  }

  #isOver(id: unknown, by?: unknown): void {
    const known = typeof id === 'string' && id !== by ? this.locks.get(id) : undefined
    if (known !== undefined) known.over = true
  }

  /** Where the rows of one calendar say something else than what was answered, and where they contradict themselves. */
  contradictions(calendar: string, rows: Rows): string[] {
    const found: string[] = []
    const lockRows = new Map(rows.locks.map(row => [row.id, row]))
    const bookingRows = new Map(rows.bookings.map(row => [row.id, row]))
    const slotRows = new Map(rows.slots.map(row => [row.slot, row]))
    const live = (row: TruthLock): boolean => row.state === 'held' && row.expiresMs > rows.atMs
    const holders = new Map<string, string>()
    for (const row of rows.locks.filter(live)) {
      for (const slot of row.slots) {
        const other = holders.get(slot)
        if (other !== undefined) found.push(`${slot} is held by ${other} and by ${row.id}`)
        holders.set(slot, row.id)
        const has = slotRows.get(slot)
        if (has?.token !== row.id || has.state !== 'locked')
          found.push(`${row.id} is held, its ${slot} is ${JSON.stringify(has)}`)
      }
    }
    for (const [id, { calendar: where, slots, expiresAt, over, booked }] of this.locks) {
      if (where !== calendar || this.#clouded.has(id)) continue
      const row = lockRows.get(id)
      if (row === undefined) found.push(`${id} was acknowledged and has no row`)
      else if (over && !booked && live(row)) found.push(`${id} is over, as was answered, and its row is held`)
      else if (!over && !booked && expiresAt > rows.atMs && !live(row) && row.state !== 'booked')
        found.push(`${id} was acknowledged until ${expiresAt}, and its row is ${JSON.stringify(row)}`)
      else if (row.slots.join() !== [...slots].sort().join())
        found.push(`${id} has other slots than was answered`)
    }
    for (const [id, { calendar: where, slots, cancelled }] of this.bookings) {
      if (where !== calendar || this.#clouded.has(id)) continue
      const row = bookingRows.get(id)
      if (row === undefined) {
        found.push(`the booking ${id} was acknowledged and has no row`)
        continue
      }
      if ((row.state === 'booked') === cancelled)
        found.push(
          `the booking ${id} is ${row.state}, cancelled: ${cancelled}; asked about it: ${this.#heard.get(id)}`
        )
      if (row.state !== 'booked') continue
      for (const slot of slots)
        if (slotRows.get(slot)?.state !== 'booked')
          found.push(`${slot} of the booking ${id} is ${slotRows.get(slot)?.state}`)
    }
    return found
  }
}
