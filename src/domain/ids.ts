/**
 * Every name that crosses a border of slotlock, with the one parser that lets it in.
 *
 * A parser answers `undefined` for what is not a name: a malformed id is an expected outcome, and the
 * caller knows best which error it makes. Nothing below the protocol ever sees an id that was not parsed.
 */

export type CalendarId = string & { readonly brand: 'CalendarId' }
export type ResourceId = string & { readonly brand: 'ResourceId' }
/** `<resource>/<start>`, the start in UTC to the minute: `dr-lee/2026-01-15T14:00Z`. */
export type SlotId = string & { readonly brand: 'SlotId' }
/** 128 random bits as 22 characters of base64url. Whoever knows it is not the session; the signed token is. */
export type SessionId = string & { readonly brand: 'SessionId' }
/** 128 bits as 22 characters of base64url. Also the token that every statement about the lock names. */
export type LockId = string & { readonly brand: 'LockId' }
export type BookingId = string & { readonly brand: 'BookingId' }
/** Chosen by the client, 1 to 64 characters; only ever hashed. */
export type RequestId = string & { readonly brand: 'RequestId' }
/** The public name of a session in one calendar. */
export type ViewerTag = string & { readonly brand: 'ViewerTag' }
/** A calendar-local date, `2026-01-15`. */
export type LocalDate = string & { readonly brand: 'LocalDate' }

export const NAME_PATTERN = '^[a-z0-9][a-z0-9-]{0,62}$'
export const SLOT_PATTERN = '^[a-z0-9][a-z0-9-]{0,62}/\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}Z$'
export const OPAQUE_ID_PATTERN = '^[A-Za-z0-9_-]{22}$'
export const DATE_PATTERN = '^\\d{4}-\\d{2}-\\d{2}$'

const NAME = new RegExp(NAME_PATTERN)
const SLOT = new RegExp(SLOT_PATTERN)
const OPAQUE_ID = new RegExp(OPAQUE_ID_PATTERN)
const DATE = new RegExp(DATE_PATTERN)

export interface SlotParts {
  resource: ResourceId
  /** Epoch milliseconds of the start, a whole minute. */
  startMs: number
}

export const parseCalendarId = (text: string): CalendarId | undefined =>
  NAME.test(text) ? (text as CalendarId) : undefined

export const parseLockId = (text: string): LockId | undefined =>
  OPAQUE_ID.test(text) ? (text as LockId) : undefined

export const parseBookingId = (text: string): BookingId | undefined =>
  OPAQUE_ID.test(text) ? (text as BookingId) : undefined

export const parseSessionId = (text: string): SessionId | undefined =>
  OPAQUE_ID.test(text) ? (text as SessionId) : undefined

/**
 * One instant has exactly one spelling. `2026-02-30T10:00Z` has none: the engine would read it as 2 March,
 * and two spellings of one slot would be two locks on it.
 */
export function parseSlotId(text: string): (SlotParts & { id: SlotId }) | undefined {
  if (!SLOT.test(text)) return undefined
  const slash = text.indexOf('/')
  const startMs = Date.parse(text.slice(slash + 1))
  const resource = text.slice(0, slash) as ResourceId
  if (Number.isNaN(startMs) || slotIdOf(resource, startMs) !== text) return undefined
  return { id: text as SlotId, resource, startMs }
}

export function slotIdOf(resource: ResourceId, startMs: number): SlotId {
  return `${resource}/${new Date(startMs).toISOString().slice(0, 16)}Z` as SlotId
}

export function parseLocalDate(text: string): LocalDate | undefined {
  if (!DATE.test(text)) return undefined
  const at = Date.parse(`${text}T00:00Z`)
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text) return undefined
  return text as LocalDate
}

/** The order in which rows are taken, everywhere: two requests for the same slots in any order cannot deadlock. */
export function sortedSlots(slots: readonly SlotId[]): SlotId[] {
  return [...slots].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}
