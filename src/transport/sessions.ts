import type { Clock } from '../domain/clock.js'
import type { Limits } from '../domain/limits.js'
import type { ServiceStatus, SessionView } from '../protocol/schemas.js'
import type { Claims } from '../service/callers/tokens.js'
import type { TokenSource } from './ports.js'

/**
 * Opens and resumes sessions, for both faces. Nothing is stored: the token is the session.
 */
export class Sessions {
  readonly #tokens: TokenSource
  readonly #limits: Limits
  readonly #clock: Clock
  readonly #status: () => ServiceStatus

  constructor(deps: { tokens: TokenSource; limits: Limits; clock: Clock; status: () => ServiceStatus }) {
    this.#tokens = deps.tokens
    this.#limits = deps.limits
    this.#clock = deps.clock
    this.#status = deps.status
  }

  verify(token: string): ReturnType<TokenSource['verify']> {
    return this.#tokens.verify(token)
  }

  open(): { view: SessionView; claims: Claims } {
    const { session, token, expiresAt } = this.#tokens.openSession()
    const claims: Claims = { session, role: 'visitor', issuedAt: this.#clock.now(), expiresAt }
    return { view: this.#view(token, claims, false), claims }
  }

  /** The same session; in the second half of its life with a fresh token, so that who stays is not thrown out. */
  resume(token: string, claims: Claims): { view: SessionView; claims: Claims } {
    if (!this.#tokens.renewalDue(claims)) return { view: this.#view(token, claims, true), claims }
    const renewed = this.#tokens.renew(claims)
    const longer: Claims = { ...claims, issuedAt: this.#clock.now(), expiresAt: renewed.expiresAt }
    return { view: this.#view(renewed.token, longer, true), claims: longer }
  }

  #view(token: string, { session, role, expiresAt }: Claims, resumed: boolean): SessionView {
    return {
      session,
      token,
      expiresAt,
      serverTime: this.#clock.now(),
      limits: this.#limits,
      service: this.#status(),
      resumed,
      role
    }
  }
}
