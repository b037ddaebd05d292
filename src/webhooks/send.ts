import { Webhook } from 'standardwebhooks'
import type { Clock } from '../domain/clock.js'
import { type Answer, parseRetryAfter } from './judge.js'

export interface Message {
  /** The same for every attempt. */
  id: string
  body: unknown
}

/** Never throws: whatever keeps an answer from coming is an answer too. */
export type Send = (url: string, message: Message, stop?: AbortSignal) => Promise<Answer>

/** An answer's body is of no interest; so much of it is read that the connection can be used again. */
const bodyBytesMax = 16_384

/**
 * Sends one signed POST, after the Standard Webhooks specification: `webhook-id`, `webhook-timestamp`, and in
 * `webhook-signature` one signature for each secret, so that a receiver may know the new one, the old one or both.
 */
export function sender(settings: {
  secrets: readonly string[]
  timeoutMs: number
  userAgent: string
  clock: Clock
}): Send {
  const { timeoutMs, userAgent, clock } = settings
  const signers = settings.secrets.map(secret => new Webhook(secret))
  return async (url, { id, body }, stop) => {
    const text = JSON.stringify(body)
    const at = new Date(clock.now())
    const ending = endingSignal(timeoutMs, stop)
    try {
      const response = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        signal: ending.signal,
        headers: {
          'content-type': 'application/json',
          'user-agent': userAgent,
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
          'webhook-signature': signers.map(signer => signer.sign(id, at, text)).join(' ')
        },
        body: text
      })
      void drain(response).finally(ending.release)
      const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), clock.now())
      return { kind: 'status', status: response.status, retryAfterMs }
    } catch (error) {
      ending.release()
      return { kind: 'failed', why: whyOf(error, timeoutMs, stop) }
    }
  }
}

/**
 * Aborts after a time, or with `stop`. By hand, because `AbortSignal.any` of a signal that lives as long as the process keeps
 * something of each that it was given (Node 20).
 */
function endingSignal(timeoutMs: number, stop: AbortSignal | undefined) {
  const ending = new AbortController()
  const onStop = (): void => ending.abort(stop?.reason)
  const timer = setTimeout(() => ending.abort(new DOMException('too late', 'TimeoutError')), timeoutMs)
  if (stop?.aborted) onStop()
  stop?.addEventListener('abort', onStop, { once: true })
  return {
    signal: ending.signal,
    release(): void {
      clearTimeout(timer)
      stop?.removeEventListener('abort', onStop)
    }
  }
}

/** Its signal ends it too, so a body that never ends does not. */
async function drain(response: Response): Promise<void> {
  let bytes = 0
  try {
    for await (const chunk of response.body ?? []) {
      bytes += (chunk as Uint8Array).byteLength
      if (bytes > bodyBytesMax) return // leaving the loop cancels the rest
    }
  } catch {
    // the status has come, and it is what counts
  }
}

function whyOf(error: unknown, timeoutMs: number, stop: AbortSignal | undefined): string {
  if (stop?.aborted) return 'this instance was stopped'
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`
  const cause = error.cause instanceof Error ? error.cause : error
  const code = 'code' in cause ? cause.code : undefined
  return typeof code === 'string' ? code : cause.message.slice(0, 200)
}
