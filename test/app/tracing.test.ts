import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Env, Instance } from '../helpers/instance.js'
import { freePort, until } from '../helpers/process.js'
import { setUps, startWorld } from '../helpers/set-ups.js'
import { WsClient } from '../helpers/ws-client.js'

/** Traces as a collector gets them, over the wire, from the program as it is delivered. */

interface Span {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[]
  status: { code?: number }
}

/** An OTLP receiver that keeps every byte. */
async function openCollector(t: Test) {
  const bodies: string[] = []
  const headers: IncomingHttpHeaders[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    bodies.push(body)
    headers.push(request.headers)
    response.setHeader('content-type', 'application/json').end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const spans = (): Span[] =>
    bodies.flatMap(body =>
      JSON.parse(body).resourceSpans.flatMap((resource: { scopeSpans: { spans: Span[] }[] }) =>
        resource.scopeSpans.flatMap(scope => scope.spans)
      )
    )
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, headers, spans }
}

const day = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10)
const slot = `dr-lee/${day}T10:00Z`
const attributesOf = ({ attributes }: Span): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]))

t.test(
  'a request, its operation and what that asked of the stores are one trace, with nothing of anybody in it',
  async t => {
    const collector = await openCollector(t)
    const world = await startWorld(
      t,
      { ...setUps[2]!, instances: 1 },
      {
        settings: {
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
          OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=clinic',
          OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
          OTEL_BSP_SCHEDULE_DELAY: '50'
        }
      }
    )
    const { url, ws } = world.a
    const hours = [['00:00', '24:00']]
    const defined = await fetch(`${url}/v1/calendars/clinic`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${world.tokenOf('admin')}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        name: 'Clinic',
        timeZone: 'UTC',
        slotMinutes: 30,
        resources: [
          {
            id: 'dr-lee',
            name: 'Lee',
            hours: { mon: hours, tue: hours, wed: hours, thu: hours, fri: hours, sat: hours, sun: hours }
          }
        ]
      })
    })
    t.equal(defined.status, 200)
    const { token, session } = (await (
      await fetch(`${url}/v1/sessions`, { method: 'POST' })
    ).json()) as Record<string, string>
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const locked = await fetch(`${url}/v1/calendars/clinic/locks?note=Secretly`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': 'Secretly-1',
        'user-agent': 'Secretly/1',
        traceparent: `00-${traceId}-b7ad6b7169203331-01`
      },
      body: JSON.stringify({ slots: [slot] })
    })
    const { lock } = (await locked.json()) as { lock: { id: string } }
    const client = await WsClient.open(ws, token)
    const booked = await client.request('book', {
      lock: lock.id,
      customer: { name: 'Secretly Ann', email: 'secretly@example.org' }
    })
    t.ok(booked.ok)
    t.equal((await client.request('release', { lock: 'A'.repeat(22) })).error?.code, 'LOCK_NOT_FOUND')
    await client.end()
    const named = (name: string): Span | undefined => collector.spans().find(span => span.name === name)
    await until(
      'the last of them has arrived',
      () => named('release') !== undefined && named('book') !== undefined
    )

    const spans = collector.spans()
    const request = spans.find(({ traceId: of, name }) => of === traceId && name.startsWith('POST '))!
    t.match(request, { name: 'POST /v1/calendars/:calendar/locks', parentSpanId: 'b7ad6b7169203331' })
    t.match(attributesOf(request), {
      'http.route': '/v1/calendars/:calendar/locks',
      'http.response.status_code': 201
    })
    const operation = spans.find(({ parentSpanId }) => parentSpanId === request.spanId)!
    t.match(operation, { name: 'lock', traceId })
    t.match(attributesOf(operation), { 'slotlock.outcome': 'ok', 'slotlock.face': 'http' })
    const calls = spans.filter(({ parentSpanId }) => parentSpanId === operation.spanId)
    t.ok(
      calls.some(({ name }) => name === 'redis reserve'),
      'what Redis was asked'
    )
    t.ok(
      calls.some(({ name }) => name === 'sql transaction'),
      'and the database'
    )

    const book = named('book')!
    t.equal(book.parentSpanId ?? '', '', 'a message is a trace of its own')
    t.match(attributesOf(book), { 'slotlock.outcome': 'ok', 'slotlock.face': 'ws' })
    t.ok(spans.some(({ parentSpanId, name }) => parentSpanId === book.spanId && name === 'sql transaction'))
    t.equal(attributesOf(named('release')!)['slotlock.outcome'], 'LOCK_NOT_FOUND')

    const raw = collector.bodies.join('')
    for (const secret of [
      token!,
      session!,
      lock.id,
      'ecretly',
      slot,
      'dr-lee',
      'clinic/',
      'Bearer',
      '127.0.0.1'
    ])
      t.notOk(raw.includes(secret), `nothing of ${secret.slice(0, 10)}`)
    t.match(collector.headers[0], { 'x-tenant': 'clinic' }, 'the standard variables are heeded')
    t.match(raw, /"deployment.environment.name"/)
    t.match(raw, /"service.name","value":\{"stringValue":"slotlock"\}/)
  }
)

/** Says at its end how much of OpenTelemetry was loaded: CommonJS keeps a list. Its interface comes with prom-client. */
const teller = `import { Module } from 'node:module'
process.on('exit', () => {
  const loaded = Object.keys(Module._cache).filter(file => /@opentelemetry.(?!api.)/.test(file))
  console.log('loaded of OpenTelemetry: ' + loaded.length)
})`

t.test(
  'without the setting nothing of OpenTelemetry is loaded; with it and nobody there, requests do not notice',
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'slotlock-traces-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'teller.mjs')
    writeFileSync(file, teller)
    const loadedBy = async (settings: Env, look: (instance: Instance) => Promise<void>): Promise<number> => {
      const instance = await Instance.start(t, {
        SLOTLOCK_DATA: folder,
        NODE_OPTIONS: `--import ${file}`,
        ...settings
      })
      await look(instance)
      t.equal(await instance.stop(), 0)
      return Number(/loaded of OpenTelemetry: (\d+)/.exec(instance.log)?.[1])
    }
    const ask = async ({ url }: Instance): Promise<void> => {
      for (let left = 50; left > 0; left--) t.equal((await fetch(`${url}/v1/calendars`)).status, 200)
    }
    t.equal(await loadedBy({}, ask), 0)

    const nobody = `http://127.0.0.1:${await freePort()}`
    const settings = {
      OTEL_EXPORTER_OTLP_ENDPOINT: nobody,
      OTEL_BSP_SCHEDULE_DELAY: '20',
      OTEL_EXPORTER_OTLP_TIMEOUT: '200'
    }
    const loaded = await loadedBy(settings, async instance => {
      await ask(instance)
      await until('it is said', () => /traces: cannot be sent/.test(instance.log))
      await ask(instance)
      t.equal(instance.log.match(/traces: cannot be sent/g)?.length, 1, 'and said once')
    })
    t.ok(loaded > 0)
  }
)
