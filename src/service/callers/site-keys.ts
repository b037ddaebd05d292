import type { Clock } from '../../domain/clock.js'
import { type CalendarId, parseCalendarId, parseSessionId } from '../../domain/ids.js'
import { SignedTexts } from './signed-texts.js'
import type { SiteKey } from './site-key.js'
import { randomSessionId } from './tokens.js'

/** Makes and reads the keys of sites; see site-key.ts for what they are. */

const issuer = 'slotlock site'
/** Keys are few; the rest is room for those that were withdrawn. */
const keysCachedMax = 1_000

export class SiteKeys {
  readonly #clock: Clock
  readonly #texts: SignedTexts<SiteKey>

  /** The first secret signs, all verify, as with tokens. */
  constructor(secrets: readonly string[], clock: Clock) {
    this.#clock = clock
    this.#texts = new SignedTexts({ secrets, issuer, cachedMax: keysCachedMax, claimsOf: keyOf })
  }

  /** Throws RangeError when it would be longer than tokenBytesMax. */
  mint(request: {
    origins: readonly string[]
    calendars?: readonly CalendarId[] | undefined
    ttlMs: number
  }): string {
    const { origins, calendars, ttlMs } = request
    const payload = {
      sub: randomSessionId(),
      origins,
      ...(calendars === undefined ? {} : { calendars }),
      exp: Math.ceil((this.#clock.now() + ttlMs) / 1000)
    }
    return this.#texts.sign(payload, 'a key')
  }

  /** undefined: not ours, or too old. Never throws, whatever the text. */
  verify(text: string): SiteKey | undefined {
    const key = this.#texts.read(text)
    return key !== undefined && this.#clock.now() < key.expiresAt ? key : undefined
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
