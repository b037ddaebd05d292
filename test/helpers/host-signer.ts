import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** A host with keys of its own, and a careless or hostile one: signs whatever it is told to. */

export type Algorithm = 'ES256' | 'RS256' | 'EdDSA'

export interface SigningKey {
  kid: string
  algorithm: Algorithm
  privateKey: KeyObject
  publicKey: KeyObject
}

export function newSigningKey(kid: string, algorithm: Algorithm, rsaBits = 2_048): SigningKey {
  const pair =
    algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: rsaBits })
      : algorithm === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519')
  return { kid, algorithm, ...pair }
}

export const jwkOf = ({ kid, publicKey }: SigningKey): object => ({
  ...publicKey.export({ format: 'jwk' }),
  kid,
  use: 'sig'
})

export const jwksOf = (...keys: SigningKey[]): string => JSON.stringify({ keys: keys.map(jwkOf) })

export const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export function signed(key: SigningKey, payload: object, header: object = {}): string {
  const input = `${encoded({ alg: key.algorithm, typ: 'JWT', kid: key.kid, ...header })}.${encoded(payload)}`
  const hash = key.algorithm === 'EdDSA' ? null : 'sha256'
  const signature = sign(hash, Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

/** HS256 with any text for a secret, such as a public key. */
export function signedWithText(text: string, kid: string, payload: object): string {
  const input = `${encoded({ alg: 'HS256', typ: 'JWT', kid })}.${encoded(payload)}`
  return `${input}.${createHmac('sha256', text).update(input).digest('base64url')}`
}

export const unsigned = (kid: string, payload: object): string =>
  `${encoded({ alg: 'none', typ: 'JWT', kid })}.${encoded(payload)}.`
