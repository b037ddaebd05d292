import { createSigner, createVerifier } from 'fast-jwt'
import { LRUCache } from 'lru-cache'

/** A longer text is not looked at, and not made. */
export const tokenBytesMax = 2_048

type Payload = Record<string, unknown>

/**
 * What our secrets sign: JSON Web Tokens (RFC 7519), HS256 and nothing else. `iss` keeps those apart that were signed with
 * the same secret for another purpose. The first secret signs, all verify: a new one goes in front, and the old one goes
 * when what it signed is over.
 */
export class SignedTexts<Claims extends object> {
  readonly #sign: (payload: Payload) => string
  readonly #verifiers: readonly ((text: string) => Payload)[]
  readonly #claimsOf: (payload: Payload) => Claims | undefined
  /** Only what our secrets signed gets in, so nobody can fill it with texts they made up. */
  readonly #known: LRUCache<string, Claims>

  constructor(of: {
    secrets: readonly string[]
    issuer: string
    /** Past it the text that was shown longest ago is verified anew when it comes back. */
    cachedMax: number
    /** undefined: signed by us, and still none of ours. */
    claimsOf: (payload: Payload) => Claims | undefined
  }) {
    const { secrets, issuer, cachedMax, claimsOf } = of
    const [secret] = secrets
    if (secret === undefined || secrets.length > 2) throw new RangeError('one secret or two, the first signs')
    this.#sign = createSigner({ key: secret, algorithm: 'HS256', iss: issuer })
    this.#verifiers = secrets.map(key =>
      createVerifier({
        key,
        algorithms: ['HS256'],
        allowedIss: issuer,
        requiredClaims: ['iss'],
        // times are read by whoever asks, by our own clock; the library would ask the machine's
        ignoreExpiration: true,
        ignoreNotBefore: true
      })
    )
    this.#claimsOf = claimsOf
    this.#known = new LRUCache({ max: cachedMax })
  }

  /** Throws RangeError when it would be longer than tokenBytesMax; `what` is named in its message. */
  sign(payload: Payload, what: string): string {
    const text = this.#sign(payload)
    if (text.length > tokenBytesMax)
      throw new RangeError(`${what} is longer than ${tokenBytesMax} bytes; name fewer`)
    return text
  }

  /** undefined: none of ours. Says nothing of times, and never throws, whatever the text. */
  read(text: string): Claims | undefined {
    const known = this.#known.get(text)
    if (known !== undefined || text.length > tokenBytesMax) return known
    for (const verify of this.#verifiers) {
      let payload: Payload
      try {
        payload = verify(text)
      } catch {
        // the library tells by throwing that this secret did not sign it, or nobody did
        continue
      }
      const claims = this.#claimsOf(payload)
      if (claims !== undefined) this.#known.set(text, claims)
      return claims
    }
    return undefined
  }
}
