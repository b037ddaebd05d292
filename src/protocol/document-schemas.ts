import type { TSchema } from 'typebox'
import {
  AuditEntrySchema,
  BookingSchema,
  CalendarDefinitionSchema,
  CalendarSummarySchema,
  ConflictSchema,
  CustomerSchema,
  ErrorSchema,
  LimitsSchema,
  LockSchema,
  ProblemSchema,
  SelectionSchema,
  SessionSchema,
  SlotStateSchema,
  StaffLockSchema
} from './schemas.js'
import { WebhookSchema } from './webhooks.js'

/** JSON, as both documents are made of it. */
export type Json = string | number | boolean | null | Json[] | { [member: string]: Json }
export type JsonObject = { [member: string]: Json }

/** What has a name of its own in the documents; each is written once and referred to everywhere else. */
const named: Record<string, TSchema> = {
  SlotState: SlotStateSchema,
  Selection: SelectionSchema,
  Lock: LockSchema,
  StaffLock: StaffLockSchema,
  AuditEntry: AuditEntrySchema,
  Customer: CustomerSchema,
  Booking: BookingSchema,
  CalendarDefinition: CalendarDefinitionSchema,
  CalendarSummary: CalendarSummarySchema,
  Limits: LimitsSchema,
  Conflict: ConflictSchema,
  Error: ErrorSchema,
  Problem: ProblemSchema,
  Session: SessionSchema,
  Webhook: WebhookSchema
}

/** By their text, because a schema that was made optional is another object with the same content. */
const nameByText = new Map(Object.entries(named).map(([name, schema]) => [JSON.stringify(schema), name]))

/** `components.schemas` of either document. */
export function componentSchemas(): JsonObject {
  return Object.fromEntries(
    Object.entries(named).map(([name, schema]) => [name, withReferences(asJson(schema), true)])
  )
}

/** A schema as JSON, with references in place of what has a name. */
export const schemaJson = (schema: TSchema): Json => withReferences(asJson(schema), false)

const asJson = (schema: TSchema): Json => JSON.parse(JSON.stringify(schema)) as Json

function withReferences(json: Json, top: boolean): Json {
  if (Array.isArray(json)) return json.map(item => withReferences(item, false))
  if (typeof json !== 'object' || json === null) return json
  const name = top ? undefined : nameByText.get(JSON.stringify(json))
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` }
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, withReferences(value, false)]))
}

/** An object's members that must be there, and all its members. */
export function membersOf(schema: TSchema): { properties: JsonObject; required: string[] } {
  const { properties, required } = asJson(schema) as { properties?: JsonObject; required?: string[] }
  return { properties: properties ?? {}, required: required ?? [] }
}
