import type { BookingId, CalendarId, LockId, SessionId, SlotId } from '../../domain/ids.js'
import { parseSlotId } from '../../domain/ids.js'
import type { BookingRecord } from '../../domain/lock.js'
import type { BookOutcome, BookRequest, CancelOutcome, CancelRequest } from '../../domain/lock-store.js'
import type { SlotRow } from '../../domain/slot.js'
import { actorValues, auditBooking, ownerAsActor } from './audit.js'
import {
  again,
  inTime,
  type LockFacts,
  nowOf,
  type Stamp,
  type StoreContext,
  selectLock,
  selectNow,
  stampValues
} from './context.js'
import type { Dialect, Statement, Value } from './dialect.js'
import {
  bookingColumns,
  joinSlots,
  jsonBytesOf,
  numberOf,
  slotColumns,
  textOf,
  toBooking,
  toLock,
  toSlotRow
} from './rows.js'
import { namedValues, nameList, textByCount } from './statement.js'

/**
 * A lock becomes a booking in one packet: the lock's row (only while it lives), the booking's row, the slots.
 * A lock has one booking at most, ever: the booking's row is unique by lock, and stays when it is cancelled.
 *
 * With `ifStillFree` an expired or released lock may be booked as well, if each slot is free, expired, or still under
 * this lock's token. It is the one way out of an ended state, and it gives the lock a new fence, because others may have
 * held its slots meanwhile. A revoked lock stays revoked: staff have spoken.
 */
export class Booking {
  readonly #context: StoreContext
  readonly #bookSlots: (count: number) => string
  readonly #takeSlots: (count: number) => string
  readonly #freeSlots: (count: number) => string

  constructor(context: StoreContext) {
    this.#context = context
    const { dialect } = context.db
    this.#bookSlots = textByCount(
      count => `UPDATE slots${dialect.byPrimaryKey} SET state = 'booked', expires_ms = 0, ver = :ver, updated_ms = :now
        WHERE calendar = :calendar AND slot IN (${nameList('s', count)}) AND token = :lock AND state = 'locked'
          AND ${lockWasBooked}`
    )
    this.#takeSlots = textByCount(count => takeSlotsText(dialect, count))
    this.#freeSlots = textByCount(
      count => `UPDATE slots${dialect.byPrimaryKey} SET state = 'free', owner = '', ver = :ver, updated_ms = :now
        WHERE calendar = :calendar AND slot IN (${nameList('s', count)}) AND token = :lock AND state = 'booked'
          AND EXISTS (SELECT 1 FROM bookings WHERE bookings.id = :booking AND bookings.change_id = :change)`
    )
  }

  async book(request: BookRequest): Promise<BookOutcome> {
    const facts = await this.#context.factsOf(request.lock)
    if (facts?.owner !== request.owner) return { status: 'NOT_FOUND' }
    return this.#context.attempts('the booking', (stamp, last) => this.#attempt(request, facts, stamp, last))
  }

  async #attempt(
    request: BookRequest,
    facts: LockFacts,
    stamp: Stamp,
    last: boolean
  ): Promise<BookOutcome | typeof again> {
    const outcome = await this.#context.db.transact(this.#packet(request, facts, stamp))
    if (outcome.status !== 'DONE') return this.#diagnose(request, facts, stamp, last)
    const row = outcome.results.at(-1)!.rows[0]
    if (row === undefined || textOf(row, 'change_id') !== stamp.changeId)
      return this.#diagnose(request, facts, stamp, last)
    const lock = toLock(row, numberOf(row, 'now_ms'))
    const booking: BookingRecord = {
      id: request.booking,
      calendar: facts.calendar,
      lock: request.lock,
      owner: request.owner,
      slots: facts.slots,
      customer: request.customer,
      ...(request.meta === undefined ? {} : { meta: request.meta }),
      state: 'booked',
      bookedAt: stamp.nowMs,
      ver: stamp.ver
    }
    const rows = rowsAfter(lock.calendar, lock.slots, 'booked', lock.owner, lock.id, stamp.ver)
    return { status: 'BOOKED', booking, lock, rows }
  }

  #packet(request: BookRequest, facts: LockFacts, stamp: Stamp): Statement[] {
    const common: Record<string, Value> = {
      ...stampValues(stamp),
      lock: request.lock,
      owner: request.owner,
      calendar: facts.calendar,
      booking: request.booking,
      ...actorValues(request.by ?? ownerAsActor(request.owner))
    }
    const slots = { ...common, ...namedValues('s', facts.slots) }
    const { cipher } = this.#context
    return [
      {
        // fence first: MySQL assigns from left to right, and the fence depends on what the state was
        text: request.ifStillFree
          ? `UPDATE locks SET fence = CASE WHEN state = 'held' AND expires_ms > :now THEN fence ELSE :ver END,
               state = 'booked', ver = :ver, change_id = :change, updated_ms = :now
             WHERE id = :lock AND owner = :owner AND state IN ('held', 'expired', 'released') AND ver < :ver AND ${inTime}`
          : `UPDATE locks SET state = 'booked', ver = :ver, change_id = :change, updated_ms = :now
             WHERE id = :lock AND owner = :owner AND state = 'held' AND expires_ms > :now AND ver < :ver AND ${inTime}`,
        values: common
      },
      {
        text: `INSERT INTO bookings (id, lock_id, calendar, owner, slots, customer, meta, fingerprint, state,
            ver, change_id, booked_ms, updated_ms)
          SELECT :booking, :lock, :calendar, :owner, :slots, :customer, :meta, :fingerprint, 'booked',
            :ver, :change, :booked, :now
          FROM (SELECT 1 AS one) x WHERE ${lockWasBooked}`,
        values: {
          ...common,
          slots: joinSlots(facts.slots),
          customer: cipher.seal(request.booking, 'customer', jsonBytesOf(request.customer)),
          meta: cipher.seal(request.booking, 'meta', jsonBytesOf(request.meta)),
          fingerprint: cipher.fingerprint(request.fingerprint),
          booked: stamp.nowMs
        }
      },
      request.ifStillFree
        ? {
            text: this.#takeSlots(facts.slots.length),
            values: {
              ...slots,
              ...namedValues(
                'b',
                facts.slots.map(slot => parseSlotId(slot)?.startMs ?? 0)
              )
            }
          }
        : { text: this.#bookSlots(facts.slots.length), values: slots },
      auditBooking('booked', common),
      selectLock(request.lock)
    ]
  }

  /** One read that says why nothing was booked. */
  async #diagnose(
    request: BookRequest,
    facts: LockFacts,
    stamp: Stamp,
    last: boolean
  ): Promise<BookOutcome | typeof again> {
    const context = this.#context
    const [now, byId, byLock, locks, slots] = await context.db.read([
      selectNow,
      {
        text: `SELECT ${bookingColumns} FROM bookings WHERE id = :booking`,
        values: { booking: request.booking }
      },
      {
        text: `SELECT ${bookingColumns} FROM bookings WHERE lock_id = :lock`,
        values: { lock: request.lock }
      },
      selectLock(request.lock),
      {
        text: `SELECT ${slotColumns} FROM slots WHERE calendar = :calendar AND slot IN (${nameList('s', facts.slots.length)}) ORDER BY slot`,
        values: { calendar: facts.calendar, ...namedValues('s', facts.slots) }
      }
    ])
    const nowMs = nowOf(now)
    const [sameId, sameLock, lockRow] = [byId![0], byLock![0], locks![0]]
    if (sameId !== undefined) {
      const booking = toBooking(sameId)
      // one that was erased has none any more, and whose it is was asked above
      const stored = textOf(sameId, 'fingerprint')
      const same =
        booking.owner === request.owner &&
        (stored === '' || context.cipher.isSameFingerprint(stored, request.fingerprint))
      return same ? { status: 'REPLAYED', booking } : { status: 'MISMATCH' }
    }
    if (lockRow === undefined) return { status: 'NOT_FOUND' }
    const lock = toLock(lockRow, nowMs)
    if (sameLock !== undefined) {
      const booking = toBooking(sameLock)
      // a cancelled booking is no booking to hand out, and its lock was used up by it
      return booking.state === 'booked' ? { status: 'REPLAYED', booking } : { status: 'EXPIRED', lock }
    }
    if (lock.state === 'revoked' || (lock.state !== 'held' && !request.ifStillFree))
      return { status: 'EXPIRED', lock }

    const rows = slots!.map(toSlotRow)
    const inTheWay = rows.filter(row => !isStillFree(row, lock.id, nowMs))
    if (inTheWay.length > 0) return { status: 'CONFLICT', rows: inTheWay }
    if (!context.isInTime(stamp, nowMs)) return (await context.late(stamp, last)) ? { status: 'LATE' } : again
    for (const row of [lock, ...rows]) context.versions.receive(row.ver)
    return last && request.ifStillFree ? { status: 'CONFLICT', rows: [] } : again
  }

  async cancel(request: CancelRequest): Promise<CancelOutcome> {
    const found = await readBooking(this.#context, request.booking)
    if (found === undefined || (request.owner !== undefined && found.owner !== request.owner)) {
      return { status: 'NOT_FOUND' }
    }
    return this.#context.attempts(
      'the cancellation',
      async (stamp, last): Promise<CancelOutcome | typeof again> => {
        const context = this.#context
        const common = {
          ...stampValues(stamp),
          booking: found.id,
          lock: found.lock,
          calendar: found.calendar,
          ...actorValues(
            request.by ?? (request.owner === undefined ? { role: 'staff' } : ownerAsActor(request.owner))
          )
        }
        const results = await context.change([
          {
            text: `UPDATE bookings SET state = 'cancelled', ver = :ver, change_id = :change, updated_ms = :now
            WHERE id = :booking AND lock_id = :lock AND state = 'booked' AND ver < :ver AND ${inTime}`,
            values: common
          },
          {
            text: this.#freeSlots(found.slots.length),
            values: { ...common, ...namedValues('s', found.slots) }
          },
          auditBooking('cancelled', common),
          {
            text: `SELECT ${bookingColumns}, :now AS now_ms FROM bookings WHERE id = :booking`,
            values: common
          }
        ])
        const row = results.at(-1)!.rows[0]
        if (row === undefined) return { status: 'NOT_FOUND' }
        const booking = toBooking(row)
        const { calendar, slots, lock } = booking
        if (textOf(row, 'change_id') === stamp.changeId) {
          return {
            status: 'CANCELLED',
            booking,
            rows: rowsAfter(calendar, slots, 'free', null, lock, stamp.ver)
          }
        }
        if (booking.state === 'cancelled') return { status: 'CANCELLED', booking, rows: [] }
        if (!context.isInTime(stamp, numberOf(row, 'now_ms'))) {
          return (await context.late(stamp, last)) ? { status: 'LATE' } : again
        }
        context.versions.receive(booking.ver)
        return again
      }
    )
  }
}

export async function readBooking(
  context: StoreContext,
  booking: BookingId
): Promise<BookingRecord | undefined> {
  const [rows] = await context.db.read([
    { text: `SELECT ${bookingColumns} FROM bookings WHERE id = :booking`, values: { booking } }
  ])
  return rows![0] === undefined ? undefined : toBooking(rows![0])
}

const lockWasBooked =
  "EXISTS (SELECT 1 FROM locks WHERE locks.id = :lock AND locks.state = 'booked' AND locks.change_id = :change)"

/** The same as isStillFree, and a version that grows. */
const stillFree = `slots.ver < :ver AND (slots.state = 'free'
  OR (slots.state = 'locked' AND (slots.expires_ms <= :now OR slots.token = :lock)))`

const isStillFree = (row: SlotRow, lock: LockId, nowMs: number): boolean =>
  row.state === 'free' || (row.state === 'locked' && (row.expiresAt <= nowMs || row.token === lock))

/** As in the grant: the condition is on `token`, which MySQL assigns first. */
const takeSlotsText = (dialect: Dialect, count: number): string => {
  const union = Array.from({ length: count }, (_, index) => `SELECT :s${index} AS s, :b${index} AS b`).join(
    ' UNION ALL '
  )
  const incoming = (column: string): string => dialect.incoming(column)
  return `
  INSERT INTO slots (calendar, slot, start_ms, state, owner, token, ver, expires_ms, updated_ms)
  SELECT :calendar, x.s, x.b, 'booked', :owner, :lock, :ver, 0, :now FROM (${union}) x WHERE ${lockWasBooked}
  ${dialect.upsert('calendar, slot')}
    token = CASE WHEN ${stillFree} THEN ${incoming('token')} ELSE NULL END,
    state = ${incoming('state')}, owner = ${incoming('owner')}, ver = ${incoming('ver')},
    expires_ms = ${incoming('expires_ms')}, updated_ms = ${incoming('updated_ms')}`
}

const rowsAfter = (
  calendar: CalendarId,
  slots: readonly SlotId[],
  state: 'booked' | 'free',
  owner: SessionId | null,
  token: LockId,
  ver: number
): SlotRow[] => slots.map(slot => ({ calendar, slot, state, ver, owner, token, expiresAt: 0 }))
