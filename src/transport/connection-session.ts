import type { Clock } from '../domain/clock.js'
import type { PushOf } from '../protocol/messages.js'
import { type Caller, callerOf } from '../service/callers/caller.js'
import type { Claims } from '../service/callers/claims.js'
import type { Sessions } from './sessions.js'

/** Whose a connection is, from its hello on: by the token that was shown, or by the one that took its place since. */
export class ConnectionSession {
  readonly caller: Caller
  #claims: Claims
  readonly #sessions: Sessions
  readonly #clock: Clock

  constructor(
    claims: Claims,
    from: Parameters<typeof callerOf>[1],
    { sessions, clock }: { sessions: Sessions; clock: Clock }
  ) {
    this.caller = callerOf(claims, from)
    this.#claims = claims
    this.#sessions = sessions
    this.#clock = clock
  }

  get good(): boolean {
    return this.#claims.expiresAt > this.#clock.now() && !this.revoked
  }

  /** It was ended before its time. */
  get revoked(): boolean {
    return this.#sessions.isRevoked(this.#claims)
  }

  /** A token is renewed at hello, and a page that stays open says hello once: it would be nobody after a day. */
  renew(): PushOf<'session'> | undefined {
    const renewed = this.#sessions.renewed(this.#claims)
    if (renewed === undefined) return undefined
    this.#claims = renewed.claims
    return { type: 'session', token: renewed.token, expiresAt: renewed.claims.expiresAt }
  }
}
