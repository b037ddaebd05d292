import type { Random } from '../domain/clock.js'
import type { Attempted } from '../domain/webhook-store.js'
import { retriedForMs } from '../domain/webhook-store.js'

/** What an attempt came to, and what follows from it. Pure. */

export type Answer =
  | { kind: 'status'; status: number; retryAfterMs: number | undefined }
  /** No answer in time, no connection, no name, a certificate that is not believed, … */
  | { kind: 'failed'; why: string }

export type Verdict = 'delivered' | 'failed' | 'gone'

/** Any 2xx is delivered. A redirect is not followed: what is signed for one address is not meant for another. */
export function verdictOf(answer: Answer): Verdict {
  if (answer.kind === 'failed') return 'failed'
  if (answer.status >= 200 && answer.status < 300) return 'delivered'
  return answer.status === 410 ? 'gone' : 'failed'
}

export function wordsOf(answer: Answer): string {
  if (answer.kind === 'failed') return answer.why
  const { status } = answer
  if (status === 410) return '410: it wants nothing any more'
  return status >= 300 && status < 400 ? `${status}: a redirect is not followed` : String(status)
}

/** The longest wait, whatever the endpoint asks for. */
export const retryMaxMs = 3_600_000
/** Each wait is so much longer or shorter by chance: what failed together does not come again together. */
const jitter = 0.25

/** From one attempt to the next, after so many. */
export function backoffMs(firstMs: number, attempts: number, maxMs: number, random: Random): number {
  const wholeMs = Math.min(maxMs, firstMs * 2 ** Math.min(attempts - 1, 40))
  return wholeMs * (1 - jitter + 2 * jitter * random())
}

/** `attempts`: with this one. `ageMs`: since the event began to wait. */
export function nextOf(
  answer: Answer,
  of: { attempts: number; ageMs: number; retryMs: number; random: Random }
): Attempted['became'] {
  const verdict = verdictOf(answer)
  if (verdict === 'delivered') return { state: 'delivered' }
  const leftMs = retriedForMs - of.ageMs
  if (verdict === 'gone' || leftMs <= 0) return { state: 'dead' }
  const ownMs = backoffMs(of.retryMs, of.attempts, retryMaxMs, of.random)
  const askedMs = answer.kind === 'status' ? (answer.retryAfterMs ?? 0) : 0
  // the last attempt is when the time is over, not long before
  return { state: 'waiting', dueInMs: Math.min(leftMs, retryMaxMs, Math.max(ownMs, askedMs)) }
}

/** Seconds or a date; undefined: neither, or over. */
export function parseRetryAfter(text: string | null, nowMs: number): number | undefined {
  if (text === null) return undefined
  const ms = /^\d{1,9}$/.test(text.trim()) ? Number(text) * 1_000 : Date.parse(text) - nowMs
  return ms > 0 ? ms : undefined
}
