import Type, { type Static } from 'typebox'
import { CalendarIdSchema, EpochMs, SlotIdSchema } from './schemas.js'

/** What the host is told, by webhooks after the Standard Webhooks specification. */
export const webhookTypes = [
  'lock.held',
  'lock.extended',
  'lock.released',
  'lock.expired',
  'lock.revoked',
  'booking.made',
  'booking.cancelled',
  'slots.blocked',
  'slots.unblocked'
] as const
export type WebhookType = (typeof webhookTypes)[number]

/** What `slotlock webhooks test` and `slotlock doctor` send. */
export const webhookTestType = 'webhook.test'

export const webhookSummaries: Record<WebhookType, string> = {
  'lock.held': 'A session holds slots',
  'lock.extended': 'A lock lives for longer',
  'lock.released': 'A lock was given back, or another took its place',
  'lock.expired': 'The time of a lock ran out',
  'lock.revoked': 'Staff ended a lock',
  'booking.made': 'A lock became a booking',
  'booking.cancelled': 'A booking was cancelled, and its slots are free',
  'slots.blocked': 'Staff closed slots',
  'slots.unblocked': 'Staff opened slots'
}

export const WebhookSchema = Type.Object(
  {
    type: Type.Unsafe<WebhookType>({ type: 'string', enum: [...webhookTypes] }),
    timestamp: Type.String({ format: 'date-time', description: 'when it happened' }),
    data: Type.Object({
      seq: Type.Integer({
        minimum: 0,
        description: 'grows with time; two events that happen at once may come to light in the other order'
      }),
      calendar: CalendarIdSchema,
      slots: Type.Array(SlotIdSchema),
      ver: Type.Integer({
        description:
          'the version that this change gave the slots: of two events of a slot the greater is newer'
      }),
      actor: Type.Unsafe<string>({
        type: 'string',
        enum: ['visitor', 'staff', 'admin', 'host', 'slotlock'],
        description: 'who did it; slotlock: the service itself'
      }),
      by: Type.Optional(Type.String({ description: 'tag of the session that holds or booked' })),
      lock: Type.Optional(Type.String()),
      booking: Type.Optional(Type.String()),
      fence: Type.Optional(Type.Integer()),
      expiresAt: Type.Optional(EpochMs),
      reason: Type.Optional(Type.String({ description: 'why staff ended the lock' }))
    })
  },
  { description: 'No customer and no token is in it.' }
)
export type WebhookBody = Static<typeof WebhookSchema>
