import Type, { type Static } from 'typebox'
import {
  AuditEntrySchema,
  CalendarIdSchema,
  EpochMs,
  ErrorSchema,
  LockSchema,
  SelectionSchema,
  ServiceStatusSchema,
  SessionSchema,
  SiteKeySchema,
  SlotStateSchema,
  StaffLockSchema
} from './schemas.js'

/** What travels over the WebSocket beside the operations: the handshake, answers and pushes. */

/** A safe integer or a string of 1 to 64 characters. */
export const MessageIdSchema = Type.Union([
  Type.Integer({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }),
  Type.String({ minLength: 1, maxLength: 64 })
])
export type MessageId = Static<typeof MessageIdSchema>

/** Messages of the connection itself; every other `type` is an operation's `ws` name. */
export const connectionMessages = {
  hello: {
    summary: 'First message: opens a session, or resumes the one of the token',
    params: Type.Object({
      token: Type.Optional(Type.String({ maxLength: 4_096 })),
      key: Type.Optional(SiteKeySchema)
    }),
    result: SessionSchema
  },
  unwatch: {
    summary: 'No more pushes about a calendar',
    params: Type.Object({ calendar: CalendarIdSchema }),
    result: Type.Object({ unwatched: Type.Literal(true) })
  },
  'staff-unwatch': {
    summary: 'No more staff pushes about a calendar',
    params: Type.Object({ calendar: CalendarIdSchema }),
    result: Type.Object({ unwatched: Type.Literal(true) })
  },
  ping: {
    summary: 'Is anybody there',
    params: Type.Object({}),
    result: Type.Object({ serverTime: Type.Integer() })
  }
} as const
export type ConnectionMessageName = keyof typeof connectionMessages

export const AnswerSchema = Type.Union([
  Type.Object({
    id: Type.Union([MessageIdSchema, Type.Null()]),
    ok: Type.Literal(true),
    result: Type.Unknown()
  }),
  Type.Object({ id: Type.Union([MessageIdSchema, Type.Null()]), ok: Type.Literal(false), error: ErrorSchema })
])

export const pushes = {
  slots: Type.Object({
    type: Type.Literal('slots'),
    calendar: CalendarIdSchema,
    slots: Type.Array(SlotStateSchema, { description: 'all changes of one tick, together' })
  }),
  selections: Type.Object({
    type: Type.Literal('selections'),
    calendar: CalendarIdSchema,
    selections: Type.Array(SelectionSchema)
  }),
  lock: Type.Object({
    type: Type.Literal('lock'),
    lock: LockSchema,
    reason: Type.Optional(Type.String()),
    expiring: Type.Optional(Type.Boolean({ description: 'a warning: it ends in less than a minute' }))
  }),
  staff: Type.Object(
    {
      type: Type.Literal('staff'),
      calendar: CalendarIdSchema,
      locks: Type.Array(StaffLockSchema, { description: 'new or changed, and live' }),
      ended: Type.Array(Type.String(), { description: 'ids of locks that live no more' }),
      feed: Type.Array(AuditEntrySchema, { description: 'what happened, oldest first; an id may come twice' })
    },
    { description: 'what changed since the answer to staff-watch, or since the last of these; in order' }
  ),
  service: Type.Object({ type: Type.Literal('service'), status: ServiceStatusSchema }),
  session: Type.Object(
    { type: Type.Literal('session'), token: Type.String(), expiresAt: EpochMs },
    {
      description:
        'a fresh token of the same session, in the second half of the old one: keep it in its place'
    }
  ),
  goodbye: Type.Object({
    type: Type.Literal('goodbye'),
    reason: Type.String(),
    reconnectInMs: Type.Integer()
  })
} as const

export type Push = { [Name in keyof typeof pushes]: Static<(typeof pushes)[Name]> }[keyof typeof pushes]
export type PushOf<Name extends keyof typeof pushes> = Static<(typeof pushes)[Name]>
