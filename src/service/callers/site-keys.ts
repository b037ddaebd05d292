import { createSigner, createVerifier } from 'fast-jwt'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/clock.js'
import { type CalendarId, parseCalendarId, parseSessionId } from '../../domain/ids.js'
import type { SiteKey } from './site-key.js'
import { randomSessionId, tokenBytesMax } from './tokens.js'

/** Makes and reads the keys of sites; see site-key.ts for what they are. */

const issuer = 'slotlock site'
/** Keys are few; the rest is room for those that were withdrawn. */
const keysCachedMax = 1_000

export class SiteKeys {
  readonly #clock: Clock
  readonly #sign: (payload: Record<string, unknown>) => string
  readonly #verifiers: readonly ((text: string) => Record<string, unknown>)[]
  readonly #known = new LRUCache<string, SiteKey>({ max: keysCachedMax })

  /** The first secret signs, all verify, as with tokens. */
  constructor(secrets: readonly string[], clock: Clock) {
    const [secret] = secrets
    if (secret === undefined) throw new RangeError('no secret')
    this.#clock = clock
    this.#sign = createSigner({ key: secret, algorithm: 'HS256', iss: issuer })
    this.#verifiers = secrets.map(key =>
      createVerifier({
        key,
        algorithms: ['HS256'],
        allowedIss: issuer,
        requiredClaims: ['iss'],
        ignoreExpiration: true
      })
    )
  }

  /** Throws RangeError when it would be longer than tokenBytesMax. */
  mint(request: {
    origins: readonly string[]
    calendars?: readonly CalendarId[] | undefined
    ttlMs: number
  }): string {
    const { origins, calendars, ttlMs } = request
    const key = this.#sign({
      sub: randomSessionId(),
      origins,
      ...(calendars === undefined ? {} : { calendars }),
      exp: Math.ceil((this.#clock.now() + ttlMs) / 1000)
    })
    if (key.length > tokenBytesMax)
      throw new RangeError(`a key is longer than ${tokenBytesMax} bytes; name fewer`)
    return key
  }

  /** undefined: not ours, or too old. Never throws, whatever the text. */
  verify(text: string): SiteKey | undefined {
    const key = this.#known.get(text) ?? this.#read(text)
    return key !== undefined && this.#clock.now() < key.expiresAt ? key : undefined
  }

  #read(text: string): SiteKey | undefined {
    if (text.length > tokenBytesMax) return undefined
    for (const verify of this.#verifiers) {
      let payload: Record<string, unknown>
      try {
        payload = verify(text)
      } catch {
        // the library tells by throwing that this secret did not sign it, or nobody did
        continue
      }
      const key = keyOf(payload)
      if (key !== undefined) this.#known.set(text, key)
      return key
    }
    return undefined
  }
}

function keyOf({ sub, origins, calendars, exp }: Record<string, unknown>): SiteKey | undefined {
  const id = typeof sub === 'string' ? parseSessionId(sub) : undefined
  const areTexts = (list: unknown): list is string[] =>
    Array.isArray(list) && list.every(one => typeof one === 'string')
  if (id === undefined || !areTexts(origins) || typeof exp !== 'number') return undefined
  const key = { id, origins, expiresAt: exp * 1000 }
  if (calendars === undefined) return Object.freeze(key)
  if (!areTexts(calendars) || calendars.some(name => parseCalendarId(name) === undefined)) return undefined
  return Object.freeze({ ...key, calendars: calendars as CalendarId[] })
}
