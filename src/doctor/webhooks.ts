import { sendAs } from '../app-webhooks.js'
import type { Config } from '../config.js'
import type { Clock } from '../domain/clock.js'
import type { Finding } from '../domain/finding.js'
import { endpointsOf, shownUrl } from '../webhooks/endpoint.js'
import { verdictOf, wordsOf } from '../webhooks/judge.js'
import { ping } from '../webhooks/ping.js'
import type { Examined } from './report.js'

/** Each endpoint of WEBHOOK_URL, with a signed `webhook.test`: does it take it? undefined: there is none. */
export async function examineWebhooks(
  config: Config,
  version: string,
  clock: Clock
): Promise<Examined | undefined> {
  const endpoints = endpointsOf(config.webhooks.urls)
  if (endpoints.length === 0) return undefined
  const examined: Examined = { area: 'webhooks', facts: [], findings: [] }
  const send = sendAs(config, version, clock)
  for (const { number, url } of endpoints) {
    const startedAt = clock.monotonic()
    const answer = await ping(send, url, clock.now())
    if (verdictOf(answer) === 'delivered') {
      examined.facts.push(`${shownUrl(url)} took a test in ${Math.round(clock.monotonic() - startedAt)} ms`)
      continue
    }
    const refused = answer.kind === 'status'
    const finding: Finding = {
      code: refused ? 'webhooks-refused' : 'webhooks-unreachable',
      severity: 'warning',
      what: `endpoint ${number} (${shownUrl(url)}) did not take a signed test: ${wordsOf(answer)}`,
      do: refused
        ? 'it has to answer 2xx to what is signed with WEBHOOK_SECRET; an unknown type is no reason to refuse'
        : 'bring it up, or correct WEBHOOK_URL; webhooks are kept and tried for three days'
    }
    examined.findings.push(finding)
  }
  if (config.webhooks.secrets.length === 2) examined.facts.push('signed with two secrets')
  return examined
}
