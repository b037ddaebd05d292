import { LRUCache } from 'lru-cache'
import type { Counter } from 'prom-client'
import type { Refusal } from '../service/answers/refusal.js'
import type { Caller } from '../service/callers/caller.js'
import { addressGroup, type CountSharing, type RateLimiter, windowLimit } from './limits.js'
import type { LockLimitSettings } from './settings.js'

interface Rule {
  /** As `details.limit` names it. */
  name: keyof LockLimitSettings
  limiter: RateLimiter
  max: number
  /** undefined: nobody that could be counted. */
  who(asked: AskedLock): string | undefined
  points(asked: AskedLock): number
  /** Only what is held counts; a lock that was refused holds nothing. */
  ofHeld: boolean
  message: string
}

export interface AskedLock {
  caller: Caller
  calendar: string
  slots: readonly string[]
  requestId?: string | undefined
}

const minuteMs = 60_000
/** Past it the one that was granted longest ago counts like a new one when it is sent again. */
const grantedRememberedMax = 10_000
/** So often may it be sent again uncounted: a client in need of its answer, not a flood under one name. */
const resendsMax = 8

/**
 * Keeps one visitor from taking everybody's choice away: by asking too often, or by hoarding, which needs no
 * hurry: a new session for each few locks, and a whole day's slots are held without being booked. The sessions of one
 * address are therefore counted together, for as long as a lock lives. Staff and host programs are not limited.
 *
 * Each limit that refuses has taken nothing, and what the limits before it have counted stays counted: who asks too
 * often goes on being refused.
 *
 * A request that was granted here and is sent again takes nothing more, and is let through uncounted: a visitor whose
 * answer got lost would else hear RATE_LIMITED of a lock that is his. Of what another instance granted nothing is known here.
 */
export class LockLimits {
  readonly #rules: readonly Rule[]
  readonly #refused: Counter<'limit'>
  readonly #granted = new LRUCache<string, { resends: number }>({ max: grantedRememberedMax })

  constructor(
    settings: LockLimitSettings & { lockTtlMs: number },
    refused: Counter<'limit'>,
    sharing: CountSharing | undefined
  ) {
    this.#refused = refused
    const limiter = (
      name: keyof LockLimitSettings,
      windowMs = minuteMs
    ): Pick<Rule, 'name' | 'limiter' | 'max'> => {
      const max = settings[name]
      return { name, max, limiter: windowLimit({ name, max, windowMs, sharing }) }
    }
    const rules: Rule[] = [
      {
        ...limiter('locksPerAddressPerMinuteMax'),
        who: ({ caller }) => addressGroup(caller.address),
        points: () => 1,
        ofHeld: false,
        message: 'Too many locks from this address'
      },
      {
        ...limiter('locksPerSessionPerMinuteMax'),
        who: ({ caller }) => caller.session,
        points: () => 1,
        ofHeld: false,
        message: 'Too many locks in this session'
      },
      {
        ...limiter('locksPerCalendarPerMinuteMax'),
        who: ({ calendar }) => calendar,
        points: () => 1,
        ofHeld: false,
        message: 'Too many locks in this calendar'
      },
      {
        ...limiter('slotsPerAddressMax', settings.lockTtlMs),
        who: ({ caller, calendar }) => `${addressGroup(caller.address)} ${calendar}`,
        points: ({ slots }) => slots.length,
        ofHeld: true,
        message: 'Too many slots of this calendar were locked from this address'
      }
    ]
    this.#rules = rules.filter(({ max }) => max > 0)
  }

  /** undefined: go on. */
  async refusal(asked: AskedLock): Promise<Refusal | undefined> {
    if (asked.caller.role !== 'visitor') return undefined
    const request = requestOf(asked)
    const granted = request === undefined ? undefined : this.#granted.get(request)
    if (granted !== undefined && granted.resends < resendsMax) {
      granted.resends += 1
      return undefined
    }
    for (const { name, limiter, max, who, points, message } of this.#rules) {
      const whom = who(asked)
      if (whom === undefined) continue
      const rate = await limiter.take(whom, points(asked))
      if (rate?.allowed !== false) continue
      this.#refused.inc({ limit: name })
      return { code: 'RATE_LIMITED', message, retryAfterMs: rate.resetInMs, details: { limit: name, max } }
    }
    return undefined
  }

  held(asked: AskedLock): void {
    const request = requestOf(asked)
    if (request !== undefined && !this.#granted.has(request)) this.#granted.set(request, { resends: 0 })
  }

  /** What was let through came to nothing. */
  async notHeld(asked: AskedLock): Promise<void> {
    if (asked.caller.role !== 'visitor') return
    const request = requestOf(asked)
    if (request !== undefined && this.#granted.has(request)) return
    for (const { limiter, who, points, ofHeld } of this.#rules) {
      const whom = who(asked)
      if (ofHeld && whom !== undefined) await limiter.giveBack(whom, points(asked))
    }
  }
}

const requestOf = ({ caller, requestId }: AskedLock): string | undefined =>
  caller.role !== 'visitor' || caller.session === undefined || requestId === undefined
    ? undefined
    : `${caller.session} ${requestId}`
