import type { ErrorCode } from '../../protocol/codes.js'
import type { WireError } from '../../protocol/schemas.js'

/**
 * The contract's codes, and two that only a client can say. `UNREACHABLE`: there was no connection in time, and nothing
 * was sent. `CLOSED`: `close()` was called.
 */
export type ClientErrorCode = ErrorCode | 'UNREACHABLE' | 'CLOSED'

/** Why a promise of the client was not kept. Its members are those of the contract's `Error`. */
export class SlotlockError extends Error {
  override readonly name = 'SlotlockError'
  readonly code: ClientErrorCode
  /** The same request may succeed later. What is worth sending again at once has been, before you see this. */
  readonly retryable: boolean
  /** Milliseconds until then, where the server said. */
  readonly retryAfterMs: number | undefined
  /** Of the server's log, not the one you chose. */
  readonly requestId: string | undefined
  /** `conflicts` of SLOT_UNAVAILABLE, `fields` of INVALID_REQUEST, `limit` and `max` of LIMIT_EXCEEDED. */
  readonly details: WireError['details']

  constructor({
    code,
    message,
    retryable = false,
    retryAfterMs,
    requestId,
    details
  }: Omit<Partial<WireError>, 'code'> & { code: ClientErrorCode; message: string }) {
    super(message)
    this.code = code
    this.retryable = retryable
    this.retryAfterMs = retryAfterMs
    this.requestId = requestId
    this.details = details
  }
}
