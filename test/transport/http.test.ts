import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { OutcomeUnknown, StoreBusy, StoreContractError, StoreUnavailable } from '../../src/domain/errors.js'
import { operations } from '../../src/protocol/operations.js'
import { ProblemSchema } from '../../src/protocol/schemas.js'
import { check } from '../../src/protocol/validate.js'
import { done, refuse } from '../../src/service/answers/refusal.js'
import { until } from '../helpers/process.js'
import { serve, slotId } from './fixture.js'

interface Heard {
  status: number
  headers: Headers
  body: Record<string, unknown>
}

async function ask(
  url: string,
  path: string,
  init: RequestInit & { token?: string; json?: unknown } = {}
): Promise<Heard> {
  const { token, json, ...rest } = init
  const headers = new Headers(rest.headers)
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
  if (json !== undefined) headers.set('content-type', 'application/json')
  const response = await fetch(url + path, {
    ...rest,
    headers,
    ...(json === undefined ? {} : { body: JSON.stringify(json) })
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

/** The shape that every error has, whoever found it. */
function problem(t: Pick<Test, 'equal' | 'match' | 'ok'>, heard: Heard, status: number, code: string): void {
  t.equal(heard.status, status, `${code} is ${status}`)
  t.match(heard.headers.get('content-type'), /^application\/problem\+json/)
  t.ok(check(ProblemSchema, heard.body).ok, 'it has all members of a problem')
  t.match(heard.body, {
    code,
    status,
    type: `urn:slotlock:error:${code}`,
    requestId: heard.headers.get('x-request-id')
  })
}

t.test(
  'a session over HTTP: opened, resumed by its token, renewed after its end, refused when it is not ours',
  async t => {
    const { url, expiredToken, foreignToken } = await serve(t)
    const opened = await ask(url, '/v1/sessions', { method: 'POST' })
    t.match(opened, { status: 201, body: { resumed: false, role: 'visitor', token: String } })
    const token = String(opened.body.token)
    const resumed = await ask(url, '/v1/sessions', { method: 'POST', token })
    t.match(resumed, { status: 201, body: { resumed: true, session: opened.body.session } })
    const renewed = await ask(url, '/v1/sessions', { method: 'POST', token: expiredToken })
    t.match(renewed, { status: 201, body: { resumed: false } })
    problem(
      t,
      await ask(url, '/v1/sessions', { method: 'POST', token: foreignToken }),
      401,
      'UNAUTHENTICATED'
    )
  }
)

t.test('reading needs no token, but one that does not hold is refused', async t => {
  const { url, expiredToken, foreignToken } = await serve(t)
  t.equal((await ask(url, '/v1/calendars')).status, 200)
  for (const token of [expiredToken, foreignToken, 'nonsense']) {
    const heard = await ask(url, '/v1/calendars', { token })
    problem(t, heard, 401, 'UNAUTHENTICATED')
    t.equal(heard.headers.get('www-authenticate'), 'Bearer')
  }
  problem(
    t,
    await ask(url, '/v1/calendars', { headers: { authorization: 'Basic YTpi' } }),
    401,
    'UNAUTHENTICATED'
  )
})

t.test('access follows the table of operations', async t => {
  const { url, tokenOf } = await serve(t)
  problem(t, await ask(url, '/v1/locks'), 401, 'UNAUTHENTICATED')
  const visitor = tokenOf('visitor')
  t.equal((await ask(url, '/v1/locks', { token: visitor })).status, 200)
  problem(t, await ask(url, '/v1/staff/locks?calendar=demo', { token: visitor }), 403, 'FORBIDDEN')
  const staff = tokenOf('staff')
  t.equal((await ask(url, '/v1/staff/locks?calendar=demo', { token: staff })).status, 200)
  const definition = { name: 'Demo', timeZone: 'UTC', slotMinutes: 30, resources: [] }
  const put = { method: 'PUT', json: definition }
  problem(t, await ask(url, '/v1/calendars/demo', { ...put, token: staff }), 403, 'FORBIDDEN')
  t.equal((await ask(url, '/v1/calendars/demo', { ...put, token: tokenOf('admin') })).status, 200)
  const elsewhere = tokenOf('staff', ['other' as never])
  problem(t, await ask(url, '/v1/staff/locks?calendar=demo', { token: elsewhere }), 403, 'FORBIDDEN')
})

t.test('parameters come from path, query and body, and from Idempotency-Key', async t => {
  const asked: unknown[] = []
  const { url, tokenOf } = await serve(t, {
    handlers: {
      readChanges: async (_caller, params) => {
        asked.push(params)
        return done({ slots: [], selections: [], cursor: '1' })
      },
      lock: async (_caller, params) => {
        asked.push(params)
        return refuse('CALENDAR_NOT_FOUND', 'none')
      }
    }
  })
  const token = tokenOf('visitor')
  await ask(url, '/v1/calendars/demo/changes?from=2030-01-01&to=2030-01-02&wait=1.5&since=9&more=x')
  t.strictSame(asked.pop(), { calendar: 'demo', from: '2030-01-01', to: '2030-01-02', wait: 1.5, since: '9' })
  const locks = '/v1/calendars/demo/locks'
  const slots = [slotId(0)]
  const headers = { 'idempotency-key': 'key-1' }
  await ask(url, locks, { method: 'POST', token, headers, json: { slots, calendar: 'smuggled', more: 1 } })
  t.strictSame(asked.pop(), { calendar: 'demo', slots, requestId: 'key-1' })
  await ask(url, locks, { method: 'POST', token, headers, json: { slots, requestId: 'key-1' } })
  t.strictSame(asked.pop(), { calendar: 'demo', slots, requestId: 'key-1' })
  const both = await ask(url, locks, { method: 'POST', token, headers, json: { slots, requestId: 'key-2' } })
  problem(t, both, 400, 'INVALID_REQUEST')
  t.match(both.body.details, { fields: [{ field: 'requestId' }] })
  t.strictSame(asked, [])
})

t.test('what is wrong with a request is said field by field', async t => {
  const { url, tokenOf } = await serve(t)
  const token = tokenOf('admin')
  const query = await ask(url, '/v1/calendars/demo/changes?from=2030-1-1&from=x&wait=never')
  problem(t, query, 400, 'INVALID_REQUEST')
  const named = (query.body.details as { fields: { field: string }[] }).fields.map(({ field }) => field)
  t.strictSame(named.sort(), ['from', 'to', 'wait'])
  const strict = await ask(url, '/v1/calendars/demo', {
    method: 'PUT',
    token,
    json: { name: 'D', timeZone: 'UTC', slotMinutes: 30, resources: [], exeptions: [] }
  })
  t.match(strict.body.details, { fields: [{ field: 'exeptions', problem: 'is not known here' }] })
  const body = await ask(url, '/v1/calendars/demo/locks', { method: 'POST', token, json: [1] })
  t.match(body.body, { code: 'INVALID_REQUEST', details: { fields: [{ field: 'body' }] } })
})

t.test('DELETE takes its parameters as JSON, and 204 has no body', async t => {
  const asked: unknown[] = []
  const { url, tokenOf } = await serve(t, {
    handlers: {
      unblock: async (_caller, params) => {
        asked.push(params)
        return done({ slots: [] })
      },
      revoke: async (_caller, params) => {
        asked.push(params)
        return done({ revoked: true })
      }
    }
  })
  const token = tokenOf('staff')
  const slots = [slotId(0)]
  t.match(await ask(url, '/v1/calendars/demo/blocks', { method: 'DELETE', token, json: { slots } }), {
    status: 200,
    body: { slots: [] }
  })
  t.strictSame(asked.pop(), { calendar: 'demo', slots })
  const revoked = await fetch(`${url}/v1/staff/locks/abc`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  })
  t.equal(revoked.status, 204)
  t.equal(await revoked.text(), '')
  t.strictSame(asked.pop(), { lock: 'abc' }, 'a type without a body is no error')
  t.equal((await ask(url, '/v1/calendars/demo/selection', { method: 'DELETE', token })).status, 204)
})

t.test('whatever goes wrong has the shape of a problem', async t => {
  const { url, tokenOf } = await serve(t)
  const token = tokenOf('visitor')
  const post = { method: 'POST', token }
  const json = { 'content-type': 'application/json' }
  const locks = '/v1/calendars/demo/locks'
  problem(t, await ask(url, '/v1/nothing?token=x'), 404, 'NOT_FOUND')
  problem(t, await ask(url, '/v1/calendars/%zz/slots'), 400, 'INVALID_REQUEST')
  problem(t, await ask(url, locks, { ...post, headers: json, body: '{"slots":' }), 400, 'INVALID_REQUEST')
  problem(
    t,
    await ask(url, locks, { ...post, headers: { 'content-type': 'text/plain' }, body: 'x' }),
    400,
    'INVALID_REQUEST'
  )
  problem(
    t,
    await ask(url, locks, { ...post, headers: json, body: '{"__proto__":{}}' }),
    400,
    'INVALID_REQUEST'
  )
  problem(
    t,
    await ask(url, locks, { ...post, headers: json, body: '['.repeat(5_000) + ']'.repeat(5_000) }),
    400,
    'INVALID_REQUEST'
  )
  problem(
    t,
    await ask(url, locks, { ...post, json: { slots: ['x'.repeat(20_000)] } }),
    400,
    'INVALID_REQUEST'
  )
  problem(t, await ask(url, '/v1/ws'), 400, 'INVALID_REQUEST')
  const wrongMethod = await ask(url, locks, { method: 'PATCH', token, json: {} })
  t.match(wrongMethod, { status: 405, body: { code: 'INVALID_REQUEST', status: 405 } })
  t.equal(wrongMethod.headers.get('allow'), 'POST')
})

t.test('what is not HTTP at all is answered in the same shape', async t => {
  const { url } = await serve(t)
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write('NONSENSE\r\n\r\n')
  let heard = ''
  for await (const chunk of socket) heard += chunk
  t.match(heard, /^HTTP\/1\.1 400 /)
  t.match(heard, /application\/problem\+json/)
  t.match(JSON.parse(heard.slice(heard.indexOf('{'))), { code: 'INVALID_REQUEST', status: 400 })
})

t.test('a broken store is told by its code and when to come back', async t => {
  const broken: Error[] = [
    new StoreUnavailable('out'),
    new StoreBusy('full'),
    new OutcomeUnknown('lost'),
    new StoreContractError('impossible'),
    new TypeError('a bug')
  ]
  const { url, tokenOf, logged } = await serve(t, {
    handlers: {
      listLocks: async () => {
        throw broken.shift()!
      }
    }
  })
  const token = tokenOf('visitor')
  for (const code of ['STORE_UNAVAILABLE', 'BUSY', 'OUTCOME_UNKNOWN']) {
    const heard = await ask(url, '/v1/locks', { token })
    problem(t, heard, 503, code)
    t.equal(heard.headers.get('retry-after'), '1')
    t.equal(heard.body.retryable, true)
  }
  for (const secret of ['impossible', 'a bug']) {
    const heard = await ask(url, '/v1/locks', { token, headers: { 'x-request-id': `req-${secret.length}` } })
    problem(t, heard, 500, 'INTERNAL')
    t.notMatch(JSON.stringify(heard.body), new RegExp(secret))
    t.ok(logged.some(line => line.includes(secret) && line.includes(`req-${secret.length}`)))
  }
})

t.test('a request id is taken over when it is one, else made', async t => {
  const { url } = await serve(t)
  const named = await ask(url, '/livez', { headers: { 'x-request-id': 'mine-1' } })
  t.equal(named.headers.get('x-request-id'), 'mine-1')
  const garbled = await ask(url, '/livez', { headers: { 'x-request-id': 'a b"c' } })
  t.match(garbled.headers.get('x-request-id'), /^[0-9a-f-]{36}$/)
})

t.test('past the rate: 429 with the time to wait; health and metrics are never limited', async t => {
  const { url } = await serve(t, { settings: { requestsPerMinuteMax: 2, sessionsPerMinuteMax: 1 } })
  const first = await ask(url, '/v1/sessions', { method: 'POST' })
  t.match(first.headers.get('ratelimit'), /^"sessions";r=0;t=\d+$/)
  const second = await ask(url, '/v1/sessions', { method: 'POST' })
  problem(t, second, 429, 'RATE_LIMITED')
  const third = await ask(url, '/v1/calendars')
  problem(t, third, 429, 'RATE_LIMITED')
  t.equal(third.headers.get('ratelimit-policy'), '"requests";q=2;w=60')
  t.match(third.headers.get('retry-after'), /^\d+$/)
  t.ok(Number(third.body.retryAfterMs) > 0)
  for (const path of ['/livez', '/readyz', '/health', '/metrics']) {
    t.equal((await fetch(url + path)).status, 200, path)
  }
})

t.test('pages of allowed origins may read answers and their headers, others may not', async t => {
  const { url } = await serve(t, { settings: { origins: ['https://shop.example'] } })
  const allowed = await ask(url, '/v1/calendars', { headers: { origin: 'https://shop.example' } })
  t.equal(allowed.headers.get('access-control-allow-origin'), 'https://shop.example')
  t.match(allowed.headers.get('access-control-expose-headers'), /Retry-After.*RateLimit.*X-Request-Id/)
  const foreign = await ask(url, '/v1/calendars', { headers: { origin: 'https://evil.example' } })
  t.equal(foreign.headers.get('access-control-allow-origin'), null)
  const preflight = await fetch(`${url}/v1/calendars/demo/locks`, {
    method: 'OPTIONS',
    headers: { origin: 'https://shop.example', 'access-control-request-method': 'POST' }
  })
  t.equal(preflight.status, 204)
  t.match(preflight.headers.get('access-control-allow-headers'), /Idempotency-Key/)
})

t.test('the log never has tokens, queries or what people typed', async t => {
  const { url, tokenOf, logged } = await serve(t, {
    logLevel: 'trace',
    handlers: {
      book: async () => {
        throw new TypeError('a bug in booking')
      }
    }
  })
  const token = tokenOf('visitor')
  await ask(url, `/v1/nothing?secret=in-the-query&token=${token}`, { token })
  await ask(url, '/v1/locks/abc/booking?q=in-the-query', {
    method: 'POST',
    token,
    json: { customer: { name: 'Jane Typed' } }
  })
  await ask(url, '/v1/calendars/%zz?q=in-the-query', { token })
  const log = logged.join('')
  t.match(log, /a bug in booking/)
  for (const secret of [token, 'in-the-query', 'Jane Typed'])
    t.notOk(log.includes(secret), `no ${secret.slice(0, 12)}`)
})

t.test('every operation with an address is served there', async t => {
  const { app } = await serve(t)
  for (const [name, { http }] of Object.entries(operations) as [
    string,
    { http?: { method: 'GET'; path: string } }
  ][]) {
    if (http === undefined) continue
    t.ok(app.hasRoute({ method: http.method, url: http.path }), `${name}: ${http.method} ${http.path}`)
  }
})

t.test('the service is told when the client of a waiting poll hangs up, and not before', async t => {
  const seen: { left: AbortSignal | undefined }[] = []
  const { url } = await serve(t, {
    handlers: {
      readChanges: async ({ left }) => {
        seen.push({ left })
        if (seen.length > 1) await once(left!, 'abort')
        return done({ slots: [], selections: [], cursor: '1' })
      }
    }
  })
  const path = '/v1/calendars/demo/changes?from=2030-01-01&to=2030-01-02&wait=25'
  t.equal((await ask(url, path)).status, 200)
  const client = new AbortController()
  const waiting = fetch(url + path, { signal: client.signal }).catch(() => 'hung up')
  await until('the poll is there', () => seen.length === 2)
  t.equal(seen[1]!.left?.aborted, false)
  client.abort()
  t.equal(await waiting, 'hung up')
  await until('the service knows', () => seen[1]!.left?.aborted === true)
})
