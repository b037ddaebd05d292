import { createHash } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/clock.js'
import { type CalendarId, parseCalendarId, type SessionId } from '../../domain/ids.js'
import { type Claims, hostLeewayMs, hostTokenLifeMaxMs } from './claims.js'
import type { HostKey } from './jwks.js'
import { tokenBytesMax } from './signed-texts.js'
import type { Verification } from './tokens.js'

/**
 * Tokens that the host signs with keys of its own, for its programs and for visitors that it knows.
 *
 * `iss` and `aud` are as the settings say; `sub` names who it is, and makes the session: the same name is the same session,
 * whichever token says it. `iat` and `exp` are there, a day apart at most. `role` is `host` (the default) or `visitor`;
 * `calendars` are those that the token is for, or "*" for all. Staff and admins are no matter of the host.
 */

const subjectMax = 256
const tokensCachedMax = 10_000

type Verifier = (token: string) => Record<string, unknown>
export type Checked = Verification | { status: 'UNKNOWN_KEY' }

export class HostTokens {
  readonly #issuer: string
  readonly #audience: string
  readonly #clock: Clock
  readonly #lookAgain: () => Promise<void>
  #verifiers = new Map<string | undefined, Verifier>()
  /** Only what the host signed gets in. */
  readonly #known = new LRUCache<string, Claims>({ max: tokensCachedMax })

  /** `lookAgain`: reads the keys anew, unless that was done a moment ago. */
  constructor(options: { issuer: string; audience: string; clock: Clock; lookAgain: () => Promise<void> }) {
    this.#issuer = options.issuer
    this.#audience = options.audience
    this.#clock = options.clock
    this.#lookAgain = options.lookAgain
  }

  /** From now on these and no others; what was verified by those before is verified anew. */
  useKeys(keys: readonly HostKey[]): void {
    this.#verifiers = new Map(keys.map(key => [key.kid, this.#verifierOf(key)]))
    this.#known.clear()
  }

  /** Never throws, whatever the text. A token of a key that is not known may wait for the keys to be read. */
  async verify(token: string): Promise<Verification> {
    const first = this.check(token)
    if (first.status !== 'UNKNOWN_KEY') return first
    await this.#lookAgain()
    const second = this.check(token)
    return second.status === 'UNKNOWN_KEY' ? { status: 'INVALID' } : second
  }

  /** Of a token that was verified before; undefined: nothing is known of it. */
  known(token: string): Verification | undefined {
    const claims = this.#known.get(token)
    return claims === undefined ? undefined : this.#timed(claims)
  }

  /** By the keys that are known. */
  check(token: string): Checked {
    const claims = this.#known.get(token) ?? this.#read(token)
    if (claims === 'UNKNOWN_KEY') return { status: 'UNKNOWN_KEY' }
    return claims === undefined ? { status: 'INVALID' } : this.#timed(claims)
  }

  #timed(claims: Claims): Verification {
    return { status: this.#clock.now() < claims.expiresAt ? 'VALID' : 'EXPIRED', claims }
  }

  #read(token: string): Claims | undefined | 'UNKNOWN_KEY' {
    if (token.length > tokenBytesMax) return undefined
    const header = headerOf(token)
    if (header === undefined) return undefined
    const verify = this.#verifierFor(header.kid)
    if (verify === undefined) return 'UNKNOWN_KEY'
    let payload: Record<string, unknown>
    try {
      payload = verify(token)
    } catch {
      // the library tells by throwing that the host did not sign it, or not for us
      return undefined
    }
    const claims = this.#claimsOf(payload)
    if (claims !== undefined) this.#known.set(token, claims)
    return claims
  }

  /** A token may leave out the name of the only key there is. */
  #verifierFor(kid: string | undefined): Verifier | undefined {
    if (kid !== undefined) return this.#verifiers.get(kid)
    const [only, ...more] = this.#verifiers.values()
    return more.length === 0 ? only : undefined
  }

  #verifierOf({ algorithm, pem }: HostKey): Verifier {
    return createVerifier({
      key: pem,
      algorithms: [algorithm],
      allowedIss: this.#issuer,
      allowedAud: this.#audience,
      requiredClaims: ['iss', 'aud', 'sub', 'iat', 'exp'],
      // times are read by our own clock, below
      ignoreExpiration: true,
      ignoreNotBefore: true
    })
  }

  #claimsOf({ sub, role = 'host', calendars, iat, exp, nbf }: Record<string, unknown>): Claims | undefined {
    if (typeof sub !== 'string' || sub === '' || sub.length > subjectMax) return undefined
    if (role !== 'host' && role !== 'visitor') return undefined
    if (!isSeconds(iat) || !isSeconds(exp) || exp < iat) return undefined
    const latestMs = this.#clock.now() + hostLeewayMs
    if ((exp - iat) * 1000 > hostTokenLifeMaxMs || iat * 1000 > latestMs) return undefined
    if (nbf !== undefined && !(isSeconds(nbf) && nbf * 1000 <= latestMs)) return undefined
    const covered = calendars === '*' ? undefined : calendarsOf(calendars)
    if (calendars !== '*' && covered === undefined) return undefined
    return Object.freeze({
      session: sessionOf(this.#issuer, role, sub),
      role,
      issuedAt: Math.floor(iat * 1000),
      expiresAt: Math.floor(exp * 1000),
      signedBy: 'host',
      ...(covered === undefined ? {} : { calendars: covered })
    })
  }
}

/** 128 bits of a hash, as long as a random one: nobody finds another name for a session. A newline is in no role. */
function sessionOf(issuer: string, role: string, subject: string): SessionId {
  const name = `slotlock host session\n${role}\n${JSON.stringify([issuer, subject])}`
  return createHash('sha256').update(name).digest().subarray(0, 16).toString('base64url') as SessionId
}

function headerOf(token: string): { kid: string | undefined } | undefined {
  const [first = '', ...rest] = token.split('.')
  if (rest.length !== 2) return undefined
  try {
    const header = JSON.parse(Buffer.from(first, 'base64url').toString()) as {
      alg?: unknown
      kid?: unknown
    } | null
    const { alg, kid } = header ?? {}
    if (alg !== 'ES256' && alg !== 'RS256' && alg !== 'EdDSA') return undefined
    if (kid !== undefined && typeof kid !== 'string') return undefined
    return { kid }
  } catch {
    return undefined
  }
}

function calendarsOf(calendars: unknown): readonly CalendarId[] | undefined {
  if (!Array.isArray(calendars)) return undefined
  const isCalendar = (id: unknown): boolean => typeof id === 'string' && parseCalendarId(id) !== undefined
  return calendars.every(isCalendar) ? Object.freeze([...calendars] as CalendarId[]) : undefined
}

/** A host may write fractions of a second. */
const isSeconds = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= 8.64e12
