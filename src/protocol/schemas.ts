import Type, { type Static } from 'typebox'
import { auditTypes } from '../domain/audit.js'
import { DATE_PATTERN, NAME_PATTERN, OPAQUE_ID_PATTERN, SLOT_PATTERN } from '../domain/ids.js'
import { type ErrorCode, errorCodes } from './codes.js'

/** The things that travel, each once: the server validates with them, the code is typed by them, the documents are made from them. */

const words = <const T extends string>(values: readonly T[], description: string) =>
  Type.Unsafe<T>({ type: 'string', enum: [...values], description })

export const CalendarIdSchema = Type.String({ pattern: NAME_PATTERN, description: 'a calendar' })
export const SlotIdSchema = Type.String({
  pattern: SLOT_PATTERN,
  description: '<resource>/<start in UTC to the minute>'
})
export const DateSchema = Type.String({ pattern: DATE_PATTERN, description: 'calendar-local date' })
export const RequestIdSchema = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'chosen by the client, kept 24 h; the same request sent again gives the same answer'
})
export const SiteKeySchema = Type.String({
  maxLength: 4_096,
  description: 'the key of the site whose page it is; for a new session'
})
/** Opaque to a client, so a malformed one is not found rather than invalid. */
export const OpaqueIdSchema = Type.String({ minLength: 1, maxLength: 128 })
const IssuedIdSchema = Type.String({ pattern: OPAQUE_ID_PATTERN })
const TagSchema = Type.String({ description: 'public name of a session in this calendar' })
export const EpochMs = Type.Integer({ minimum: 0, description: 'epoch milliseconds' })
const DurationMs = Type.Integer({ minimum: 0, description: 'milliseconds from now' })

export const ServiceStatusSchema = words(
  ['normal', 'degraded', 'unavailable'],
  'degraded: Redis is out and the database answers; unavailable: nothing can be locked now'
)
export type ServiceStatus = Static<typeof ServiceStatusSchema>

export const SlotStateSchema = Type.Object({
  slot: SlotIdSchema,
  state: words(['free', 'locked', 'booked', 'blocked'], 'blocked: closed by staff'),
  ver: Type.Integer({
    minimum: 0,
    description: 'a client applies a state only if this is greater than what it has'
  }),
  by: Type.Optional(TagSchema),
  expiresAt: Type.Optional(EpochMs),
  expiresInMs: Type.Optional(DurationMs)
})
export type SlotState = Static<typeof SlotStateSchema>

export const SelectionSchema = Type.Object({
  viewer: TagSchema,
  slot: Type.Union([SlotIdSchema, Type.Null()]),
  seq: Type.Integer({ minimum: 0, description: 'of one viewer the greatest counts' }),
  expiresInMs: DurationMs
})
export type SelectionView = Static<typeof SelectionSchema>

export const LockSchema = Type.Object({
  id: IssuedIdSchema,
  calendar: CalendarIdSchema,
  slots: Type.Array(SlotIdSchema),
  state: words(
    ['held', 'expired', 'released', 'revoked', 'booked'],
    'a lock that is not held never changes again'
  ),
  by: TagSchema,
  fence: Type.Integer({ description: 'greater than that of any earlier lock on any of the same slots' }),
  createdAt: Type.Integer({
    minimum: 0,
    description: 'epoch milliseconds; of the first, in a chain of replacements that share slots'
  }),
  expiresAt: EpochMs,
  expiresInMs: DurationMs,
  extendableUntil: EpochMs
})
export type LockView = Static<typeof LockSchema>

export const StaffLockSchema = Type.Object({
  ...LockSchema.properties,
  session: Type.String(),
  since: EpochMs,
  address: Type.Optional(Type.String()),
  userAgent: Type.Optional(Type.String())
})
export type StaffLockView = Static<typeof StaffLockSchema>

export const CacheStatsSchema = Type.Object({
  hits: Type.Integer({ description: 'readings that needed no database' }),
  misses: Type.Integer({ description: 'readings that were asked of the database' }),
  hitRate: Type.Number({ minimum: 0, maximum: 1, description: 'hits of all; 0 before the first reading' }),
  totalKeys: Type.Integer({ description: 'what is kept: days of calendars, or readings of this process' }),
  memoryUsage: Type.Integer({ description: 'bytes that this takes' }),
  keptIn: words(
    ['redis', 'process'],
    'redis: counts of all instances; process: there is no Redis, or it is out, and this instance speaks for itself'
  ),
  shared: Type.Integer({
    description:
      'readings of this instance that were answered by one that somebody asked for at the same time'
  })
})

export const AuditEntrySchema = Type.Object({
  id: Type.Integer({ minimum: 0, description: 'grows with time; the same entry told twice has the same' }),
  type: words(auditTypes, 'what happened; expired: the time of a lock ran out'),
  at: EpochMs,
  calendar: CalendarIdSchema,
  slots: Type.Array(SlotIdSchema),
  actor: Type.Object(
    {
      role: words(['visitor', 'staff', 'admin', 'host', 'slotlock'], 'slotlock: the service itself'),
      session: Type.Optional(Type.String()),
      address: Type.Optional(Type.String({ description: 'of staff and admins' }))
    },
    { description: 'who did it' }
  ),
  session: Type.Optional(Type.String({ description: 'whose lock or booking it is' })),
  by: Type.Optional(TagSchema),
  lock: Type.Optional(Type.String()),
  booking: Type.Optional(Type.String()),
  fence: Type.Optional(Type.Integer()),
  expiresAt: Type.Optional(EpochMs),
  reason: Type.Optional(Type.String({ description: 'why staff ended the lock' }))
})
export type AuditEntryView = Static<typeof AuditEntrySchema>

export const CustomerSchema = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 200 }),
  email: Type.Optional(Type.String({ maxLength: 254 })),
  phone: Type.Optional(Type.String({ maxLength: 32 })),
  note: Type.Optional(Type.String({ maxLength: 2_000 }))
})

/** Two KiB of JSON; the bytes are counted by the service, a schema cannot. */
export const metaBytesMax = 2_048

export const BookingSchema = Type.Object({
  id: IssuedIdSchema,
  calendar: CalendarIdSchema,
  slots: Type.Array(SlotIdSchema),
  customer: CustomerSchema,
  meta: Type.Optional(Type.Unknown()),
  state: words(['booked', 'cancelled'], 'a cancelled booking has freed its slots'),
  bookedAt: EpochMs
})
export type BookingView = Static<typeof BookingSchema>

/** As staff and the host see it. */
export const DeskBookingSchema = Type.Object({
  ...BookingSchema.properties,
  lock: Type.String({ description: 'the lock that it was' }),
  session: Type.String({ description: 'whose lock that was' })
})
export type DeskBookingView = Static<typeof DeskBookingSchema>

const Interval = Type.Array(Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$|^24:00$' }), {
  minItems: 2,
  maxItems: 2,
  description: 'opening and closing local time'
})
const Intervals = Type.Array(Interval, { maxItems: 24 })
const strict = { additionalProperties: false }

/** Unknown members are refused here, unlike elsewhere: a misspelt `exceptions` would leave a holiday open. */
export const CalendarDefinitionSchema = Type.Object(
  {
    id: Type.Optional(CalendarIdSchema),
    name: Type.String({ minLength: 1, maxLength: 200 }),
    timeZone: Type.String({ minLength: 1, maxLength: 64, description: 'IANA name' }),
    slotMinutes: Type.Integer({ minimum: 1, maximum: 1_440 }),
    grid: Type.Optional(words(['hours', 'open'], 'open: any well-formed slot; default hours')),
    resources: Type.Array(
      Type.Object(
        {
          id: Type.String({ pattern: NAME_PATTERN }),
          name: Type.String({ minLength: 1, maxLength: 200 }),
          hours: Type.Optional(
            Type.Object(
              {
                mon: Type.Optional(Intervals),
                tue: Type.Optional(Intervals),
                wed: Type.Optional(Intervals),
                thu: Type.Optional(Intervals),
                fri: Type.Optional(Intervals),
                sat: Type.Optional(Intervals),
                sun: Type.Optional(Intervals)
              },
              strict
            )
          )
        },
        strict
      ),
      { maxItems: 500 }
    ),
    exceptions: Type.Optional(
      Type.Array(
        Type.Object(
          {
            date: DateSchema,
            resource: Type.Optional(Type.String({ pattern: NAME_PATTERN })),
            hours: Intervals
          },
          strict
        ),
        { maxItems: 2_000 }
      )
    ),
    origins: Type.Optional(
      Type.Array(Type.String({ maxLength: 256 }), {
        description: 'the only pages of others that may use it; absent: those that the server lets in'
      })
    )
  },
  strict
)

export const CalendarSummarySchema = Type.Object({
  id: CalendarIdSchema,
  name: Type.String(),
  timeZone: Type.String(),
  resources: Type.Array(Type.Object({ id: Type.String(), name: Type.String() })),
  slotMinutes: Type.Integer()
})

export const LimitsSchema = Type.Object({
  lockTtlMs: Type.Integer(),
  lockTtlMinMs: Type.Integer(),
  lockTtlMaxMs: Type.Integer(),
  lockLifeMaxMs: Type.Integer(),
  selectionTtlMs: Type.Integer(),
  slotsPerLockMax: Type.Integer(),
  locksPerSessionMax: Type.Integer(),
  lockedSlotsPerSessionMax: Type.Integer()
})

export const ConflictSchema = Type.Object({
  slot: SlotIdSchema,
  state: words(['locked', 'booked', 'blocked', 'past'], 'why it cannot be had'),
  expiresAt: Type.Optional(EpochMs),
  expiresInMs: Type.Optional(DurationMs),
  mine: Type.Optional(Type.Boolean({ description: 'this session holds it already' }))
})
export type ConflictView = Static<typeof ConflictSchema>

export const ErrorSchema = Type.Object({
  code: words(Object.keys(errorCodes) as ErrorCode[], 'what to do about it'),
  message: Type.String(),
  retryable: Type.Boolean(),
  retryAfterMs: Type.Optional(Type.Integer({ minimum: 0 })),
  requestId: Type.Optional(Type.String()),
  details: Type.Optional(
    Type.Object({
      fields: Type.Optional(Type.Array(Type.Object({ field: Type.String(), problem: Type.String() }))),
      conflicts: Type.Optional(Type.Array(ConflictSchema)),
      limit: Type.Optional(Type.String()),
      max: Type.Optional(Type.Integer()),
      extendableUntil: Type.Optional(EpochMs)
    })
  )
})
export type WireError = Static<typeof ErrorSchema>

/** RFC 9457, with the members of Error beside the standard ones. */
export const ProblemSchema = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  ...ErrorSchema.properties
})
export type Problem = Static<typeof ProblemSchema>

export const SessionSchema = Type.Object({
  session: Type.String(),
  token: Type.String(),
  expiresAt: EpochMs,
  serverTime: EpochMs,
  limits: LimitsSchema,
  service: ServiceStatusSchema,
  resumed: Type.Boolean({ description: 'false: this is a new session, whatever token was sent' }),
  role: words(['visitor', 'staff', 'admin', 'host'], 'what the token allows'),
  calendars: Type.Optional(
    Type.Array(CalendarIdSchema, { description: 'the only ones that the token is good for; absent: all' })
  )
})
export type SessionView = Static<typeof SessionSchema>
