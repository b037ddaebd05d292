import { type ErrorCode, errorCodes } from './codes.js'
import { componentSchemas, type Json, type JsonObject, membersOf, schemaJson } from './document-schemas.js'
import { type OperationSpec, operations } from './operations.js'
import { WebhookSchema, webhookSummaries, webhookTypes } from './webhooks.js'

/**
 * The HTTP face as OpenAPI 3.1, made from the table that the routes are made from: it cannot say what the server does
 * not do. One document per process; it does not change while it runs.
 */
export function openApiDocument(version: string): JsonObject {
  const paths: Record<string, JsonObject> = {}
  for (const [name, spec] of Object.entries(operations) as [string, OperationSpec][]) {
    if (spec.http === undefined) continue
    const path = spec.http.path.replace(/:([a-z]+)/gi, '{$1}')
    paths[path] = { ...paths[path], [spec.http.method.toLowerCase()]: operationJson(name, spec, spec.http) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'slotlock',
      version,
      description:
        'Locks appointment slots, all or none, and books them. The same operations are spoken over WebSocket at `/v1/ws`: see `/v1/asyncapi.json`. Errors are `application/problem+json`; `code` says what to do.',
      license: { name: 'MIT', identifier: 'MIT' }
    },
    servers: [{ url: '/' }],
    tags: [...new Set((Object.values(operations) as OperationSpec[]).map(tagOf))].map(name => ({ name })),
    paths,
    webhooks: webhooksJson(),
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        session: {
          type: 'http',
          scheme: 'bearer',
          description: 'the token of a session (POST /v1/sessions), or one of `slotlock token` for staff'
        }
      }
    }
  }
}

/** What is sent to WEBHOOK_URL. */
function webhooksJson(): JsonObject {
  const header = (name: string, description: string): JsonObject => ({
    name,
    in: 'header',
    required: true,
    description,
    schema: { type: 'string' }
  })
  const post: JsonObject = {
    parameters: [
      header('webhook-id', 'names the event; the same for every attempt, so that one sent twice is known'),
      header('webhook-timestamp', 'of this attempt, epoch seconds'),
      header('webhook-signature', 'v1 signatures of the Standard Webhooks specification, blanks between')
    ],
    requestBody: { required: true, content: { 'application/json': { schema: schemaJson(WebhookSchema) } } },
    responses: {
      '2XX': { description: 'Taken' },
      '410': { description: 'Nothing more is wanted; everything else is tried again, for three days' }
    }
  }
  return Object.fromEntries(
    webhookTypes.map(type => [
      type,
      { post: { operationId: `webhook.${type}`, summary: webhookSummaries[type], security: [], ...post } }
    ])
  )
}

function tagOf(spec: OperationSpec): string {
  if (spec.access === 'staff' || spec.access === 'admin') return spec.access
  return /^\/v1\/([a-z]+)/.exec(spec.http?.path ?? '')?.[1] ?? 'other'
}

function operationJson(
  name: string,
  spec: OperationSpec,
  http: NonNullable<OperationSpec['http']>
): JsonObject {
  const inPath = [...http.path.matchAll(/:([a-z]+)/gi)].map(match => match[1]!)
  const { properties, required } = membersOf(spec.params)
  const others = Object.keys(properties).filter(member => !inPath.includes(member))
  const parameters: Json[] = inPath.map(member => parameterJson(member, 'path', properties[member], true))
  if (http.method === 'GET') {
    parameters.push(
      ...others.map(member => parameterJson(member, 'query', properties[member], required.includes(member)))
    )
  }
  if (spec.idempotencyKey !== undefined) {
    parameters.push({
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      description: 'the same as `requestId` in the body; where both are given they must be equal',
      schema: properties[spec.idempotencyKey] ?? {}
    })
  }
  const body = http.method === 'GET' || others.length === 0 ? undefined : bodyJson(spec, inPath)
  return {
    operationId: name,
    summary: spec.summary,
    tags: [tagOf(spec)],
    ...(spec.access === 'anyone' ? { security: [{}, { session: [] }] } : { security: [{ session: [] }] }),
    parameters,
    ...(body === undefined ? {} : { requestBody: body }),
    responses: responsesJson(spec, http)
  }
}

function parameterJson(
  name: string,
  place: 'path' | 'query',
  schema: Json | undefined,
  required: boolean
): JsonObject {
  return { name, in: place, required, schema: schema ?? {} }
}

function bodyJson(spec: OperationSpec, inPath: readonly string[]): JsonObject {
  const schema = schemaJson(spec.params) as JsonObject
  const properties = Object.fromEntries(
    Object.entries(schema.properties as JsonObject).filter(([member]) => !inPath.includes(member))
  )
  const required = ((schema.required ?? []) as string[]).filter(member => !inPath.includes(member))
  const { required: _all, ...rest } = schema
  return {
    required: required.length > 0,
    content: {
      'application/json': { schema: { ...rest, properties, ...(required.length > 0 ? { required } : {}) } }
    }
  }
}

/** What every operation may answer, whatever it does. */
function codesOf(spec: OperationSpec): ErrorCode[] {
  const always: ErrorCode[] = ['INVALID_REQUEST', 'UNAUTHENTICATED', 'RATE_LIMITED', 'INTERNAL']
  const byAccess: ErrorCode[] = spec.http?.path === '/v1/sessions' ? [] : ['FORBIDDEN']
  return [...new Set([...always, ...byAccess, ...spec.errors])]
}

function responsesJson(spec: OperationSpec, http: NonNullable<OperationSpec['http']>): JsonObject {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codesOf(spec)) {
    const { status } = errorCodes[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const requestId = { 'X-Request-Id': { schema: { type: 'string' } } }
  const success: JsonObject =
    http.status === 204
      ? { description: 'Done', headers: requestId }
      : {
          description: spec.summary,
          headers: requestId,
          content: { 'application/json': { schema: schemaJson(spec.result) } }
        }
  const responses: JsonObject = { [http.status]: success }
  for (const [status, codes] of [...byStatus].sort(([a], [b]) => a - b)) {
    responses[status] = {
      description: codes.map(code => `\`${code}\`: ${errorCodes[code].title}`).join('. '),
      headers: {
        ...requestId,
        ...(codes.some(code => errorCodes[code].retryable)
          ? { 'Retry-After': { description: 'seconds', schema: { type: 'integer' } } }
          : {})
      },
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
    }
  }
  return responses
}
