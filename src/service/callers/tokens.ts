import { randomBytes } from 'node:crypto'
import type { Clock } from '../../domain/clock.js'
import { type CalendarId, parseCalendarId, parseSessionId, type SessionId } from '../../domain/ids.js'
import { sessionTtlMs } from '../../domain/limits.js'
import type { Claims, Role } from './claims.js'
import { SignedTexts } from './signed-texts.js'
import type { SiteKey } from './site-key.js'

/**
 * Whoever shows a token that one of our secrets signed is the session that it names: no instance keeps a list, and
 * every instance with the same secret knows every session.
 *
 * In a token `sub` is the session, beside `role`, `calendars`, and `iat` and `exp` in seconds; signed-texts.ts has how it is
 * signed and read.
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
  readonly #texts: SignedTexts<Claims>

  /** The first secret signs, both verify: a new one goes in front, and the old one goes when its tokens have expired. */
  constructor(secrets: readonly string[], clock: Clock, newSessionId: () => SessionId = randomSessionId) {
    this.#clock = clock
    this.#newSessionId = newSessionId
    this.#texts = new SignedTexts({ secrets, issuer, cachedMax: tokensCachedMax, claimsOf })
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
    const payload = {
      sub: session,
      role,
      ...(calendars === undefined ? {} : { calendars }),
      ...(key === undefined ? {} : { key }),
      iat: Math.floor(nowMs / 1000),
      exp
    }
    const token = this.#texts.sign(payload, `a token for ${calendars?.length ?? 0} calendars`)
    return { session, token, expiresAt: exp * 1000 }
  }

  /** Never throws, whatever the text. */
  verify(token: string): Verification {
    const claims = this.#texts.read(token)
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
