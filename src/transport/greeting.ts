import { type CloseCode, closeCodes } from '../protocol/codes.js'
import type { SessionView } from '../protocol/schemas.js'
import type { Refusal } from '../service/answers/refusal.js'
import type { Page } from '../service/callers/caller.js'
import type { Claims } from '../service/callers/claims.js'
import type { RateAnswer, RateLimiter } from './limits.js'
import type { Metrics } from './metrics.js'
import type { Sessions } from './sessions.js'
import type { TransportSettings } from './settings.js'

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
 *
 * A site's key opens new sessions and is not asked for otherwise: who has a session keeps it.
 */
export async function greet(
  { token, key }: { token?: string | undefined; key?: string | undefined },
  { address, page }: { address: string; page?: Page | undefined },
  deps: {
    sessions: Sessions
    sessionLimiter: RateLimiter
    metrics: Metrics
    settings: Pick<TransportSettings, 'siteKeyRequired'>
  }
): Promise<Greeting> {
  const { sessions, sessionLimiter, metrics, settings } = deps
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
  if (key === undefined && settings.siteKeyRequired) {
    return withoutKey('Sessions are opened here for the pages of sites alone that have a key')
  }
  const site = key === undefined ? undefined : sessions.siteOf(key, page)
  if (typeof site === 'string') return withoutKey(site)
  const rate = await sessionLimiter.take(address)
  if (rate?.allowed !== false) return { status: 'WELCOME', ...sessions.open(site), rate }
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

/** Nothing is wrong with who asks, so a token that it may have is not to be thrown away. */
const withoutKey = (message: string): Greeting => ({
  status: 'TURNED_AWAY',
  refusal: { code: 'FORBIDDEN', message },
  close: closeCodes.policy,
  reason: 'site key'
})

const unwelcome = (message: string, reason: string): Greeting => ({
  status: 'TURNED_AWAY',
  refusal: { code: 'UNAUTHENTICATED', message },
  close: closeCodes.tokenNotOurs,
  reason
})
