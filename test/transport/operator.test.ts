import t from 'tap'
import { type HealthFacts, scoreHealth } from '../../src/transport/health-score.js'
import { WsClient } from '../helpers/ws-client.js'
import { serve } from './fixture.js'

const store = { available: true, connected: true, healthy: true, latencyMs: 1 }
const well: HealthFacts = {
  status: 'normal',
  services: { redis: store, database: store },
  otherFindings: [],
  mode: 'redis+sql',
  draining: false,
  eventLoopLagMs: 1,
  sockets: 10,
  connectionsMax: 100,
  slowReadersClosed: 0,
  socketsOpened: 1_000
}

t.test('a service that is well has grade A and nothing to say', t => {
  t.strictSame(scoreHealth(well), { grade: 'A', score: 100, findings: [] })
  t.end()
})

t.test('each trouble costs points and says what to do', t => {
  const out = { ...store, connected: false, healthy: false }
  const cases: [facts: Partial<HealthFacts>, grade: string][] = [
    [{ status: 'unavailable', services: { redis: store, database: out } }, 'F'],
    [{ status: 'degraded', services: { redis: out, database: store } }, 'C'],
    [{ services: { redis: store, database: { ...store, healthy: false } } }, 'C'],
    [{ services: { redis: undefined, database: { ...store, latencyMs: 100 } } }, 'A'],
    [{ eventLoopLagMs: 300 }, 'C'],
    [{ sockets: 95 }, 'A'],
    [{ slowReadersClosed: 100 }, 'A'],
    [{ otherFindings: [{ severity: 'critical', what: 'Redis evicts.', do: 'Set noeviction.' }] }, 'C']
  ]
  for (const [trouble, grade] of cases) {
    const scored = scoreHealth({ ...well, ...trouble })
    t.equal(scored.grade, grade, JSON.stringify(trouble))
    t.ok(scored.score < 100 && scored.score >= 0)
    t.equal(scored.findings.length, 1)
    for (const finding of scored.findings) t.ok(finding.what.length > 0 && finding.do.length > 0)
  }
  const worst = {
    status: 'unavailable',
    eventLoopLagMs: 9_000,
    services: { redis: out, database: out }
  } as const
  t.equal(scoreHealth({ ...well, ...worst }).score, 0, 'never below 0')
  t.end()
})

t.test('/health answers for people, /readyz and /livez for machines', async t => {
  const { url, monitor } = await serve(t)
  const health = await fetch(`${url}/health`)
  t.equal(health.status, 200)
  t.match(await health.json(), {
    status: 'normal',
    version: '0.0.0-test',
    uptimeS: Number,
    mode: 'embedded',
    services: { redis: { available: false }, database: { available: true, healthy: true, latencyMs: 1 } },
    grade: /^[A-F]$/,
    score: Number,
    findings: Array
  })
  t.equal((await fetch(`${url}/readyz`)).status, 200)
  monitor.become('degraded')
  t.equal((await fetch(`${url}/readyz`)).status, 200, 'it still locks')
  monitor.become('unavailable')
  t.equal((await fetch(`${url}/readyz`)).status, 503)
  t.equal((await fetch(`${url}/health`)).status, 503)
  t.equal((await fetch(`${url}/livez`)).status, 200, 'a restart would not help')
})

t.test('/metrics names everything after this service and counts what happened', async t => {
  const { url, ws } = await serve(t)
  const client = await WsClient.open(ws)
  await client.request('watch', { calendar: 'demo', from: '2030-01-01', to: '2030-01-01' })
  await client.request('lock', { calendar: 'demo', slots: ['a/2030-01-01T00:00Z'] })
  const response = await fetch(`${url}/metrics`)
  t.match(response.headers.get('content-type'), /^text\/plain/)
  const text = await response.text()
  t.match(text, /^slotlock_sockets 1$/m)
  t.match(text, /^slotlock_watchers 1$/m)
  t.match(text, /^slotlock_lock_requests_total\{outcome="NOT_FOUND"\} 1$/m)
  t.match(
    text,
    /^slotlock_operation_duration_seconds_count\{operation="readSlots",face="ws",outcome="ok"\} 1$/m
  )
  t.match(text, /^slotlock_event_loop_lag_seconds /m)
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(match => match[1]!)
  for (const name of names) t.match(name, /^(slotlock|process|nodejs)_[a-z0-9_]+$/)
  await client.end()
})

t.test('the reference is served, and works under its own security policy', async t => {
  const { url } = await serve(t)
  const page = await fetch(`${url}/docs`)
  t.equal(page.status, 200)
  const html = await page.text()
  const policy = page.headers.get('content-security-policy') ?? ''
  t.match(policy, /script-src 'self'/)
  t.notMatch(policy, /upgrade-insecure-requests/)
  t.notOk(/<script(?![^>]*\bsrc=)[^>]*>\s*\S/.test(html), 'no script inside the page')
  for (const [, source] of html.matchAll(/<script[^>]*\bsrc="([^"]+)"/g)) {
    t.equal((await fetch(new URL(source!, page.url))).status, 200, source!)
  }
  const openApi = await (await fetch(`${url}/v1/openapi.json`)).json()
  t.match(openApi, { openapi: '3.1.0', info: { version: '0.0.0-test' } })
  t.match(await (await fetch(`${url}/docs/json`)).json(), openApi)
  t.match(await (await fetch(`${url}/v1/asyncapi.json`)).json(), { asyncapi: '3.0.0' })
})
