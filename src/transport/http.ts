import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type OperationName, type OperationSpec, operations } from '../protocol/operations.js'
import { check, coerceQuery } from '../protocol/validate.js'
import type { Outcome, Refusal } from '../service/answers/refusal.js'
import { type Caller, callerOf } from '../service/callers/caller.js'
import type { Dispatcher, ServedOperation } from './dispatch.js'
import { greet } from './greeting.js'
import { sendRefusal } from './http-errors.js'
import type { RateLimiter } from './limits.js'
import type { Metrics } from './metrics.js'
import type { Origins } from './origins.js'
import { invalidFields } from './problem.js'
import type { Sessions } from './sessions.js'
import { bodyBytesMax, calendarBodyBytesMax, type TransportSettings } from './settings.js'
import { spanOf } from './traced-requests.js'

/** The HTTP face: one route for each operation that has an address, made from the table. */

export interface HttpDeps {
  dispatcher: Dispatcher
  sessions: Sessions
  sessionLimiter: RateLimiter
  requestLimiter: RateLimiter
  metrics: Metrics
  origins: Origins
  settings: TransportSettings
}

export function registerOperations(app: FastifyInstance, deps: HttpDeps): void {
  for (const [name, spec] of Object.entries(operations) as [OperationName, OperationSpec][]) {
    if (spec.http === undefined) continue
    const { method, path: url, status } = spec.http
    app.route({
      method,
      url,
      // Its headers are for pages. Measured on two cores: 20,000 answers a second without them, 15,000 with.
      helmet: false,
      bodyLimit: name === 'putCalendar' ? calendarBodyBytesMax : bodyBytesMax,
      onRequest: (request, reply) => countRequest(deps, request, reply),
      handler: async (request, reply) => {
        reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
        const outcome =
          name === 'openSession'
            ? await openSession(deps, request, reply)
            : await ask(deps, name, spec, request)
        if (!outcome.ok) return sendRefusal(reply, outcome.refusal)
        return status === 204 ? reply.code(204).send() : reply.code(status).send(outcome.value)
      }
    })
  }
}

async function ask(
  { dispatcher, sessions, origins }: HttpDeps,
  operation: ServedOperation,
  spec: OperationSpec,
  request: FastifyRequest
): Promise<Outcome<unknown>> {
  const identified = await identify(sessions, origins, request)
  if (!identified.ok) return identified
  const params = paramsOf(spec, request)
  if (!params.ok) return params
  const caller = identified.value
  if (operation === 'readChanges') caller.left = request.signal
  return dispatcher.dispatch({
    operation,
    caller,
    params: params.value,
    face: 'http',
    requestId: request.id,
    within: spanOf(request)
  })
}

const unauthenticated = (message: string): { ok: false; refusal: Refusal } => ({
  ok: false,
  refusal: { code: 'UNAUTHENTICATED', message }
})

/** undefined: there is no token. A header that is there and makes no sense is an empty one, which nobody signed. */
function bearerOf(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  if (authorization === undefined) return undefined
  return /^Bearer +([\x21-\x7e]+)$/i.exec(authorization)?.[1] ?? ''
}

/**
 * A token that does not hold is refused also where none is needed: a client that believes to be somebody must not be
 * served as nobody, it would take its own locks for those of a stranger.
 */
async function identify(
  sessions: Sessions,
  origins: Origins,
  request: FastifyRequest
): Promise<Outcome<Caller>> {
  const from = {
    address: request.ip,
    userAgent: request.headers['user-agent']?.slice(0, 256),
    page: await origins.pageByHttp(request)
  }
  const token = bearerOf(request)
  if (token === undefined) {
    return { ok: true, value: { session: undefined, role: 'visitor', calendars: undefined, ...from } }
  }
  const verified = await sessions.verify(token)
  switch (verified.status) {
    case 'VALID':
      return { ok: true, value: callerOf(verified.claims, from) }
    case 'REVOKED':
      return unauthenticated('This session was ended')
    case 'EXPIRED':
      return unauthenticated('The session is over: POST /v1/sessions gives a new one')
    case 'INVALID':
      return unauthenticated('This token was not given out here')
    default:
      return verified satisfies never
  }
}

/** The other face of `hello`. */
async function openSession(
  deps: HttpDeps,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<Outcome<unknown>> {
  const body = check(operations.openSession.params, request.body ?? {})
  if (!body.ok) return { ok: false, refusal: invalidFields(body.fields) }
  const asked = { token: bearerOf(request), key: body.value.key }
  const from = { address: request.ip, page: deps.origins.pageOf(request) }
  const greeting = await greet(asked, from, deps)
  if (greeting.rate !== undefined) rateHeaders(reply, 'sessions', greeting.rate)
  return greeting.status === 'WELCOME'
    ? { ok: true, value: greeting.view }
    : { ok: false, refusal: greeting.refusal }
}

function paramsOf(spec: OperationSpec, request: FastifyRequest): Outcome<Record<string, unknown>> {
  const path = request.params as Record<string, unknown>
  if (spec.http?.method === 'GET') {
    return {
      ok: true,
      value: { ...coerceQuery(spec.params, request.query as Record<string, unknown>), ...path }
    }
  }
  const body = request.body ?? {}
  if (typeof body !== 'object' || Array.isArray(body)) return invalidParam('body', 'must be a JSON object')
  const params: Record<string, unknown> = { ...body, ...path }
  const key = request.headers['idempotency-key']
  if (spec.idempotencyKey !== undefined && key !== undefined) {
    const named = params[spec.idempotencyKey]
    if (named !== undefined && named !== key) {
      return invalidParam(spec.idempotencyKey, 'differs from the header Idempotency-Key')
    }
    params[spec.idempotencyKey] = key
  }
  return { ok: true, value: params }
}

const invalidParam = (field: string, problem: string): { ok: false; refusal: Refusal } => ({
  ok: false,
  refusal: invalidFields([{ field, problem }])
})

async function countRequest(
  { requestLimiter, metrics }: HttpDeps,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<FastifyReply | undefined> {
  const rate = await requestLimiter.take(request.ip)
  if (rate === undefined) return undefined
  rateHeaders(reply, 'requests', rate)
  if (rate.allowed) return undefined
  metrics.limited.inc({ limit: 'requestsPerMinuteMax' })
  return sendRefusal(reply, {
    code: 'RATE_LIMITED',
    message: 'Too many requests from this address',
    retryAfterMs: rate.resetInMs
  })
}

/** draft-ietf-httpapi-ratelimit-headers-11: the policy, and what is left of it. */
function rateHeaders(
  reply: FastifyReply,
  policy: 'requests' | 'sessions',
  rate: { max: number; remaining: number; resetInMs: number }
): void {
  reply.header('ratelimit-policy', `"${policy}";q=${rate.max};w=60`)
  reply.header('ratelimit', `"${policy}";r=${rate.remaining};t=${Math.ceil(rate.resetInMs / 1_000)}`)
}
