import { randomBytes } from 'node:crypto'
import { webhookTestType } from '../protocol/webhooks.js'
import type { Answer } from './judge.js'
import type { Send } from './send.js'

/** Tries an endpoint out, with a signed event that nothing happened for. */
export function ping(send: Send, url: string, nowMs: number): Promise<Answer> {
  const id = `test_${randomBytes(12).toString('base64url')}`
  const timestamp = new Date(nowMs).toISOString()
  return send(url, { id, body: { type: webhookTestType, timestamp, data: {} } })
}
