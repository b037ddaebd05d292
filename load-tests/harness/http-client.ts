import { Agent, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { Problem } from '../../src/protocol/schemas.js'
import { nowMs } from './time.js'

const shared = new Agent({ keepAlive: true, maxSockets: 64 })
const answerWithinMs = 30_000

export interface HttpAnswer {
  status: number
  text: string
  tookMs: number
}

export interface Ask {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  token?: string | undefined
  body?: unknown
  idempotencyKey?: string
  /** Of plain HTTP; absent: 64 connections that everybody shares. */
  agent?: Agent
}

/** One request on a kept connection; throws when there is no answer at all. */
export function ask(
  url: string,
  { method = 'GET', token, body, idempotencyKey, agent = shared }: Ask = {}
): Promise<HttpAnswer> {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const start = nowMs()
  const secure = url.startsWith('https:')
  return new Promise((resolve, reject) => {
    const sent = (secure ? secureRequest : plainRequest)(url, {
      method,
      ...(secure ? {} : { agent }),
      timeout: answerWithinMs,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        ...(payload === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(payload.length) })
      }
    })
    sent.on('error', reject)
    sent.on('timeout', () => sent.destroy(new Error(`no answer from ${url} within ${answerWithinMs} ms`)))
    sent.on('response', response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk as Buffer))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          tookMs: nowMs() - start
        })
      )
    })
    sent.end(payload)
  })
}

/** The JSON of a success; anything else throws with what the server said. For what must work for a test to begin. */
export async function mustAsk<T>(url: string, options: Ask = {}): Promise<T> {
  const { status, text } = await ask(url, options)
  if (status < 200 || status > 299)
    throw new Error(`${options.method ?? 'GET'} ${url}: ${status} ${text.slice(0, 300)}`)
  return (text === '' ? undefined : JSON.parse(text)) as T
}

/** The error code in the body of a refusal. */
export function codeOf(body: string): Problem['code'] | undefined {
  try {
    return (JSON.parse(body) as Problem).code
  } catch {
    return undefined
  }
}
