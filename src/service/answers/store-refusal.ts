import type { StoreError } from '../../domain/errors.js'
import type { Refusal } from './refusal.js'

/** How soon a request that found no room may come again: longer than a queue of the database's pool takes to drain. */
export const busyRetryAfterMs = 250
/** An outage is noticed and healed in seconds; asking more often only adds to what has to be refused. */
const unavailableRetryAfterMs = 1_000
/** A change whose answer was lost is either done or past its deadline after so long. */
const unknownRetryAfterMs = 1_000

/**
 * What a client is told when a store broke. A broken contract is a bug and no refusal: it is thrown again, so that it
 * is logged with its cause and answered as INTERNAL.
 */
export function refusalOf(error: StoreError): Refusal {
  switch (error.code) {
    case 'STORE_UNAVAILABLE':
      return {
        code: 'STORE_UNAVAILABLE',
        message: 'The database is out; nothing was changed',
        retryAfterMs: unavailableRetryAfterMs
      }
    case 'STORE_BUSY':
      return {
        code: 'BUSY',
        message: 'The database had no room for this request; nothing was changed',
        retryAfterMs: busyRetryAfterMs
      }
    case 'OUTCOME_UNKNOWN':
      return {
        code: 'OUTCOME_UNKNOWN',
        message:
          'The answer of the database was lost; send the same request again, with the same requestId, if it had one ' +
          '(a lock sent without one may exist: see GET /v1/locks)',
        retryAfterMs: unknownRetryAfterMs
      }
    case 'STORE_CONTRACT':
      throw error
    default:
      throw error.code satisfies never
  }
}
