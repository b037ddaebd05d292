import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { Finding } from '../domain/finding.js'
import type { Examined } from './report.js'

const answerWithinMs = 5_000

/** A running instance, from where its visitors come: does it answer, does it feel well, do WebSockets get through? */
export async function examineService(url: string, version: string): Promise<Examined> {
  const examined: Examined = { area: 'service', facts: [url], findings: [] }
  const found = (code: string, severity: Finding['severity'], what: string, advice: string): void =>
    void examined.findings.push({ code, severity, what, do: advice })

  const health = await healthOf(url)
  if (typeof health === 'string') {
    found(
      'service-unreachable',
      'critical',
      health,
      'start it, or correct the URL, or the proxy in front of it'
    )
    return examined
  }
  examined.facts.push(`slotlock ${health.version}`, `${health.status}, grade ${health.grade}`)
  if (health.status !== 'normal') {
    const severity = health.status === 'unavailable' ? 'critical' : 'warning'
    found(
      `service-${health.status}`,
      severity,
      `it says of itself that it is ${health.status}`,
      'see its findings below'
    )
  }
  if (health.version !== version) {
    found(
      'service-version',
      'info',
      `it is version ${health.version}, this is ${version}`,
      'finish the upgrade'
    )
  }
  for (const finding of health.findings) {
    if (finding.severity !== 'info') examined.findings.push({ ...finding, code: `service:${finding.code}` })
  }
  const refused = await greet(url)
  if (refused === undefined) examined.facts.push('WebSockets get through')
  else {
    found(
      'websocket-blocked',
      'critical',
      `a WebSocket does not come about: ${refused}`,
      'let the proxy pass on Upgrade and Connection, and connections that last'
    )
  }
  return examined
}

interface Health {
  version: string
  status: 'normal' | 'degraded' | 'unavailable'
  grade: string
  findings: Finding[]
}

/** As text: what is wrong. */
async function healthOf(url: string): Promise<Health | string> {
  try {
    const response = await fetch(new URL('/health', url), { signal: AbortSignal.timeout(answerWithinMs) })
    const health = (await response.json()) as Partial<Health>
    return health.status === undefined || !Array.isArray(health.findings)
      ? `${url} answers, but it is no slotlock`
      : (health as Health)
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return cause instanceof SyntaxError ? `${url} answers, but it is no slotlock` : `${url}: ${String(cause)}`
  }
}

/** undefined: a hello was answered. */
async function greet(url: string): Promise<string | undefined> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws').replace(/\/$/, '')}/v1/ws`, 'slotlock.v1', {
    handshakeTimeout: answerWithinMs
  })
  try {
    await once(socket, 'open')
    socket.send(JSON.stringify({ id: 1, type: 'hello' }))
    await once(socket, 'message', { signal: AbortSignal.timeout(answerWithinMs) })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    // one that is still connecting tells of its end as an error
    socket.on('error', () => {})
    socket.terminate()
  }
}
