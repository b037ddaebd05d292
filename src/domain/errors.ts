/**
 * What a broken store looks like to the layers above it. A store turns its driver's errors into these at its own
 * edge, so that nobody above knows ioredis or mysql2. Outcomes that a caller expects (taken, lost, late) are values
 * and never come this way.
 */
export abstract class StoreError extends Error {
  abstract readonly code: 'STORE_UNAVAILABLE' | 'STORE_BUSY' | 'OUTCOME_UNKNOWN' | 'STORE_CONTRACT'
  /** The same request may be sent again as it is. */
  abstract readonly retryable: boolean
}

/** The store cannot be reached or refuses to work. Nothing was changed. */
export class StoreUnavailable extends StoreError {
  readonly code = 'STORE_UNAVAILABLE'
  readonly retryable = true
  readonly reason: UnavailableReason

  constructor(message: string, options: { cause?: unknown; reason?: UnavailableReason } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.reason = options.reason ?? 'other'
  }
}

/**
 * What a circuit breaker makes of it: `connection` is certain (there is none), `timeout` may be one's own slowness,
 * `other` is an answer that is of no use (out of memory, read-only, no permission).
 */
export type UnavailableReason = 'connection' | 'timeout' | 'other'

/** The store works, but had no room for this request (pool, lock wait, too many deadlocks). Nothing was changed. */
export class StoreBusy extends StoreError {
  readonly code = 'STORE_BUSY'
  readonly retryable = true
}

/** The request was sent and its answer was lost: it may have been carried out, or be carried out yet. */
export class OutcomeUnknown extends StoreError {
  readonly code = 'OUTCOME_UNKNOWN'
  readonly retryable = true
}

/** The store answered what it never should: a bug, here or there. */
export class StoreContractError extends StoreError {
  readonly code = 'STORE_CONTRACT'
  readonly retryable = false
}
