import { type LockId, parseBookingId, parseLockId, type RequestId, type SessionId } from '../../domain/ids.js'
import type { Customer } from '../../domain/lock.js'
import type { BookRequest, LockStore } from '../../domain/lock-store.js'
import type { ParamsOf } from '../../protocol/operations.js'
import { metaBytesMax } from '../../protocol/schemas.js'
import { isDeskOf, sessionOf } from '../answers/access.js'
import { done, type Handlers, invalid, type Outcome, refuse } from '../answers/refusal.js'
import { bookingNotFound, busy, lockIsOver, lockNotFound } from '../answers/refusals.js'
import { bookingView, conflictView } from '../answers/views.js'
import { actorOf, type Caller } from '../callers/caller.js'
import { bookingIdOf, fingerprintOf, type RandomBytes } from '../callers/ids.js'
import { type Announcer, announceChange } from '../live/announcer.js'
import type { CalendarDirectory } from '../reading/calendars.js'
import { allowedPage, coveredRecord } from '../reading/covered-calendar.js'
import type { Gate } from './gate.js'

export interface BookingDeps {
  store: LockStore
  calendars: CalendarDirectory
  gate: Pick<Gate, 'learn'>
  announcer: Announcer
  randomBytes: RandomBytes
}

/** After so many conflicts with rows that had gone a moment later, the request is BUSY. */
const conflictRetriesMax = 2

export function bookingHandlers(deps: BookingDeps): Pick<Handlers, 'book' | 'cancelBooking'> {
  const { store, calendars, randomBytes } = deps

  /** Whose lock is booked: the host books in the place of the visitor who holds it, anybody else one's own. */
  async function ownerFor(caller: Caller, session: SessionId, lock: LockId): Promise<Outcome<SessionId>> {
    if (caller.role !== 'host') {
      const may = await allowedPage(caller, calendars, () => store.readLock(lock))
      return may.ok ? done(session) : may
    }
    const known = await store.readLock(lock)
    if (known === undefined) return lockNotFound('There is no such lock')
    const may = await coveredRecord(caller, calendars, known)
    return may.ok ? done(known.owner) : may
  }

  return {
    async book(caller, params) {
      const session = sessionOf(caller)
      if (!session.ok) return session
      const lock = parseLockId(params.lock)
      if (lock === undefined) return lockNotFound()
      const content = bookingContent(params)
      if (!content.ok) return content
      const owner = await ownerFor(caller, session.value, lock)
      if (!owner.ok) return owner
      const requestId = params.requestId as RequestId | undefined
      const request: BookRequest = {
        lock,
        owner: owner.value,
        booking: bookingIdOf(session.value, requestId, randomBytes),
        ...content.value,
        by: actorOf(caller)
      }
      for (let retries = 0; ; retries++) {
        const outcome = await store.book(request)
        switch (outcome.status) {
          case 'BOOKED':
            announceChange(deps, outcome.rows, outcome.lock)
            return done({ booking: bookingView(outcome.booking) })
          case 'REPLAYED':
            return done({ booking: bookingView(outcome.booking) })
          case 'MISMATCH':
            return refuse('IDEMPOTENCY_MISMATCH', 'This requestId was used for another booking')
          case 'NOT_FOUND':
            return lockNotFound()
          case 'EXPIRED':
            return lockIsOver(outcome.lock)
          case 'CONFLICT': {
            const nowMs = store.nowMs()
            const taken = outcome.rows.filter(
              row => row.state !== 'free' && !(row.state === 'locked' && row.expiresAt <= nowMs)
            )
            if (taken.length > 0) {
              return refuse(
                'SLOT_UNAVAILABLE',
                'The lock had ended and somebody else has taken a slot since',
                {
                  details: { conflicts: taken.map(row => conflictView(row, owner.value, nowMs)) }
                }
              )
            }
            if (retries === conflictRetriesMax) return busy()
            break
          }
          case 'LATE':
            return busy()
          default:
            return outcome satisfies never
        }
      }
    },

    async cancelBooking(caller, params) {
      const booking = parseBookingId(params.booking)
      const known = booking === undefined ? undefined : await store.readBooking(booking)
      if (booking === undefined || known === undefined) return bookingNotFound()
      const desk = isDeskOf(caller, known.calendar)
      if (!desk && caller.session === undefined) return bookingNotFound()
      const may = desk
        ? await coveredRecord(caller, calendars, known)
        : await allowedPage(caller, calendars, async () =>
            known.owner === caller.session ? known : undefined
          )
      if (!may.ok) return may
      const outcome = await store.cancel({
        booking,
        owner: desk ? undefined : caller.session,
        by: actorOf(caller)
      })
      switch (outcome.status) {
        case 'CANCELLED':
          announceChange(deps, outcome.rows)
          return done({ cancelled: true })
        case 'NOT_FOUND':
          return bookingNotFound()
        case 'LATE':
          return busy()
        default:
          return outcome satisfies never
      }
    }
  }
}

type Content = Pick<BookRequest, 'customer' | 'meta' | 'ifStillFree' | 'fingerprint'>

function bookingContent(params: ParamsOf<'book'>): Outcome<Content> {
  const { lock, meta, ifStillFree = false } = params
  if (params.customer.name.trim() === '') return invalid('customer/name', 'must not be blank')
  if (meta !== undefined && Buffer.byteLength(JSON.stringify(meta)) > metaBytesMax) {
    return invalid('meta', `is longer than ${metaBytesMax} bytes of JSON`)
  }
  const { name, email, phone, note } = params.customer
  // only what is known: members that the schema lets pass for tomorrow's clients are not kept about a person
  const customer: Customer = { name, email, phone, note }
  const fingerprint = fingerprintOf({ lock, customer, meta, ifStillFree })
  return done({ customer, ...(meta === undefined ? {} : { meta }), ifStillFree, fingerprint })
}
