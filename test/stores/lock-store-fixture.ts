import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import type { BookingId, CalendarId, LockId, SessionId, SlotId } from '../../src/domain/ids.js'
import type { BookRequest, GrantOutcome, GrantRequest, LockStore } from '../../src/domain/lock-store.js'
import type { SlotRow } from '../../src/domain/slot.js'
import type { StoreSettings } from '../../src/stores/sql/context.js'
import type { SqlLockStore } from '../../src/stores/sql/lock-store.js'

/** One empty database, and the stores of the instances that share it. */
export interface Subject {
  store: LockStore
  /** A second instance over the same data, with caches, clocks and settings of its own; undefined where there can be none. */
  another?: (settings?: Partial<StoreSettings>) => Promise<SqlLockStore>
  /** Lets time pass, as far as the database is concerned. */
  age(ms: number): Promise<void>
  close(): Promise<void>
}

export const calendar = 'clinic' as CalendarId
export const otherCalendar = 'annexe' as CalendarId

const opaque = (): string => randomBytes(16).toString('base64url')
export const newLock = (): LockId => opaque() as LockId
export const newSession = (): SessionId => opaque() as SessionId
export const newBooking = (): BookingId => opaque() as BookingId

/** The n-th half hour of a day far ahead. */
export const slot = (index: number, resource = 'dr-lee'): SlotId =>
  `${resource}/${new Date(Date.parse('2031-01-15T08:00Z') + index * 1_800_000).toISOString().slice(0, 16)}Z` as SlotId
export const slots = (...indexes: number[]): SlotId[] => indexes.map(index => slot(index))
export const startOf = (id: SlotId): number => Date.parse(id.slice(id.indexOf('/') + 1))

/** A grant that nothing speaks against, but for what is said. */
export function grantOf(over: Partial<GrantRequest> = {}): GrantRequest {
  return {
    lock: newLock(),
    calendar,
    owner: newSession(),
    slots: slots(1),
    ttlMs: 600_000,
    fingerprint: 'asked for this',
    lockLifeMaxMs: 7_200_000,
    locksMax: 8,
    lockedSlotsMax: 64,
    ...over
  }
}

export function bookOf(
  lock: { lock: LockId; owner: SessionId },
  over: Partial<BookRequest> = {}
): BookRequest {
  return {
    lock: lock.lock,
    owner: lock.owner,
    booking: newBooking(),
    fingerprint: 'booked like this',
    customer: { name: 'Ada Lovelace' },
    ifStillFree: false,
    ...over
  }
}

/** What a test says about rows in one line: `locked`, `free` … by slot. */
export const statesOf = (rows: readonly SlotRow[]): Record<string, string> =>
  Object.fromEntries(rows.map(row => [row.slot, row.state]))

export const day = 86_400_000
export const minute = 60_000

/** Declares the test of one promise. */
export type Declare = (title: string, check: (t: Test, subject: Subject) => Promise<void>) => void

/** A grant that must succeed. */
export async function granted(
  store: LockStore,
  over: Parameters<typeof grantOf>[0] = {}
): Promise<{ request: ReturnType<typeof grantOf>; outcome: GrantOutcome & { status: 'GRANTED' } }> {
  const request = grantOf(over)
  const outcome = await store.grant(request)
  if (outcome.status !== 'GRANTED') throw new Error(`expected a grant, got ${JSON.stringify(outcome)}`)
  return { request, outcome }
}
