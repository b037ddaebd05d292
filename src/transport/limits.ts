import { LRUCache } from 'lru-cache'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { countedAddressesMax, floodSeconds } from './settings.js'

/**
 * How often somebody may ask. Counts in a window of time are those of all instances where they can be shared (`sharing`);
 * counts per connection are two numbers in the connection, because ten thousand sockets must not mean ten thousand
 * timers.
 */

export interface RateAnswer {
  allowed: boolean
  /** Allowed in this window; what is left of it; and when it begins anew. */
  max: number
  remaining: number
  resetInMs: number
}

export interface RateLimiter {
  /** undefined: not limited. Who is refused has taken nothing. */
  take(who: string, points?: number): Promise<RateAnswer | undefined>
  /** What was taken and not used after all. */
  giveBack(who: string, points?: number): Promise<void>
}

/** Tells the other instances what was counted here, and hears of theirs. Never holds anybody up; see SharedCounts. */
export interface CountSharing {
  add(
    addition: { name: string; by: number; windowMs: number },
    learn: (count: { total: number; leftMs: number }) => void
  ): void
}

export const unlimited: RateLimiter = { take: async () => undefined, giveBack: async () => {} }

const minuteMs = 60_000

/** `max` per minute and address; 0 is off. */
export function perMinute(max: number, options: Partial<WindowOptions> = {}): RateLimiter {
  return windowLimit({ name: 'requests', max, windowMs: minuteMs, groupOf: addressGroup, ...options })
}

export interface WindowOptions {
  /** Keeps this limit's counts apart from those of others. */
  name: string
  /** 0 is off. */
  max: number
  windowMs: number
  /** Who is counted together; by default everybody apart. */
  groupOf?: (who: string) => string
  /** Absent: counts of this process alone. */
  sharing?: CountSharing | undefined
  /**
   * Past it the one that has been silent the longest is forgotten: who is being refused just now is not, however many
   * others come by.
   */
  groupsMax?: number
}

/** `max` in each window for each who. */
export function windowLimit(options: WindowOptions): RateLimiter {
  const { name, max, windowMs, groupOf = who => who, sharing, groupsMax = countedAddressesMax } = options
  if (max <= 0) return unlimited
  const limiter = new RateLimiterMemory({ points: max, duration: windowMs / 1_000 })
  const heard = new LRUCache<string, true>({
    max: groupsMax,
    dispose: (_, group) => void limiter.delete(group)
  })
  /** Brings our own count up to that of all; never down, for it may know what the others do not yet. */
  const learn = async (group: string, total: number, leftMs: number): Promise<void> => {
    // to the library no time is for ever, and who was forgotten meanwhile would be counted outside of the bound
    if (leftMs <= 0 || !heard.has(group)) return
    const missing = total - ((await limiter.get(group))?.consumedPoints ?? 0)
    if (missing > 0) await limiter.penalty(group, missing, { customDuration: leftMs / 1_000 })
  }
  const tell = (group: string, by: number): void =>
    sharing?.add(
      { name: `${name}:${group}`, by, windowMs },
      ({ total, leftMs }) => void learn(group, total, leftMs)
    )

  return {
    async take(who, points = 1) {
      const group = groupOf(who)
      heard.set(group, true)
      try {
        const { remainingPoints, msBeforeNext } = await limiter.consume(group, points)
        tell(group, points)
        return { allowed: true, max, remaining: remainingPoints, resetInMs: Math.max(0, msBeforeNext) }
      } catch (error) {
        // The library rejects with its count where the bound is met, and with an Error where it is broken.
        if (!(error instanceof RateLimiterRes)) throw error
        await limiter.reward(group, points)
        const remaining = Math.max(0, max - (error.consumedPoints - points))
        return { allowed: false, max, remaining, resetInMs: Math.max(0, error.msBeforeNext) }
      }
    },
    async giveBack(who, points = 1) {
      const group = groupOf(who)
      // a window that is over has nothing to give back to
      if (((await limiter.get(group))?.consumedPoints ?? 0) < points) return
      await limiter.reward(group, points)
      tell(group, -points)
    }
  }
}

/** One household has one IPv4 address, but 2^64 of IPv6: those are counted by their first half. */
export function addressGroup(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped?.[1] !== undefined) return mapped[1]
  if (!address.includes(':')) return address
  const [head = '', tail = ''] = address.split('%')[0]!.split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === '' ? [] : tail.split(':')
  while (groups.length + after.length < 8) groups.push('0')
  return `${[...groups, ...after].slice(0, 4).join(':')}::/64`
}

/** Fills by `perSecond` up to `capacity`; who takes from an empty one is refused and loses nothing more. */
export class TokenBucket {
  #tokens: number
  #atMs: number
  readonly #perSecond: number
  readonly #capacity: number

  constructor(perSecond: number, capacity: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#capacity = capacity
    this.#tokens = capacity
    this.#atMs = nowMs
  }

  take(nowMs: number): boolean {
    const grown = ((nowMs - this.#atMs) / 1_000) * this.#perSecond
    this.#tokens = Math.min(this.#capacity, this.#tokens + grown)
    this.#atMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Until the next one is there. */
  waitMs(): number {
    return Math.ceil(((1 - this.#tokens) / this.#perSecond) * 1_000)
  }
}

/**
 * What one connection may send: a burst of two seconds' worth, then `perSecond`. Refusals are counted too, in a
 * bucket that forgives as fast as messages are allowed: a client that sends half again too much is refused a
 * third of it for ever, one that does not listen at all has used up its patience soon.
 */
export class MessageLimit {
  readonly #messages: TokenBucket
  readonly #patience: TokenBucket

  constructor(perSecond: number, nowMs: number) {
    this.#messages = new TokenBucket(perSecond, 2 * perSecond, nowMs)
    this.#patience = new TokenBucket(perSecond, floodSeconds * perSecond, nowMs)
  }

  take(
    nowMs: number
  ): { verdict: 'ALLOWED' } | { verdict: 'REFUSED'; retryAfterMs: number } | { verdict: 'FLOOD' } {
    if (this.#messages.take(nowMs)) return { verdict: 'ALLOWED' }
    if (!this.#patience.take(nowMs)) return { verdict: 'FLOOD' }
    return { verdict: 'REFUSED', retryAfterMs: this.#messages.waitMs() }
  }
}
