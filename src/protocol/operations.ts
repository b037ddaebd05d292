import Type, { type Static, type TSchema } from 'typebox'
import { auditPageMax } from '../domain/audit.js'
import { bookingsPageMax } from '../domain/lock.js'
import type { ErrorCode } from './codes.js'
import {
  AuditEntrySchema,
  BookingSchema,
  CacheStatsSchema,
  CalendarDefinitionSchema,
  CalendarIdSchema,
  CalendarSummarySchema,
  CustomerSchema,
  DateSchema,
  DeskBookingSchema,
  LockSchema,
  OpaqueIdSchema,
  RequestIdSchema,
  SelectionSchema,
  SessionSchema,
  SiteKeySchema,
  SlotIdSchema,
  SlotStateSchema,
  StaffLockSchema
} from './schemas.js'

/**
 * Who may ask. `anyone`: also without a token. `session`: any valid token. `desk`: staff and the host's programs.
 */
export type Access = 'anyone' | 'session' | 'desk' | 'staff' | 'admin'

export interface OperationSpec<Params extends TSchema = TSchema, Result extends TSchema = TSchema> {
  summary: string
  access: Access
  /** `type` of the WebSocket message; absent where there is none. */
  ws?: string
  /** In `path` a `:name` is the parameter of that name; the others travel in the query of a GET, else in the body. */
  http?: { method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'; path: string; status: 200 | 201 | 204 }
  /** On HTTP, `Idempotency-Key` is this parameter. */
  idempotencyKey?: 'requestId'
  params: Params
  result: Result
  errors: readonly ErrorCode[]
}

const define = <P extends TSchema, R extends TSchema>(spec: OperationSpec<P, R>): OperationSpec<P, R> => spec

const range = { calendar: CalendarIdSchema, from: DateSchema, to: DateSchema }
const ttlMs = Type.Optional(Type.Integer({ description: 'how long the lock lives from now' }))
const Slots = Type.Array(SlotIdSchema, { minItems: 1, maxItems: 256, uniqueItems: true })
const Snapshot = Type.Object({
  calendar: CalendarIdSchema,
  from: DateSchema,
  to: DateSchema,
  timeZone: Type.String(),
  you: Type.Optional(Type.String({ description: 'the tag of this session; absent without a token' })),
  slots: Type.Array(SlotStateSchema),
  selections: Type.Array(SelectionSchema),
  serverTime: Type.Integer()
})
const WithLock = Type.Object({ lock: LockSchema })

/**
 * Every operation once. HTTP routes, WebSocket messages, validation, static types, OpenAPI and AsyncAPI are all made
 * from this table.
 */
export const operations = {
  openSession: define({
    summary: 'Open a session',
    access: 'anyone',
    http: { method: 'POST', path: '/v1/sessions', status: 201 },
    params: Type.Object({ key: Type.Optional(SiteKeySchema) }),
    result: SessionSchema,
    errors: ['INVALID_REQUEST', 'RATE_LIMITED']
  }),
  signOut: define({
    summary: 'End one’s own session: its tokens are good for nothing any more, its locks are released',
    access: 'session',
    ws: 'sign-out',
    http: { method: 'DELETE', path: '/v1/sessions/current', status: 204 },
    params: Type.Object({}),
    result: Type.Object({ signedOut: Type.Literal(true) }),
    errors: ['LIMIT_EXCEEDED', 'OUTCOME_UNKNOWN', 'BUSY', 'STORE_UNAVAILABLE']
  }),
  revokeSession: define({
    summary: 'End somebody’s session, or withdraw a token, by the session’s id',
    access: 'admin',
    ws: 'revoke-session',
    http: { method: 'DELETE', path: '/v1/sessions/:session', status: 204 },
    params: Type.Object({ session: OpaqueIdSchema }),
    result: Type.Object({ revoked: Type.Literal(true) }),
    errors: ['INVALID_REQUEST', 'LIMIT_EXCEEDED', 'OUTCOME_UNKNOWN', 'BUSY', 'STORE_UNAVAILABLE']
  }),
  listCalendars: define({
    summary: 'List calendars',
    access: 'anyone',
    http: { method: 'GET', path: '/v1/calendars', status: 200 },
    params: Type.Object({}),
    result: Type.Object({ calendars: Type.Array(CalendarSummarySchema) }),
    errors: ['STORE_UNAVAILABLE']
  }),
  readSlots: define({
    summary: 'Read the slots of some days',
    access: 'anyone',
    ws: 'watch',
    http: { method: 'GET', path: '/v1/calendars/:calendar/slots', status: 200 },
    params: Type.Object(range),
    result: Snapshot,
    errors: ['INVALID_REQUEST', 'CALENDAR_NOT_FOUND', 'STORE_UNAVAILABLE']
  }),
  readChanges: define({
    summary: 'Poll for changes since a cursor',
    access: 'anyone',
    http: { method: 'GET', path: '/v1/calendars/:calendar/changes', status: 200 },
    params: Type.Object({
      ...range,
      since: Type.Optional(
        Type.String({ maxLength: 128, description: 'cursor of the last answer; absent: everything' })
      ),
      wait: Type.Optional(
        Type.Number({ minimum: 0, maximum: 25, description: 'seconds to wait for a change' })
      )
    }),
    result: Type.Object({
      slots: Type.Array(SlotStateSchema),
      selections: Type.Array(SelectionSchema),
      cursor: Type.String()
    }),
    errors: ['INVALID_REQUEST', 'CALENDAR_NOT_FOUND', 'STORE_UNAVAILABLE']
  }),
  select: define({
    summary: 'Hover over a slot',
    access: 'session',
    ws: 'select',
    http: { method: 'PUT', path: '/v1/calendars/:calendar/selection', status: 200 },
    params: Type.Object({
      calendar: CalendarIdSchema,
      slot: Type.Union([SlotIdSchema, Type.Null()], { description: 'null: no longer hovering' })
    }),
    result: Type.Object({ slot: Type.Union([SlotIdSchema, Type.Null()]), expiresInMs: Type.Integer() }),
    errors: ['INVALID_REQUEST', 'CALENDAR_NOT_FOUND', 'SLOT_NOT_FOUND', 'RATE_LIMITED']
  }),
  unselect: define({
    summary: 'Stop hovering',
    access: 'session',
    http: { method: 'DELETE', path: '/v1/calendars/:calendar/selection', status: 204 },
    params: Type.Object({ calendar: CalendarIdSchema }),
    result: Type.Object({ slot: Type.Null(), expiresInMs: Type.Integer() }),
    errors: ['INVALID_REQUEST', 'CALENDAR_NOT_FOUND', 'RATE_LIMITED']
  }),
  lock: define({
    summary: 'Lock slots, all or none',
    access: 'session',
    ws: 'lock',
    http: { method: 'POST', path: '/v1/calendars/:calendar/locks', status: 201 },
    idempotencyKey: 'requestId',
    params: Type.Object({
      calendar: CalendarIdSchema,
      slots: Slots,
      ttlMs,
      requestId: Type.Optional(RequestIdSchema),
      replaces: Type.Optional(OpaqueIdSchema)
    }),
    result: WithLock,
    errors: [
      'INVALID_REQUEST',
      'CALENDAR_NOT_FOUND',
      'SLOT_NOT_FOUND',
      'LOCK_NOT_FOUND',
      'SLOT_UNAVAILABLE',
      'LOCK_EXPIRED',
      'IDEMPOTENCY_MISMATCH',
      'LIMIT_EXCEEDED',
      'OUTCOME_UNKNOWN',
      'BUSY',
      'STORE_UNAVAILABLE'
    ]
  }),
  listLocks: define({
    summary: 'The live locks of this session',
    access: 'session',
    ws: 'locks',
    http: { method: 'GET', path: '/v1/locks', status: 200 },
    params: Type.Object({ calendar: Type.Optional(CalendarIdSchema) }),
    result: Type.Object({ locks: Type.Array(LockSchema) }),
    errors: ['INVALID_REQUEST', 'STORE_UNAVAILABLE']
  }),
  extend: define({
    summary: 'Extend a lock',
    access: 'session',
    ws: 'extend',
    http: { method: 'PATCH', path: '/v1/locks/:lock', status: 200 },
    params: Type.Object({ lock: OpaqueIdSchema, ttlMs }),
    result: WithLock,
    errors: [
      'INVALID_REQUEST',
      'LOCK_NOT_FOUND',
      'LOCK_EXPIRED',
      'LIMIT_EXCEEDED',
      'OUTCOME_UNKNOWN',
      'BUSY',
      'STORE_UNAVAILABLE'
    ]
  }),
  release: define({
    summary: 'Release a lock; one that is over already is a success',
    access: 'session',
    ws: 'release',
    http: { method: 'DELETE', path: '/v1/locks/:lock', status: 204 },
    params: Type.Object({ lock: OpaqueIdSchema }),
    result: Type.Object({ released: Type.Literal(true) }),
    errors: ['LOCK_NOT_FOUND', 'OUTCOME_UNKNOWN', 'BUSY', 'STORE_UNAVAILABLE']
  }),
  book: define({
    summary: 'Book what a lock holds',
    access: 'session',
    ws: 'book',
    http: { method: 'POST', path: '/v1/locks/:lock/booking', status: 201 },
    idempotencyKey: 'requestId',
    params: Type.Object({
      lock: OpaqueIdSchema,
      requestId: Type.Optional(RequestIdSchema),
      customer: CustomerSchema,
      meta: Type.Optional(Type.Unknown({ description: 'any JSON of at most 2 KiB' })),
      ifStillFree: Type.Optional(
        Type.Boolean({
          description: 'after the end of the lock: book all the same if nobody else took a slot'
        })
      )
    }),
    result: Type.Object({ booking: BookingSchema }),
    errors: [
      'INVALID_REQUEST',
      'LOCK_NOT_FOUND',
      'LOCK_EXPIRED',
      'SLOT_UNAVAILABLE',
      'IDEMPOTENCY_MISMATCH',
      'OUTCOME_UNKNOWN',
      'BUSY',
      'STORE_UNAVAILABLE'
    ]
  }),
  cancelBooking: define({
    summary: 'Cancel a booking, which frees its slots',
    access: 'session',
    http: { method: 'DELETE', path: '/v1/bookings/:booking', status: 204 },
    params: Type.Object({ booking: OpaqueIdSchema }),
    result: Type.Object({ cancelled: Type.Literal(true) }),
    errors: ['BOOKING_NOT_FOUND', 'OUTCOME_UNKNOWN', 'BUSY', 'STORE_UNAVAILABLE']
  }),
  listBookings: define({
    summary: 'The bookings of a calendar, with what customers said, in the order of their first slots',
    access: 'desk',
    http: { method: 'GET', path: '/v1/bookings', status: 200 },
    params: Type.Object({
      calendar: CalendarIdSchema,
      from: Type.Optional(DateSchema),
      to: Type.Optional(DateSchema),
      cursor: Type.Optional(
        Type.String({ maxLength: 96, description: 'of the last page; absent: the first' })
      ),
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: bookingsPageMax, description: '100 by default' })
      )
    }),
    result: Type.Object({
      bookings: Type.Array(DeskBookingSchema, {
        description: 'that stand, and have a slot in these days; a page may have fewer than asked for'
      }),
      cursor: Type.Optional(Type.String({ description: 'for the next page; absent: there is none' }))
    }),
    errors: ['INVALID_REQUEST', 'CALENDAR_NOT_FOUND', 'STORE_UNAVAILABLE']
  }),
  readBooking: define({
    summary: 'One booking, also one that was cancelled',
    access: 'desk',
    http: { method: 'GET', path: '/v1/bookings/:booking', status: 200 },
    params: Type.Object({ booking: OpaqueIdSchema }),
    result: Type.Object({ booking: DeskBookingSchema }),
    errors: ['BOOKING_NOT_FOUND', 'STORE_UNAVAILABLE']
  }),
  staffLocks: define({
    summary: 'The live locks of a calendar, with who has them',
    access: 'desk',
    ws: 'staff-watch',
    http: { method: 'GET', path: '/v1/staff/locks', status: 200 },
    params: Type.Object({ calendar: CalendarIdSchema }),
    result: Type.Object({ locks: Type.Array(StaffLockSchema), selections: Type.Array(SelectionSchema) }),
    errors: ['INVALID_REQUEST', 'CALENDAR_NOT_FOUND', 'STORE_UNAVAILABLE']
  }),
  readAudit: define({
    summary: 'The audit trail: who locked, extended, released, lost, booked, revoked, closed what and when',
    access: 'staff',
    http: { method: 'GET', path: '/v1/staff/audit', status: 200 },
    params: Type.Object({
      calendar: CalendarIdSchema,
      from: Type.Optional(DateSchema),
      to: Type.Optional(DateSchema),
      cursor: Type.Optional(
        Type.String({ maxLength: 64, description: 'of the last page; absent: the newest entries' })
      ),
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: auditPageMax, description: 'entries of a page; 100 by default' })
      )
    }),
    result: Type.Object({
      entries: Type.Array(AuditEntrySchema, {
        description: 'newest first; complete for what is older than three seconds'
      }),
      cursor: Type.Optional(
        Type.String({ description: 'for the page of what is older; absent: there is none' })
      )
    }),
    errors: ['INVALID_REQUEST', 'CALENDAR_NOT_FOUND', 'STORE_UNAVAILABLE']
  }),
  readCacheStats: define({
    summary: 'How often readings of slots needed no database, and what that costs Redis',
    access: 'staff',
    http: { method: 'GET', path: '/v1/cache/stats', status: 200 },
    params: Type.Object({}),
    result: CacheStatsSchema,
    errors: []
  }),
  revoke: define({
    summary: 'End somebody’s lock',
    access: 'staff',
    ws: 'revoke',
    http: { method: 'DELETE', path: '/v1/staff/locks/:lock', status: 204 },
    params: Type.Object({ lock: OpaqueIdSchema, reason: Type.Optional(Type.String({ maxLength: 500 })) }),
    result: Type.Object({ revoked: Type.Literal(true) }),
    errors: ['INVALID_REQUEST', 'LOCK_NOT_FOUND', 'OUTCOME_UNKNOWN', 'BUSY', 'STORE_UNAVAILABLE']
  }),
  block: define({
    summary: 'Close slots that are free',
    access: 'staff',
    ws: 'block',
    http: { method: 'POST', path: '/v1/calendars/:calendar/blocks', status: 200 },
    params: Type.Object({ calendar: CalendarIdSchema, slots: Slots }),
    result: Type.Object({ slots: Type.Array(SlotStateSchema) }),
    errors: [
      'INVALID_REQUEST',
      'CALENDAR_NOT_FOUND',
      'SLOT_NOT_FOUND',
      'OUTCOME_UNKNOWN',
      'BUSY',
      'STORE_UNAVAILABLE'
    ]
  }),
  unblock: define({
    summary: 'Open slots that were closed',
    access: 'staff',
    ws: 'unblock',
    http: { method: 'DELETE', path: '/v1/calendars/:calendar/blocks', status: 200 },
    params: Type.Object({ calendar: CalendarIdSchema, slots: Slots }),
    result: Type.Object({ slots: Type.Array(SlotStateSchema) }),
    errors: [
      'INVALID_REQUEST',
      'CALENDAR_NOT_FOUND',
      'SLOT_NOT_FOUND',
      'OUTCOME_UNKNOWN',
      'BUSY',
      'STORE_UNAVAILABLE'
    ]
  }),
  putCalendar: define({
    summary: 'Define a calendar',
    access: 'admin',
    http: { method: 'PUT', path: '/v1/calendars/:calendar', status: 200 },
    params: Type.Object(
      { ...CalendarDefinitionSchema.properties, calendar: CalendarIdSchema },
      { additionalProperties: false }
    ),
    result: CalendarDefinitionSchema,
    errors: ['INVALID_REQUEST', 'OUTCOME_UNKNOWN', 'BUSY', 'STORE_UNAVAILABLE']
  })
} as const

export type Operations = typeof operations
export type OperationName = keyof Operations
export type ParamsOf<Name extends OperationName> = Static<Operations[Name]['params']>
export type ResultOf<Name extends OperationName> = Static<Operations[Name]['result']>
