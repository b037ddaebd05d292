import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { StoreContractError } from '../../domain/errors.js'
import type { BookingId } from '../../domain/ids.js'

/**
 * Customer data at rest: AES-256-GCM, a nonce of its own each time, under a key that is named.
 *
 *   01 · 4 bytes key id · 12 bytes nonce · 16 bytes tag · ciphertext
 *
 * What begins with another byte is JSON from a time without a key, and stays readable. The booking's id and the column are
 * authenticated with it, so a ciphertext that is moved to another booking, or from `meta` to `customer`, cannot be read.
 *
 * From one key come two, one to encrypt with and one for fingerprints.
 */

const sealedByte = 1
const headBytes = 5
const nonceBytes = 12
const tagBytes = 16

export type SealedColumn = 'customer' | 'meta'

interface Key {
  /** Says which key it was, and nothing about it. */
  id: string
  seal: Buffer
  fingerprint: Buffer
}

export class CustomerCipher {
  readonly #keys: readonly Key[]

  /** 32 bytes each. The first encrypts, all decrypt; none: what is written is readable. */
  constructor(keys: readonly Buffer[]) {
    this.#keys = keys.map(key => ({
      id: createHash('sha256').update('slotlock customer key id\n').update(key).digest('hex').slice(0, 8),
      seal: derived(key, 'customer data'),
      fingerprint: derived(key, 'fingerprint')
    }))
  }

  /** undefined: there is none, and nothing is encrypted. */
  get keyId(): string | undefined {
    return this.#keys[0]?.id
  }

  get keyIds(): string[] {
    return this.#keys.map(({ id }) => id)
  }

  seal(booking: BookingId, column: SealedColumn, plain: Buffer | null): Buffer | null {
    const key = this.#keys[0]
    if (key === undefined || plain === null) return plain
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', key.seal, nonce).setAAD(boundTo(booking, column))
    const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
    return Buffer.concat([
      Buffer.from([sealedByte]),
      Buffer.from(key.id, 'hex'),
      nonce,
      cipher.getAuthTag(),
      sealed
    ])
  }

  /** Throws StoreContractError when the key is missing, or the bytes are not what was written for this booking. */
  open(booking: BookingId, column: SealedColumn, stored: Uint8Array): Buffer {
    const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
    const id = keyIdOf(bytes)
    if (id === undefined) return bytes
    const key = this.#keys.find(known => known.id === id)
    if (key === undefined) {
      throw new StoreContractError(
        `booking ${booking}: its ${column} is encrypted under the key ${id}, which CUSTOMER_KEY does not have`
      )
    }
    const nonce = bytes.subarray(headBytes, headBytes + nonceBytes)
    const tag = bytes.subarray(headBytes + nonceBytes, headBytes + nonceBytes + tagBytes)
    try {
      const decipher = createDecipheriv('aes-256-gcm', key.seal, nonce, { authTagLength: tagBytes })
      decipher.setAAD(boundTo(booking, column)).setAuthTag(tag)
      return Buffer.concat([
        decipher.update(bytes.subarray(headBytes + nonceBytes + tagBytes)),
        decipher.final()
      ])
    } catch (cause) {
      throw new StoreContractError(`booking ${booking}: its ${column} is not what was written there`, {
        cause
      })
    }
  }

  /** Whether it is written as it would be now. */
  isCurrent(stored: Uint8Array): boolean {
    return keyIdOf(stored) === this.keyId
  }

  /**
   * A booking's fingerprint is a hash of what was asked for, names and addresses among it, which who has the rows may guess
   * and try. With a key it is one that only its owner can make.
   */
  fingerprint(of: string): string {
    const key = this.#keys[0]
    return key === undefined ? of : keyed(key, of)
  }

  isSameFingerprint(stored: string, of: string): boolean {
    return stored === of || this.#keys.some(key => stored === keyed(key, of))
  }
}

/** undefined: it is readable as it is. */
export const keyIdOf = (stored: Uint8Array): string | undefined =>
  stored[0] === sealedByte ? Buffer.from(stored.subarray(1, headBytes)).toString('hex') : undefined

const derived = (key: Buffer, use: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, '', `slotlock ${use}`, 32))

const boundTo = (booking: BookingId, column: SealedColumn): Buffer =>
  Buffer.from(`slotlock ${column} ${booking}`)

const keyed = (key: Key, of: string): string =>
  `${key.id}.${createHmac('sha256', key.fingerprint).update(of).digest('base64url')}`
