import t from 'tap'
import { HttpLink, httpOnly, routes } from '../../../src/browser/client/http-link.js'
import { type OperationSpec, operations } from '../../../src/protocol/operations.js'
import { SteppedTime } from '../../helpers/stepped-time.js'
import { ScriptedServer } from './scripted-server.js'

const start = () => {
  const server = new ScriptedServer()
  const time = new SteppedTime()
  return { server, time, link: new HttpLink('https://book.example', server.fetch, time, () => 'a-token') }
}

t.test('every message has the address that the protocol gives it', async t => {
  const names = new Map(
    (Object.entries(operations) as [string, OperationSpec][]).map(([name, spec]) => [spec.ws ?? name, spec])
  )
  const named: Record<string, string> = {
    hello: 'openSession',
    calendars: 'listCalendars',
    changes: 'readChanges',
    cancel: 'cancelBooking'
  }
  for (const [type, route] of Object.entries(routes)) {
    const [method, path] = route.split(' ')
    const spec = names.get(named[type] ?? type)
    t.match(spec?.http, { method, path }, type)
    if (httpOnly.has(type)) t.equal(spec?.ws, undefined)
  }
  for (const { ws } of Object.values(operations) as OperationSpec[])
    if (ws !== undefined) t.ok(ws in routes, `${ws} can be polled`)
})

t.test('parameters go into the path, the query or the body, requestId and token into headers', async t => {
  const { server, link } = start()
  server.http = () => ({ status: 200, json: {} })
  await link.ask('lock', { calendar: 'a/b', slots: ['s'], ttlMs: 5, requestId: 'r' })
  await link.ask('changes', { calendar: 'demo', from: 'f', since: undefined, wait: 20 })
  await link.ask('select', { calendar: 'demo', slot: null })
  t.match(server.calls, [
    {
      method: 'POST',
      path: '/v1/calendars/a%2Fb/locks',
      headers: { authorization: 'Bearer a-token', 'idempotency-key': 'r' },
      body: { slots: ['s'], ttlMs: 5 }
    },
    { method: 'GET', path: '/v1/calendars/demo/changes?from=f&wait=20', body: undefined },
    { method: 'DELETE', path: '/v1/calendars/demo/selection', body: { slot: null } }
  ])
})

t.test('a problem document is its error; of a proxy’s page only the status speaks', async t => {
  const { server, link } = start()
  server.http = () => ({
    status: 409,
    json: { code: 'LOCK_EXPIRED', message: 'over', retryable: false, status: 409 }
  })
  t.match(await link.ask('extend', { lock: 'a' }), {
    status: 'REFUSED',
    error: { code: 'LOCK_EXPIRED', message: 'over' }
  })
  for (const [status, code] of [
    [404, 'INVALID_REQUEST'],
    [429, 'RATE_LIMITED']
  ] as const) {
    server.http = () => ({ status })
    t.match(await link.ask('locks'), { status: 'REFUSED', error: { code } })
  }
  for (const status of [500, 502, 503, 504]) {
    server.http = () => ({ status })
    t.match(
      await link.ask('extend', { lock: 'a' }),
      { status: 'LOST' },
      `${status}: it may have been carried out`
    )
  }
})

t.test('no content is a success; what has no address is refused; what never comes is lost', async t => {
  const { server, time, link } = start()
  server.http = () => ({ status: 204 })
  t.match(await link.ask('release', { lock: 'a' }), { status: 'ANSWERED', result: {} })
  t.match(await link.ask('of-a-later-version'), { status: 'REFUSED', error: { code: 'NOT_FOUND' } })
  server.http = () => new Promise(() => {})
  const waiting = link.ask('locks')
  await time.step(10_000)
  t.match(await waiting, { status: 'LOST' })
  t.equal(time.timers, 0)
})
