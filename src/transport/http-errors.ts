import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { errorCodes } from '../protocol/codes.js'
import { type OperationSpec, operations } from '../protocol/operations.js'
import type { Refusal } from '../service/answers/refusal.js'
import { internal, problemOf } from './problem.js'

/** Every answer that is not what was asked for has one shape, also those that no operation ever saw. */

const problemType = 'application/problem+json; charset=utf-8'

/** `status`: where HTTP has a better word than the code's own. */
export function sendRefusal(reply: FastifyReply, refusal: Refusal, status?: number): FastifyReply {
  const problem = problemOf(refusal, reply.request.id)
  if (status !== undefined) problem.status = status
  // Also here: a malformed address is answered before any hook.
  reply.header('x-request-id', reply.request.id)
  if (refusal.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer')
  if (refusal.retryAfterMs !== undefined) {
    reply.header('retry-after', String(Math.max(1, Math.ceil(refusal.retryAfterMs / 1_000))))
  }
  return reply.code(problem.status).type(problemType).header('cache-control', 'no-store').send(problem)
}

/** Before any plugin: one that was registered earlier would keep the framework's own shape. */
export function registerErrorHandlers(app: FastifyInstance): void {
  app.setErrorHandler(answerError)
  app.setNotFoundHandler((request, reply) => {
    const allowed = methodsAt(request.url)
    if (allowed.length === 0)
      return sendRefusal(reply, { code: 'NOT_FOUND', message: 'There is nothing at this address' })
    reply.header('allow', allowed.join(', '))
    const message = `This address takes ${allowed.join(', ')}`
    return sendRefusal(reply, { code: 'INVALID_REQUEST', message }, 405)
  })
}

export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refusal = hasBrokenOff(request) ? brokenOff : refusalOfFramework(error)
  if (refusal.code === 'INTERNAL') {
    request.log.error({ err: error, requestId: request.id }, 'a request failed in a way it never should')
  }
  return sendRefusal(reply, refusal)
}

/** Whoever went in the middle of a body hears nothing of this, and is no bug that wakes somebody up. */
const brokenOff: Refusal = { code: 'INVALID_REQUEST', message: 'The request broke off' }
const hasBrokenOff = ({ raw }: FastifyRequest): boolean => raw.readableAborted

function refusalOfFramework(error: FastifyError): Refusal {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { code: 'INVALID_REQUEST', message: 'The body is too large' }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return { code: 'INVALID_REQUEST', message: 'The body must be application/json' }
    case 'FST_ERR_BAD_URL':
      return { code: 'INVALID_REQUEST', message: 'The address is malformed' }
    default: {
      // What the framework itself found wrong with a request carries its status; its texts name no content.
      const byFramework = error.code?.startsWith('FST_') || isShown(error)
      const found = byFramework && error.statusCode !== undefined && error.statusCode < 500
      return found ? { code: 'INVALID_REQUEST', message: error.message } : internal
    }
  }
}

/** What the part that gives out files found wrong, such as a range that is not in the file. */
const isShown = (error: Error): boolean => 'expose' in error && error.expose === true

const addresses = (Object.values(operations) as OperationSpec[]).flatMap(({ http }) =>
  http === undefined
    ? []
    : [{ method: http.method, pattern: new RegExp(`^${http.path.replace(/:[a-z]+/gi, '[^/]+')}$`) }]
)

function methodsAt(url: string): string[] {
  const path = url.split('?', 1)[0] ?? ''
  return addresses.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
}

/** What is not even HTTP, or a header too large for it. Nobody parsed a request, so the answer is written by hand. */
export function answerNoRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const { status } = errorCodes.INVALID_REQUEST
  const body = JSON.stringify(
    problemOf({ code: 'INVALID_REQUEST', message: 'This is not HTTP as it is spoken here' }, randomUUID())
  )
  socket.end(
    `HTTP/1.1 ${status} Bad Request\r\nContent-Type: ${problemType}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
  )
}

/** A caller may name its request so that its log and ours speak of the same; a name that would garble a log is ours. */
export function requestIdOf(raw: IncomingMessage): string {
  const given = raw.headers['x-request-id']
  return typeof given === 'string' && /^[A-Za-z0-9._~:+/=-]{1,64}$/.test(given) ? given : randomUUID()
}
