import { type CalendarId, parseLockId } from '../../domain/ids.js'
import type { Limits } from '../../domain/limits.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { Selection } from '../../domain/slot.js'
import { covers, notCovered } from '../answers/access.js'
import { done, type Handlers } from '../answers/refusal.js'
import { busy, lockNotFound } from '../answers/refusals.js'
import { selectionView, staffLockView } from '../answers/views.js'
import { announceChange } from '../live/announcer.js'
import { type BlockingDeps, blockingHandlers, coveredCalendar } from './blocking.js'

export interface StaffDeps extends BlockingDeps {
  store: LockStore
  limits: Limits
  /** The live hovers of a calendar, as far as they are known. */
  selections: (calendar: CalendarId) => Promise<readonly Selection[]>
}

const defaultReason = 'ended by staff'

/** What staff do. That the caller is staff was seen to by the operations' table; of which calendars is seen to here. */
export function staffHandlers(
  deps: StaffDeps
): Pick<Handlers, 'staffLocks' | 'revoke' | 'block' | 'unblock'> {
  const { store, calendars, limits, tagOf, selections } = deps
  return {
    ...blockingHandlers(deps),

    async staffLocks(caller, params) {
      const found = await coveredCalendar(caller, calendars, params.calendar)
      if (!found.ok) return found
      const { calendar } = found.value
      const [locks, hovers] = await Promise.all([store.readLiveLocks({ calendar }), selections(calendar)])
      const nowMs = store.nowMs()
      return done({
        locks: locks.map(lock => staffLockView(lock, limits, nowMs, tagOf)),
        selections: hovers.map(hover => selectionView(hover, nowMs))
      })
    },

    async revoke(caller, params) {
      const id = parseLockId(params.lock)
      const known = id === undefined ? undefined : await store.readLock(id)
      if (id === undefined || known === undefined) return lockNotFound('There is no such lock')
      if (!covers(caller, known.calendar)) return notCovered(known.calendar)
      const outcome = await store.revoke({ lock: id, reason: params.reason ?? defaultReason })
      switch (outcome.status) {
        case 'ENDED':
          // "revoked" would have staff believe that the slots are free
          if (outcome.lock.state === 'booked') {
            return lockNotFound('The lock has become a booking; cancel the booking instead')
          }
          announceChange(deps, outcome.rows, outcome.lock)
          return done({ revoked: true })
        case 'NOT_FOUND':
          return lockNotFound('There is no such lock')
        case 'LATE':
          return busy()
        default:
          return outcome satisfies never
      }
    }
  }
}
