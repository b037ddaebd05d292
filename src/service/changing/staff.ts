import { parseLockId } from '../../domain/ids.js'
import type { LockStore } from '../../domain/lock-store.js'
import { done, type Handlers } from '../answers/refusal.js'
import { busy, lockNotFound } from '../answers/refusals.js'
import { actorOf } from '../callers/caller.js'
import { announceChange } from '../live/announcer.js'
import { coveredRecord } from '../reading/covered-calendar.js'
import { type BlockingDeps, blockingHandlers } from './blocking.js'

export interface StaffDeps extends BlockingDeps {
  store: LockStore
}

const defaultReason = 'ended by staff'

/** What staff do. That the caller is staff was seen to by the operations' table; of which calendars is seen to here. */
export function staffHandlers(deps: StaffDeps): Pick<Handlers, 'revoke' | 'block' | 'unblock'> {
  const { store, calendars } = deps
  return {
    ...blockingHandlers(deps),

    async revoke(caller, params) {
      const id = parseLockId(params.lock)
      const known = id === undefined ? undefined : await store.readLock(id)
      if (id === undefined || known === undefined) return lockNotFound('There is no such lock')
      const may = await coveredRecord(caller, calendars, known)
      if (!may.ok) return may
      const outcome = await store.revoke({
        lock: id,
        reason: params.reason ?? defaultReason,
        by: actorOf(caller)
      })
      switch (outcome.status) {
        case 'ENDED':
          // "revoked" would have staff believe that they have freed the slots, which somebody else may have by now
          if (outcome.lock.state === 'booked') {
            return lockNotFound('The lock has become a booking; cancel the booking instead')
          }
          if (outcome.lock.state !== 'revoked') return lockNotFound('The lock was over already')
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
