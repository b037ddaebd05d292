import type { SlotId } from '../../domain/ids.js'
import type { LockRecord } from '../../domain/lock.js'
import { refuse } from './refusal.js'
import { busyRetryAfterMs } from './store-refusal.js'

/** Refusals that several operations share, so that one fact is always told in the same words. */

export const busy = () =>
  refuse('BUSY', 'Too much is going on here; nothing was changed', { retryAfterMs: busyRetryAfterMs })

export const calendarNotFound = (calendar: string) =>
  refuse('CALENDAR_NOT_FOUND', `There is no calendar ${calendar}`)

/** `fields` say which ones: `slots/2`. */
export const slotsNotFound = (slots: readonly { field: string; slot: SlotId }[]) =>
  refuse('SLOT_NOT_FOUND', `The calendar has no slot ${slots[0]?.slot}`, {
    details: {
      fields: slots.map(({ field, slot }) => ({ field, problem: `${slot} is outside of the grid` }))
    }
  })

export const bookingNotFound = () => refuse('BOOKING_NOT_FOUND', 'There is no such booking')

export const lockNotFound = (message = 'This session has no such lock') => refuse('LOCK_NOT_FOUND', message)

const endings = {
  held: 'The time of the lock is over',
  expired: 'The time of the lock is over',
  released: 'The lock was released',
  revoked: 'The lock was ended by staff',
  booked: 'The lock has become a booking'
} as const

export const lockIsOver = (lock: LockRecord) => refuse('LOCK_EXPIRED', endings[lock.state])
