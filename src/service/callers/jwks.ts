import { createPublicKey, type KeyObject } from 'node:crypto'

/**
 * The public keys of a host, as a JSON Web Key Set (RFC 7517).
 *
 * Which algorithm a key is for follows from the key, and from nothing that a token says of itself: so a token cannot have
 * a public key taken for a secret, nor a strong key used in a weak way.
 */

export type HostAlgorithm = 'ES256' | 'RS256' | 'EdDSA'

export interface HostKey {
  /** undefined: the set names none, which is good only for a set of one. */
  kid: string | undefined
  algorithm: HostAlgorithm
  pem: string
}

/** More are not looked at. */
export const hostKeysMax = 64
const rsaBitsMin = 2_048

/** The keys that are of use, and what is wrong with the others; no keys: the text is no set that can be used. */
export function parseJwks(text: string): { keys: HostKey[]; problems: string[] } {
  const problems: string[] = []
  let listed: unknown
  try {
    listed = (JSON.parse(text) as { keys?: unknown } | null)?.keys
  } catch {
    return { keys: [], problems: ['is not JSON'] }
  }
  if (!Array.isArray(listed)) return { keys: [], problems: ['has no list of `keys`'] }
  if (listed.length > hostKeysMax)
    problems.push(`has ${listed.length} keys; the first ${hostKeysMax} are used`)
  const keys: HostKey[] = []
  listed.slice(0, hostKeysMax).forEach((jwk: unknown, index) => {
    const key = keyOf(jwk)
    if (typeof key === 'string') problems.push(`keys[${index}] ${key}`)
    else if (keys.some(({ kid }) => kid === key.kid)) problems.push(`keys[${index}] has the kid of another`)
    else keys.push(key)
  })
  if (keys.length === 0) problems.push('has no key that can be used')
  return { keys, problems }
}

/** The key, or what is wrong with it. */
function keyOf(jwk: unknown): HostKey | string {
  if (typeof jwk !== 'object' || jwk === null) return 'is no key'
  const { kty, crv, kid, alg, use, d, k } = jwk as Record<string, unknown>
  // whoever can read this set could sign in its name
  if (d !== undefined || k !== undefined) return 'is private, and has no place here'
  if (use !== undefined && use !== 'sig') return 'is not for signatures'
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > 256))
    return 'has a kid that is no name'
  let key: KeyObject
  try {
    key = createPublicKey({ key: jwk as never, format: 'jwk' })
  } catch {
    return 'cannot be read'
  }
  const algorithm = algorithmOf(kty, crv)
  if (algorithm === undefined)
    return 'is of a kind that is not used here: ES256, RS256 and EdDSA (Ed25519) are'
  if (alg !== undefined && alg !== algorithm)
    return `is for ${String(alg).slice(0, 16)}, which is not used here`
  const bits = key.asymmetricKeyDetails?.modulusLength ?? rsaBitsMin
  if (bits < rsaBitsMin) return `has ${bits} bits, fewer than ${rsaBitsMin}`
  return { kid, algorithm, pem: key.export({ type: 'spki', format: 'pem' }).toString() }
}

function algorithmOf(kty: unknown, crv: unknown): HostAlgorithm | undefined {
  if (kty === 'EC' && crv === 'P-256') return 'ES256'
  if (kty === 'RSA') return 'RS256'
  if (kty === 'OKP' && crv === 'Ed25519') return 'EdDSA'
  return undefined
}
