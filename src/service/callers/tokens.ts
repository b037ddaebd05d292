import { randomBytes } from 'node:crypto'
import { createSigner, createVerifier } from 'fast-jwt'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/clock.js'
import { type CalendarId, parseCalendarId, parseSessionId, type SessionId } from '../../domain/ids.js'
import { sessionTtlMs } from '../../domain/limits.js'
import type { Claims, Role } from './claims.js'
import type { SiteKey } from './site-key.js'

/**
 * Whoever shows a token that one of our secrets signed is the session that it names: no instance keeps a list, and
 * every instance with the same secret knows every session.
 *
 * Tokens are JSON Web Tokens (RFC 7519), HS256 and nothing else: `sub` the session, `role`, `calendars`, `iat` and
 * `exp` in seconds. `iss` keeps a token apart that somebody signed with the same secret for another purpose.
 */

export type Verification =
  | { status: 'VALID'; claims: Claims }
  /** Ours, but too old. */
  | { status: 'EXPIRED'; claims: Claims }
  /** Not ours, or not a token. */
  | { status: 'INVALID' }

export interface MintedToken {
  session: SessionId
  token: string
  /** Epoch milliseconds. */
  expiresAt: number
}

/** A longer token is INVALID without being looked at, and is not minted. */
export const tokenBytesMax = 2_048
/** Past it the token that was shown longest ago is verified anew when it comes back. */
const tokensCachedMax = 10_000

const issuer = 'slotlock'
const roles: ReadonlySet<unknown> = new Set<Role>(['visitor', 'staff', 'admin', 'host'])
const invalid: Verification = { status: 'INVALID' }

export function randomSessionId(): SessionId {
  return randomBytes(16).toString('base64url') as SessionId
}

export class Tokens {
  readonly #clock: Clock
  readonly #newSessionId: () => SessionId
  readonly #sign: (payload: Record<string, unknown>) => string
  readonly #verifiers: readonly ((token: string) => Record<string, unknown>)[]
  /** Only what our secrets signed gets in, so nobody can fill it with tokens they made up. */
  readonly #known = new LRUCache<string, Claims>({ max: tokensCachedMax })

  /** The first secret signs, both verify: a new one goes in front, and the old one goes when its tokens have expired. */
  constructor(secrets: readonly string[], clock: Clock, newSessionId: () => SessionId = randomSessionId) {
    const [secret] = secrets
    if (secret === undefined || secrets.length > 2) throw new RangeError('one secret or two, the first signs')
    this.#clock = clock
    this.#newSessionId = newSessionId
    this.#sign = createSigner({ key: secret, algorithm: 'HS256', iss: issuer })
    this.#verifiers = secrets.map(key =>
      createVerifier({
        key,
        algorithms: ['HS256'],
        allowedIss: issuer,
        requiredClaims: ['iss'],
        // times are read by our own clock, below; the library would ask the machine's
        ignoreExpiration: true,
        ignoreNotBefore: true
      })
    )
  }

  /** A new visitor; by the key of a site for its calendars alone. */
  openSession(by?: Pick<SiteKey, 'id' | 'calendars'>): MintedToken {
    return this.mint({ role: 'visitor', ttlMs: sessionTtlMs, calendars: by?.calendars, key: by?.id })
  }

  /** Lives `ttlMs`, rounded up to a whole second. Throws RangeError when it would be longer than tokenBytesMax. */
  mint(request: {
    role: Role
    /** Absent: all. */
    calendars?: readonly CalendarId[] | undefined
    ttlMs: number
    /** Absent: a new one. */
    session?: SessionId | undefined
    /** Of the site that it came by. */
    key?: SessionId | undefined
  }): MintedToken {
    const { role, calendars, ttlMs, session = this.#newSessionId(), key } = request
    const nowMs = this.#clock.now()
    const exp = Math.ceil((nowMs + ttlMs) / 1000)
    const token = this.#sign({
      sub: session,
      role,
      ...(calendars === undefined ? {} : { calendars }),
      ...(key === undefined ? {} : { key }),
      iat: Math.floor(nowMs / 1000),
      exp
    })
    if (token.length > tokenBytesMax) {
      throw new RangeError(
        `a token for ${calendars?.length ?? 0} calendars is longer than ${tokenBytesMax} bytes; name fewer`
      )
    }
    return { session, token, expiresAt: exp * 1000 }
  }

  /** Never throws, whatever the text. */
  verify(token: string): Verification {
    const claims = this.#known.get(token) ?? this.#read(token)
    if (claims === undefined) return invalid
    return { status: this.#clock.now() < claims.expiresAt ? 'VALID' : 'EXPIRED', claims }
  }

  /**
   * Whether to hand out a fresh token: in the second half of a visitor's, so that a visitor who stays stays. Others
   * end when whoever minted them said, and so do those that the host signed.
   */
  renewalDue({ role, issuedAt, expiresAt, signedBy }: Claims): boolean {
    return role === 'visitor' && signedBy === undefined && this.#clock.now() >= (issuedAt + expiresAt) / 2
  }

  /** The same session, with another whole life ahead. Only for visitors: see renewalDue. */
  renew({ session, role, calendars, key, issuedAt, expiresAt }: Claims): MintedToken {
    if (role !== 'visitor') throw new RangeError(`a ${role} token is minted, never renewed`)
    return this.mint({ role, calendars, session, key, ttlMs: expiresAt - issuedAt })
  }

  #read(token: string): Claims | undefined {
    if (token.length > tokenBytesMax) return undefined
    for (const verify of this.#verifiers) {
      let payload: Record<string, unknown>
      try {
        payload = verify(token)
      } catch {
        // the library tells by throwing that this secret did not sign it, or nobody did
        continue
      }
      const claims = claimsOf(payload)
      if (claims !== undefined) this.#known.set(token, claims)
      return claims
    }
    return undefined
  }
}

function claimsOf(payload: Record<string, unknown>): Claims | undefined {
  const { sub, role, calendars, key, iat, exp, nbf } = payload
  const session = typeof sub === 'string' ? parseSessionId(sub) : undefined
  if (session === undefined || !roles.has(role) || !isSeconds(iat) || !isSeconds(exp) || exp < iat)
    return undefined
  // a token for later would have to be remembered as such; we never mint one
  if (nbf !== undefined) return undefined
  const site = typeof key === 'string' ? parseSessionId(key) : undefined
  if (key !== undefined && site === undefined) return undefined
  const base = {
    ...{ session, role: role as Role, issuedAt: iat * 1000, expiresAt: exp * 1000 },
    ...(site === undefined ? {} : { key: site })
  }
  if (calendars === undefined) return Object.freeze(base)
  const isCalendar = (id: unknown): boolean => typeof id === 'string' && parseCalendarId(id) !== undefined
  if (!Array.isArray(calendars) || !calendars.every(isCalendar)) return undefined
  return Object.freeze({ ...base, calendars: Object.freeze(calendars as CalendarId[]) })
}

const isSeconds = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= 8.64e12
