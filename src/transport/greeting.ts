import { type CloseCode, closeCodes } from '../protocol/codes.js'
import { connectionMessages } from '../protocol/messages.js'
import type { SessionView } from '../protocol/schemas.js'
import { check } from '../protocol/validate.js'
import type { Refusal } from '../service/answers/refusal.js'
import type { Claims } from '../service/callers/tokens.js'
import type { RateLimiter } from './limits.js'
import type { Metrics } from './metrics.js'
import { invalidFields } from './problem.js'
import type { Sessions } from './sessions.js'

/** What comes of a `hello`. */
export type Greeting =
  | { status: 'WELCOME'; view: SessionView; claims: Claims }
  /** Answered with the refusal, then closed. */
  | { status: 'TURNED_AWAY'; refusal: Refusal; close: CloseCode; reason: string; reconnectInMs?: number }

/**
 * A token that holds is its session again. One whose time is over, or none, is a new session, and those are counted
 * per address. One that is not ours ends the connection: whoever sent it would send it again and again.
 */
export async function greet(
  params: object,
  address: string,
  { sessions, sessionLimiter, metrics }: { sessions: Sessions; sessionLimiter: RateLimiter; metrics: Metrics }
): Promise<Greeting> {
  const checked = check(connectionMessages.hello.params, params)
  if (!checked.ok) {
    const refusal = invalidFields(checked.fields)
    return { status: 'TURNED_AWAY', refusal, close: closeCodes.policy, reason: 'no hello' }
  }
  const { token } = checked.value
  if (token !== undefined) {
    const verified = sessions.verify(token)
    if (verified.status === 'VALID') return { status: 'WELCOME', ...sessions.resume(token, verified.claims) }
    if (verified.status === 'INVALID') {
      return {
        status: 'TURNED_AWAY',
        refusal: { code: 'UNAUTHENTICATED', message: 'This token was not given out here' },
        close: closeCodes.tokenNotOurs,
        reason: 'token not ours'
      }
    }
  }
  const rate = await sessionLimiter.take(address)
  if (rate?.allowed !== false) return { status: 'WELCOME', ...sessions.open() }
  metrics.limited.inc({ limit: 'sessionsPerMinuteMax' })
  const message = 'Too many new sessions from this address'
  return {
    status: 'TURNED_AWAY',
    refusal: { code: 'RATE_LIMITED', message, retryAfterMs: rate.resetInMs },
    close: closeCodes.overloaded,
    reason: 'too many new sessions',
    reconnectInMs: rate.resetInMs
  }
}
