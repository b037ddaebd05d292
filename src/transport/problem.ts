import { errorCodes } from '../protocol/codes.js'
import type { Problem, WireError } from '../protocol/schemas.js'
import type { FieldProblem } from '../protocol/validate.js'
import type { Refusal } from '../service/answers/refusal.js'

/** How a refusal looks on the wire: the same members on both faces, and on HTTP those of RFC 9457 beside them. */

export function wireErrorOf(refusal: Refusal, requestId?: string): WireError {
  const { code, message, retryAfterMs, details } = refusal
  return {
    code,
    message,
    retryable: errorCodes[code].retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs: Math.max(0, Math.ceil(retryAfterMs)) }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(details === undefined ? {} : { details })
  }
}

export function problemOf(refusal: Refusal, requestId?: string): Problem {
  const { status, title } = errorCodes[refusal.code]
  return {
    type: `urn:slotlock:error:${refusal.code}`,
    title,
    status,
    detail: refusal.message,
    ...wireErrorOf(refusal, requestId)
  }
}

/** All that the outside learns of a bug; the log has the rest, under the request id. */
export const internal: Refusal = {
  code: 'INTERNAL',
  message: 'Something went wrong here; the request id finds it in the log'
}

/** The first problem in the message, all of them in the details. */
export function invalidFields(fields: FieldProblem[]): Refusal {
  const [first] = fields
  return { code: 'INVALID_REQUEST', message: `${first?.field}: ${first?.problem}`, details: { fields } }
}
