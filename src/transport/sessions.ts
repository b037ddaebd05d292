import type { Clock } from '../domain/clock.js'
import type { Limits } from '../domain/limits.js'
import type { ServiceStatus, SessionView } from '../protocol/schemas.js'
import type { Page } from '../service/callers/caller.js'
import { type Claims, hostLeewayMs } from '../service/callers/claims.js'
import type { SiteKey } from '../service/callers/site-key.js'
import type { Verification } from '../service/callers/tokens.js'
import type { HostTokenSource, RevokedSource, SiteKeySource, TokenSource } from './ports.js'

export type Verified =
  | Verification
  /** It would be good, had its session not been ended. */
  | { status: 'REVOKED' }

/**
 * Opens and resumes sessions, for both faces. The token is the session; only of one that was ended before its time
 * something is stored.
 */
export class Sessions {
  readonly #tokens: TokenSource
  readonly #siteKeys: SiteKeySource
  readonly #hostTokens: HostTokenSource | undefined
  readonly #revoked: RevokedSource
  readonly #limits: Limits
  readonly #clock: Clock
  readonly #status: () => ServiceStatus

  constructor(deps: {
    tokens: TokenSource
    siteKeys: SiteKeySource
    /** Absent: the host signs none. */
    hostTokens: HostTokenSource | undefined
    revoked: RevokedSource
    limits: Limits
    clock: Clock
    status: () => ServiceStatus
  }) {
    this.#tokens = deps.tokens
    this.#siteKeys = deps.siteKeys
    this.#hostTokens = deps.hostTokens
    this.#revoked = deps.revoked
    this.#limits = deps.limits
    this.#clock = deps.clock
    this.#status = deps.status
  }

  async verify(token: string): Promise<Verified> {
    // ours are tried first, but for those of the host that are known: each of our secrets would cost a failure
    let verified = this.#hostTokens?.known(token) ?? this.#tokens.verify(token)
    if (verified.status === 'INVALID' && this.#hostTokens !== undefined) {
      verified = await this.#hostTokens.verify(token)
    }
    return verified.status === 'VALID' && this.isRevoked(verified.claims) ? { status: 'REVOKED' } : verified
  }

  /** The host may give the same name out again; what it signed later is not what was ended. */
  isRevoked({ session, signedBy, issuedAt, key }: Claims): boolean {
    if (key !== undefined && this.#revoked.revokedAt(key) !== undefined) return true
    const at = this.#revoked.revokedAt(session)
    return at !== undefined && (signedBy === undefined || issuedAt <= at + hostLeewayMs)
  }

  /** The site that a page shows the key of, if that is its own and may still open sessions; else why not. */
  siteOf(text: string, page: Page | undefined): SiteKey | string {
    const key = this.#siteKeys.verify(text)
    if (key === undefined) return 'This key of a site was not given out here, or its time is over'
    if (this.#revoked.revokedAt(key.id) !== undefined) return 'This key of a site was withdrawn'
    if (page === undefined || !key.origins.includes(page.origin)) return 'This key is of another site'
    return key
  }

  /** For a visitor of the site of this key, or of none. */
  open(by?: SiteKey): { view: SessionView; claims: Claims } {
    const { session, token, expiresAt } = this.#tokens.openSession(by)
    const claims: Claims = {
      ...{ session, role: 'visitor', issuedAt: this.#clock.now(), expiresAt },
      ...(by === undefined ? {} : { key: by.id }),
      ...(by?.calendars === undefined ? {} : { calendars: by.calendars })
    }
    return { view: this.#view(token, claims, false), claims }
  }

  resume(token: string, claims: Claims): { view: SessionView; claims: Claims } {
    const renewed = this.renewed(claims) ?? { token, claims }
    return { view: this.#view(renewed.token, renewed.claims, true), claims: renewed.claims }
  }

  /** A fresh token of the same session, in the second half of the old one's life, so that who stays is not thrown out. */
  renewed(claims: Claims): { token: string; claims: Claims } | undefined {
    const nowMs = this.#clock.now()
    if (!this.#tokens.renewalDue(claims) || nowMs >= claims.expiresAt) return undefined
    const { token, expiresAt } = this.#tokens.renew(claims)
    return { token, claims: { ...claims, issuedAt: nowMs, expiresAt } }
  }

  #view(token: string, { session, role, calendars, expiresAt }: Claims, resumed: boolean): SessionView {
    return {
      session,
      token,
      expiresAt,
      serverTime: this.#clock.now(),
      limits: this.#limits,
      service: this.#status(),
      resumed,
      role,
      ...(calendars === undefined ? {} : { calendars: [...calendars] })
    }
  }
}
