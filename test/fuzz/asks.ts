import type { OperationName } from '../../src/protocol/operations.js'
import type { Dice } from './dice.js'
import { battlefield, canary, elsewhere, rooms } from './world.js'

/** Requests as they should be: the grammar. What becomes of them is in `mutations.ts`. */

export type AskName = OperationName | 'hello' | 'unwatch' | 'staff-unwatch' | 'ping'

export interface Ask {
  operation: AskName
  params: Record<string, unknown>
}

/** What those of one case know of by now, so that what they ask has something to do with it. */
export class Knowledge {
  readonly locks: string[] = []
  readonly bookings: string[] = []
  readonly requestIds: string[] = []
  readonly cursors: string[] = []
  /** The days that this part of the run is about: others than those of the part before, and the same ones again later. */
  readonly #firstDay: number

  constructor(caseNumber: number) {
    this.#firstDay = 2 + (Math.floor(caseNumber / 100) % 7)
  }

  day(dice: Dice): string {
    return new Date(Date.now() + (this.#firstDay + dice.int(0, 2)) * 86_400_000).toISOString().slice(0, 10)
  }

  slot(dice: Dice): string {
    const minutes = dice.int(0, 47) * 30
    const time = `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${minutes % 60 === 0 ? '00' : '30'}`
    return `${dice.pick(rooms)}/${this.day(dice)}T${time}Z`
  }

  slots(dice: Dice, most: number): string[] {
    return [...new Set(dice.times(dice.int(1, most), () => this.slot(dice)))]
  }

  /** Mostly one that there is. */
  lock(dice: Dice): string {
    return this.locks.length > 0 && dice.chance(0.9)
      ? dice.pick(this.locks)
      : dice.bytes(16).toString('base64url')
  }

  booking(dice: Dice): string {
    return this.bookings.length > 0 && dice.chance(0.9)
      ? dice.pick(this.bookings)
      : dice.bytes(16).toString('base64url')
  }

  /** Sometimes one that was used before: the same request, or another one under its name. */
  requestId(dice: Dice): string {
    if (this.requestIds.length > 0 && dice.chance(0.3)) return dice.pick(this.requestIds)
    const id = dice.bytes(8).toString('hex')
    this.requestIds.push(id)
    return id
  }

  learn(result: Record<string, unknown>): void {
    const { lock, locks, booking, cursor } = result as {
      lock?: { id: string }
      locks?: { id: string }[]
      booking?: { id: string }
      cursor?: string
    }
    if (lock !== undefined) this.locks.push(lock.id)
    for (const { id } of locks?.slice(0, 5) ?? []) this.locks.push(id)
    if (booking !== undefined) this.bookings.push(booking.id)
    if (cursor !== undefined) this.cursors.push(cursor)
  }
}

const calendarOf = (dice: Dice): string =>
  dice.weighted([
    [30, battlefield],
    [2, elsewhere],
    [1, 'nowhere']
  ])
const sometimes = (
  dice: Dice,
  probability: number,
  more: () => Record<string, unknown>
): Record<string, unknown> => (dice.chance(probability) ? more() : {})

function range(dice: Dice, knowledge: Knowledge): Record<string, unknown> {
  const days = [knowledge.day(dice), knowledge.day(dice)].sort()
  return { from: days[0], to: days[1] }
}

function customer(dice: Dice): Record<string, unknown> {
  return {
    name: `${canary} ${dice.pick(['Ann', 'Bōb', '李', '"O\'Neil"'])}`,
    ...sometimes(dice, 0.5, () => ({
      email: `${canary}@example.org`,
      note: `${canary} ${'x'.repeat(dice.int(0, 1_900))}`
    })),
    ...sometimes(dice, 0.3, () => ({ phone: '+49 30 1234' }))
  }
}

function definition(dice: Dice): Record<string, unknown> {
  const hours = [
    ['09:00', '12:00'],
    ['13:00', '24:00']
  ]
  return {
    calendar: `fuzz-${dice.int(0, 4)}`,
    name: dice.pick(['Fuzz', 'ß', '<b>']),
    timeZone: dice.pick(['UTC', 'Europe/Paris', 'Asia/Kolkata', 'America/St_Johns', 'Mars/Olympus']),
    slotMinutes: dice.pick([1, 7, 20, 60, 1_440]),
    ...sometimes(dice, 0.5, () => ({ grid: dice.pick(['hours', 'open']) })),
    resources: dice.times(dice.int(0, 4), index => ({
      id: `r-${index}`,
      name: `R${index}`,
      hours: { mon: hours, sun: hours }
    })),
    ...sometimes(dice, 0.5, () => ({
      exceptions: [
        { date: '2027-03-28', hours: [] },
        { date: '2027-10-31', resource: 'r-0', hours }
      ]
    }))
  }
}

/** How often each is asked, and with what. */
const makers: {
  [Name in AskName]: [weight: number, make: (dice: Dice, knowledge: Knowledge) => Record<string, unknown>]
} = {
  openSession: [1, () => ({})],
  // who signs out is out for the rest of the run, and most of what follows would be UNAUTHENTICATED
  signOut: [0, () => ({})],
  revokeSession: [1, dice => ({ session: dice.bytes(16).toString('base64url') })],
  listCalendars: [1, () => ({})],
  readSlots: [4, (dice, known) => ({ calendar: calendarOf(dice), ...range(dice, known) })],
  readChanges: [
    3,
    (dice, known) => ({
      calendar: calendarOf(dice),
      ...range(dice, known),
      ...sometimes(dice, 0.6, () => ({ since: known.cursors.at(-1) ?? '0' })),
      ...sometimes(dice, 0.3, () => ({ wait: dice.pick([0, 0.05, 0.2]) }))
    })
  ],
  select: [
    4,
    (dice, known) => ({ calendar: calendarOf(dice), slot: dice.chance(0.8) ? known.slot(dice) : null })
  ],
  unselect: [1, dice => ({ calendar: calendarOf(dice) })],
  lock: [
    12,
    (dice, known) => ({
      calendar: calendarOf(dice),
      slots: known.slots(dice, dice.chance(0.1) ? 33 : 3),
      ...sometimes(dice, 0.4, () => ({ ttlMs: dice.pick([300, 301, 1_000, 10_000, 1_800_000, 1_800_001]) })),
      ...sometimes(dice, 0.5, () => ({ requestId: known.requestId(dice) })),
      ...sometimes(dice, 0.2, () => ({ replaces: known.lock(dice) }))
    })
  ],
  listLocks: [2, dice => sometimes(dice, 0.5, () => ({ calendar: calendarOf(dice) }))],
  extend: [
    4,
    (dice, known) => ({
      lock: known.lock(dice),
      ...sometimes(dice, 0.5, () => ({ ttlMs: dice.pick([300, 20_000, 1_800_000]) }))
    })
  ],
  release: [5, (dice, known) => ({ lock: known.lock(dice) })],
  book: [
    5,
    (dice, known) => ({
      lock: known.lock(dice),
      customer: customer(dice),
      ...sometimes(dice, 0.8, () => ({ requestId: known.requestId(dice) })),
      ...sometimes(dice, 0.3, () => ({ meta: { order: dice.int(0, 9), tags: ['a', { b: null }] } })),
      ...sometimes(dice, 0.3, () => ({ ifStillFree: dice.chance(0.5) }))
    })
  ],
  cancelBooking: [2, (dice, known) => ({ booking: known.booking(dice) })],
  listBookings: [
    2,
    (dice, known) => ({
      calendar: calendarOf(dice),
      ...sometimes(dice, 0.4, () => range(dice, known)),
      ...sometimes(dice, 0.4, () => ({ limit: dice.pick([1, 10, 100]) }))
    })
  ],
  readBooking: [1, (dice, known) => ({ booking: known.booking(dice) })],
  staffLocks: [2, dice => ({ calendar: calendarOf(dice) })],
  readCacheStats: [1, () => ({})],
  readAudit: [
    2,
    (dice, known) => ({
      calendar: calendarOf(dice),
      ...sometimes(dice, 0.4, () => range(dice, known)),
      ...sometimes(dice, 0.4, () => ({ limit: dice.pick([1, 10, 100]) }))
    })
  ],
  revoke: [
    3,
    (dice, known) => ({
      lock: known.lock(dice),
      ...sometimes(dice, 0.7, () => ({ reason: `because ${dice.int(0, 9)}` }))
    })
  ],
  block: [2, (dice, known) => ({ calendar: calendarOf(dice), slots: known.slots(dice, 3) })],
  unblock: [3, (dice, known) => ({ calendar: calendarOf(dice), slots: known.slots(dice, 6) })],
  putCalendar: [1, dice => definition(dice)],
  hello: [1, () => ({})],
  ping: [1, () => ({})],
  unwatch: [2, dice => ({ calendar: calendarOf(dice) })],
  'staff-unwatch': [1, dice => ({ calendar: calendarOf(dice) })]
}

/** A well-formed one of these. */
export function wellFormed(names: readonly AskName[], dice: Dice, knowledge: Knowledge): Ask {
  const operation = dice.weighted(names.map(name => [makers[name][0], name] as const))
  return { operation, params: makers[operation][1](dice, knowledge) }
}
