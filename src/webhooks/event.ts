import type { AuditEntry, AuditType } from '../domain/audit.js'
import type { WebhookBody, WebhookType } from '../protocol/webhooks.js'
import { viewerTag } from '../service/callers/viewer-tag.js'

/** An entry of the audit trail, as the host is told of it. Pure. */

const typeOf: Record<AuditType, WebhookType> = {
  locked: 'lock.held',
  extended: 'lock.extended',
  released: 'lock.released',
  expired: 'lock.expired',
  revoked: 'lock.revoked',
  booked: 'booking.made',
  cancelled: 'booking.cancelled',
  blocked: 'slots.blocked',
  unblocked: 'slots.unblocked'
}

/** Which entries these events are; all of them where none is named. */
export const auditTypesOf = (types: readonly WebhookType[]): AuditType[] =>
  (Object.keys(typeOf) as AuditType[]).filter(type => types.length === 0 || types.includes(typeOf[type]))

/** Names the event everywhere and for good: the packet that made the change, and the entry's number here. */
export const messageIdOf = (changeId: string, seq: number): string => `evt_${changeId}_${seq}`

/** As `slotlock webhooks replay --id` takes it: a seq, or the `webhook-id` that a receiver was given. */
export function parseSeq(text: string): number | undefined {
  const [, digits] = /^(?:evt_[\w-]+_)?(\d{1,15})$/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits)
}

export function bodyOf(entry: AuditEntry): WebhookBody {
  const { id, type, at, calendar, slots, ver, by, owner, lock, booking, fence, expiresAt, reason } = entry
  const isLock = booking === undefined && lock !== undefined
  return {
    type: typeOf[type],
    timestamp: new Date(at).toISOString(),
    data: {
      seq: id,
      calendar,
      slots,
      ver,
      actor: by.role,
      ...(owner === undefined ? {} : { by: viewerTag(owner, calendar) }),
      ...(lock === undefined ? {} : { lock }),
      ...(booking === undefined ? {} : { booking }),
      ...(lock === undefined ? {} : { fence }),
      ...(isLock ? { expiresAt } : {}),
      ...(reason === undefined ? {} : { reason })
    }
  }
}
