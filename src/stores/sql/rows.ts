import type { CalendarDefinition } from '../../domain/calendar.js'
import { StoreContractError } from '../../domain/errors.js'
import type { BookingId, CalendarId, LockId, SessionId, SlotId, ViewerTag } from '../../domain/ids.js'
import type { BookingRecord, Customer, LockRecord, LockState } from '../../domain/lock.js'
import type { Selection, SlotRow, SlotStatus } from '../../domain/slot.js'
import type { Row } from './dialect.js'

export const lockColumns =
  'id, calendar, owner, slots, state, fingerprint, fence, ver, change_id, created_ms, expires_ms, updated_ms, reason, address, user_agent'
export const slotColumns = 'calendar, slot, state, owner, token, ver, expires_ms, updated_ms'
export const bookingColumns =
  'id, lock_id, calendar, owner, slots, customer, meta, fingerprint, state, ver, change_id, booked_ms'
export const selectionColumns = 'calendar, viewer, slot, seq, expires_ms'

/** MySQL gives sums and clock readings as decimals, which some drivers hand over as text. */
export function numberOf(row: Row, column: string): number {
  const value = Number(row[column])
  if (!Number.isSafeInteger(value)) {
    throw new StoreContractError(`column ${column} holds ${String(row[column])}, which is no safe integer`)
  }
  return value
}

export function textOf(row: Row, column: string): string {
  const value = row[column]
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()
  throw new StoreContractError(`column ${column} holds ${typeof value} instead of text`)
}

const optionalText = (row: Row, column: string): string | undefined =>
  row[column] === null ? undefined : textOf(row, column)

/** Text on its way into a column of bytes. */
export const bytesOf = (text: string | undefined): Buffer | null =>
  text === undefined ? null : Buffer.from(text)

export const jsonBytesOf = (value: unknown): Buffer | null =>
  value === undefined ? null : Buffer.from(JSON.stringify(value))

export const joinSlots = (slots: readonly SlotId[]): string => slots.join(',')
export const splitSlots = (joined: string): SlotId[] => joined.split(',') as SlotId[]

/** `nowMs`: the database's now when the row was read; a held lock past its end is expired, swept or not. */
export function toLock(row: Row, nowMs: number): LockRecord {
  const expiresAt = numberOf(row, 'expires_ms')
  const written = textOf(row, 'state') as LockState
  const reason = optionalText(row, 'reason')
  const address = optionalText(row, 'address')
  const userAgent = optionalText(row, 'user_agent')
  return {
    id: textOf(row, 'id') as LockId,
    calendar: textOf(row, 'calendar') as CalendarId,
    owner: textOf(row, 'owner') as SessionId,
    slots: splitSlots(textOf(row, 'slots')),
    state: written === 'held' && expiresAt <= nowMs ? 'expired' : written,
    fence: numberOf(row, 'fence'),
    ver: numberOf(row, 'ver'),
    createdAt: numberOf(row, 'created_ms'),
    expiresAt,
    ...(reason === undefined ? {} : { reason }),
    ...(address === undefined ? {} : { address }),
    ...(userAgent === undefined ? {} : { userAgent })
  }
}

export function toSlotRow(row: Row): SlotRow {
  return {
    calendar: textOf(row, 'calendar') as CalendarId,
    slot: textOf(row, 'slot') as SlotId,
    state: textOf(row, 'state') as SlotStatus,
    ver: numberOf(row, 'ver'),
    owner: (textOf(row, 'owner') || null) as SessionId | null,
    token: (textOf(row, 'token') || null) as LockId | null,
    expiresAt: numberOf(row, 'expires_ms')
  }
}

export function toBooking(row: Row): BookingRecord {
  const meta = optionalText(row, 'meta')
  return {
    id: textOf(row, 'id') as BookingId,
    calendar: textOf(row, 'calendar') as CalendarId,
    lock: textOf(row, 'lock_id') as LockId,
    owner: textOf(row, 'owner') as SessionId,
    slots: splitSlots(textOf(row, 'slots')),
    customer: JSON.parse(textOf(row, 'customer')) as Customer,
    ...(meta === undefined ? {} : { meta: JSON.parse(meta) as unknown }),
    state: textOf(row, 'state') as BookingRecord['state'],
    bookedAt: numberOf(row, 'booked_ms'),
    ver: numberOf(row, 'ver')
  }
}

export function toSelection(row: Row): Selection {
  return {
    calendar: textOf(row, 'calendar') as CalendarId,
    viewer: textOf(row, 'viewer') as ViewerTag,
    slot: (textOf(row, 'slot') || null) as SlotId | null,
    seq: numberOf(row, 'seq'),
    expiresAt: numberOf(row, 'expires_ms')
  }
}

export const toCalendar = (row: Row): CalendarDefinition =>
  JSON.parse(textOf(row, 'definition')) as CalendarDefinition
