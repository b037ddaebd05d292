/**
 * Error codes and close codes of the wire, each with what a client is to do. No imports: the browser bundles this
 * file and not the schemas.
 */

export const errorCodes = {
  INVALID_REQUEST: { status: 400, retryable: false, title: 'The request is malformed or out of bounds' },
  UNAUTHENTICATED: { status: 401, retryable: false, title: 'No valid token' },
  FORBIDDEN: { status: 403, retryable: false, title: 'The token does not cover this' },
  NOT_FOUND: { status: 404, retryable: false, title: 'There is nothing at this address' },
  CALENDAR_NOT_FOUND: { status: 404, retryable: false, title: 'No such calendar' },
  SLOT_NOT_FOUND: { status: 404, retryable: false, title: 'No such slot in the calendar' },
  LOCK_NOT_FOUND: { status: 404, retryable: false, title: 'No such lock of this session' },
  BOOKING_NOT_FOUND: { status: 404, retryable: false, title: 'No such booking of this session' },
  SLOT_UNAVAILABLE: { status: 409, retryable: false, title: 'A slot is not free' },
  LOCK_EXPIRED: { status: 409, retryable: false, title: 'The lock is over' },
  IDEMPOTENCY_MISMATCH: {
    status: 409,
    retryable: false,
    title: 'The request id was used for something else'
  },
  LIMIT_EXCEEDED: { status: 422, retryable: false, title: 'Too much at once' },
  RATE_LIMITED: { status: 429, retryable: true, title: 'Too many requests' },
  OUTCOME_UNKNOWN: { status: 503, retryable: true, title: 'The answer of the database was lost' },
  BUSY: { status: 503, retryable: true, title: 'Busy, try again shortly' },
  STORE_UNAVAILABLE: { status: 503, retryable: true, title: 'The database is out' },
  INTERNAL: { status: 500, retryable: false, title: 'Internal error' }
} as const

export type ErrorCode = keyof typeof errorCodes

/** The client reads the instruction off the code: see `come back` in the contract's table. */
export const closeCodes = {
  done: 1000,
  binaryFrame: 1003,
  policy: 1008,
  tooLarge: 1009,
  restart: 1012,
  overloaded: 1013,
  tokenNotOurs: 4001,
  tooSlow: 4008
} as const

export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes]

export const subprotocol = 'slotlock.v1'
/** Past this a frame closes the connection with 1009, an HTTP body is INVALID_REQUEST. */
export const frameBytesMax = 16_384
/** Who has not said hello by then is closed with 1008. */
export const helloWithinMs = 5_000
