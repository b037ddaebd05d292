import { fullJitterMs } from './backoff.js'
import { SlotlockError } from './errors.js'
import type { Outcome } from './link.js'

/**
 * Whether a request is sent again, and when. Pure.
 *
 * A request whose answer is lost, or is OUTCOME_UNKNOWN, is UNKNOWN from then on: it may have been carried out. It is
 * sent again as it was; with its `requestId` that gives the lock or booking that it made, if it made one. A refusal of
 * the resend proves nothing for a second: the first packet may be on its way to the database still, and grants once
 * the slot is free again. After its deadline it cannot, so what is refused then is refused. A request that ends while
 * it is unknown says so, whatever it was last answered: BUSY is no news of the first packet.
 */

/** The server's statements carry this deadline; one that runs later does nothing. */
export const packetDeadlineMs = 1_000
/** From the first sending to the last. */
export const patienceMs = 15_000
/** Past it the last answer counts. */
export const sendsMax = 8

export interface Sendings {
  /** Monotonic. */
  readonly startedAt: number
  readonly sends: number
  /** When the outcome last became unknown. */
  readonly unknownAt?: number
  /** The session was over once, and is renewed. */
  readonly renewed?: boolean
}

export type Next =
  | { do: 'ANSWER'; result: unknown; sentAt: number }
  | { do: 'FAIL'; error: SlotlockError }
  | { do: 'AGAIN'; afterMs: number; renew: boolean; sendings: Sendings }

/** What to do after this outcome of the last sending; UNSENT when there was no connection in time. */
export function nextStep(outcome: Outcome, before: Sendings, nowMs: number, random: () => number): Next {
  const sends = before.sends + 1
  const again = (afterMs: number, more: Partial<Sendings> = {}): Next => {
    const sendings = { ...before, ...more, sends }
    if (sends >= sendsMax || nowMs + afterMs - before.startedAt > patienceMs) {
      return { do: 'FAIL', error: lastWord(outcome, sendings.unknownAt !== undefined) }
    }
    return { do: 'AGAIN', afterMs, renew: more.renewed === true, sendings }
  }
  const soon = (): number => 50 + fullJitterMs(sends, random, 100, 2_000)
  switch (outcome.status) {
    case 'ANSWERED':
      return { do: 'ANSWER', result: outcome.result, sentAt: outcome.sentAt }
    case 'LOST':
      return again(soon(), { unknownAt: nowMs })
    case 'UNSENT':
      return again(soon())
    case 'REFUSED': {
      const { error } = outcome
      const { code, retryAfterMs } = error
      if (code === 'OUTCOME_UNKNOWN') return again(soon(), { unknownAt: nowMs })
      if (code === 'UNAUTHENTICATED' && before.renewed !== true) return again(0, { renewed: true })
      if (code === 'BUSY' || code === 'RATE_LIMITED') return again((retryAfterMs ?? 100) + random() * 100)
      if (before.unknownAt === undefined) return { do: 'FAIL', error }
      if (code === 'STORE_UNAVAILABLE') return again(soon())
      const finalInMs = before.unknownAt + packetDeadlineMs - nowMs
      return finalInMs > 0 ? again(finalInMs) : { do: 'FAIL', error }
    }
    default:
      return outcome satisfies never
  }
}

function lastWord(outcome: Outcome, unknown: boolean): SlotlockError {
  if (unknown) return outcomeUnknown()
  if (outcome.status === 'REFUSED') return outcome.error
  return new SlotlockError({ code: 'UNREACHABLE', message: 'There is no connection', retryable: true })
}

export const outcomeUnknown = (): SlotlockError =>
  new SlotlockError({
    code: 'OUTCOME_UNKNOWN',
    message: 'No answer came: it may have been carried out or not',
    retryable: true
  })
