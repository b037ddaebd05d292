import { type CloseCode, closeCodes } from '../protocol/codes.js'
import type { SessionView } from '../protocol/schemas.js'
import type { Refusal } from '../service/answers/refusal.js'
import type { Claims } from '../service/callers/claims.js'
import type { RateAnswer, RateLimiter } from './limits.js'
import type { Metrics } from './metrics.js'
import type { Sessions } from './sessions.js'

/** What comes of a `hello`, or of `POST /v1/sessions`. `rate`: how often the address may open a session, where that was asked. */
export type Greeting =
  | { status: 'WELCOME'; view: SessionView; claims: Claims; rate?: RateAnswer | undefined }
  /** Answered with the refusal; a socket is then closed. */
  | {
      status: 'TURNED_AWAY'
      refusal: Refusal
      close: CloseCode
      reason: string
      reconnectInMs?: number
      rate?: RateAnswer
    }

/**
 * A token that holds is its session again. One whose time is over, or none, is a new session, and those are counted
 * per address. One that is not ours, or that was withdrawn, ends the connection: whoever sent it would send it again and
 * again.
 */
export async function greet(
  { token }: { token?: string | undefined },
  { address }: { address: string },
  { sessions, sessionLimiter, metrics }: { sessions: Sessions; sessionLimiter: RateLimiter; metrics: Metrics }
): Promise<Greeting> {
  if (token !== undefined) {
    const verified = await sessions.verify(token)
    switch (verified.status) {
      case 'VALID':
        return { status: 'WELCOME', ...sessions.resume(token, verified.claims) }
      case 'INVALID':
        return unwelcome('This token was not given out here', 'token not ours')
      case 'REVOKED':
        return unwelcome('This session was ended', 'session ended')
      case 'EXPIRED':
        break
      default:
        return verified satisfies never
    }
  }
  const rate = await sessionLimiter.take(address)
  if (rate?.allowed !== false) return { status: 'WELCOME', ...sessions.open(), rate }
  metrics.limited.inc({ limit: 'sessionsPerMinuteMax' })
  const message = 'Too many new sessions from this address'
  return {
    status: 'TURNED_AWAY',
    refusal: { code: 'RATE_LIMITED', message, retryAfterMs: rate.resetInMs },
    close: closeCodes.overloaded,
    reason: 'too many new sessions',
    reconnectInMs: rate.resetInMs,
    rate
  }
}

const unwelcome = (message: string, reason: string): Greeting => ({
  status: 'TURNED_AWAY',
  refusal: { code: 'UNAUTHENTICATED', message },
  close: closeCodes.tokenNotOurs,
  reason
})
