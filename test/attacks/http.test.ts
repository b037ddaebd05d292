import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { done } from '../../src/service/answers/refusal.js'
import { until } from '../helpers/process.js'
import { answersIn, type HttpAnswer, RawSocket } from '../helpers/raw-socket.js'
import { WsClient } from '../helpers/ws-client.js'
import { serve, slotId } from '../transport/fixture.js'

/** What is tried against HTTP itself, each with what happens where nobody thought of it. */

const host = 'Host: 127.0.0.1\r\n'
const json = 'Content-Type: application/json\r\n'
const portOf = (url: string): number => Number(new URL(url).port)

/** Says it, and answers all that came back until the other side closed; where it will not by itself, that is asked for. */
async function say(port: number, text: string | Buffer): Promise<HttpAnswer[]> {
  const socket = await RawSocket.connect(port)
  socket.write(text)
  // Node drops what is not answered yet when its client ends
  if (String(text).includes('Connection: close')) await socket.hears(() => false)
  else await socket.finish()
  return answersIn(socket.heard)
}

t.test('one request has one answer, however its length is given', async t => {
  const carriedOut: string[] = []
  const { url, tokenOf } = await serve(t, {
    handlers: {
      putCalendar: async (_caller, definition) => {
        carriedOut.push(definition.name)
        return done(definition)
      }
    }
  })
  const definition = JSON.stringify({ name: 'smuggled', timeZone: 'UTC', slotMinutes: 30, resources: [] })
  const request = (lengths: string): string =>
    `PUT /v1/calendars/hidden HTTP/1.1\r\n${host}${json}Authorization: Bearer ${tokenOf('admin')}\r\n${lengths}\r\n${definition}`
  const hidden = request(`Content-Length: ${definition.length}\r\n`)
  const outer = (lengths: string, body: string): string =>
    `POST /v1/sessions HTTP/1.1\r\n${host}${json}${lengths}\r\n${body}`

  for (const [what, lengths] of [
    ['a length and chunks', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n'],
    ['chunks and a length', `Transfer-Encoding: chunked\r\nContent-Length: ${hidden.length + 5}\r\n`],
    ['two lengths', `Content-Length: 5\r\nContent-Length: ${hidden.length + 5}\r\n`],
    ['a coding that is none', 'Transfer-Encoding: xchunked\r\n'],
    ['a coding in disguise', 'Transfer-Encoding: chunked, identity\r\n'],
    ['a length that is signed', 'Content-Length: +5\r\n'],
    ['a name with a space', 'Content-Length : 5\r\n']
  ] as const) {
    const answers = await say(portOf(url), outer(lengths, `0\r\n\r\n${hidden}`))
    t.strictSame(
      answers.map(({ status }) => status),
      [400],
      what
    )
    t.equal(answers[0]?.headers.get('connection'), 'close', `${what}: and nothing more is read`)
  }
  t.strictSame(carriedOut, [])
  const apart = await say(portOf(url), `${outer('Content-Length: 0\r\n', '')}${hidden}`)
  t.strictSame(
    apart.map(({ status }) => status),
    [201, 200],
    'two requests, one behind the other, are two'
  )
  t.strictSame(carriedOut, ['smuggled'])
})

t.test('twin: a lenient parser carries out the request that was hidden', async t => {
  const seen: string[] = []
  const server = createServer({ insecureHTTPParser: true }, (request, response) => {
    seen.push(`${request.method} ${request.url}`)
    request.resume().on('end', () => response.end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const hidden = `PUT /hidden HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n`
  await say(
    (server.address() as AddressInfo).port,
    `POST / HTTP/1.1\r\n${host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`
  )
  t.strictSame(seen, ['POST /', 'PUT /hidden'])
})

/** A body that is refused unread, and whose rest never comes. */
const halfABody = `POST /v1/sessions HTTP/1.1\r\n${host}Content-Type: image/png\r\nContent-Length: 1000\r\n\r\nxxx`

t.test('a body that was refused unread has no second answer when its rest is nonsense', async t => {
  const { url } = await serve(t)
  const [answer, ...more] = await say(portOf(url), halfABody)
  t.match(answer, { status: 400, headers: new Map([['connection', 'close']]) })
  t.strictSame(more, [])
})

t.test(
  'twin: where the connection goes on, a proxy would give the second answer to somebody else',
  async t => {
    const app = Fastify({
      clientErrorHandler: (_error, socket) =>
        socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
    })
    t.teardown(() => app.close())
    app.post('/v1/sessions', async () => 'never')
    await app.listen({ host: '127.0.0.1', port: 0 })
    const answers = await say(portOf(app.listeningOrigin), halfABody)
    t.strictSame(
      answers.map(({ status }) => status),
      [415, 400]
    )
  }
)

async function dripping(t: Test, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  socket.on('error', () => {})
  socket.resume()
  return socket
}

t.test(
  'who sends a request by the byte, or none at all, is hung up on, and others are served meanwhile',
  async t => {
    const { url } = await serve(t, { timing: { headersWithinMs: 300, requestWithinMs: 600 } })
    const sockets = await Promise.all(Array.from({ length: 30 }, () => dripping(t, portOf(url))))
    const gone = Promise.all(sockets.map(socket => once(socket, 'close')))
    for (const [index, socket] of sockets.entries()) {
      if (index % 3 === 1) socket.write(`GET /v1/calendars HTTP/1.1\r\n${host}X: `)
      if (index % 3 === 2)
        socket.write(`POST /v1/sessions HTTP/1.1\r\n${host}${json}Content-Length: 100\r\n\r\n`)
    }
    const drip = setInterval(() => {
      for (const [index, socket] of sockets.entries())
        if (index % 3 > 0 && !socket.destroyed) socket.write('x')
    }, 50)
    t.teardown(() => clearInterval(drip))
    t.equal((await fetch(`${url}/v1/calendars`)).status, 200)
    await gone
    t.pass('all of them')
  }
)

t.test('twin: with the times that Node has by itself they stay', async t => {
  const { url } = await serve(t, { timing: { headersWithinMs: 60_000, requestWithinMs: 300_000 } })
  const socket = await dripping(t, portOf(url))
  socket.write(`GET /v1/calendars HTTP/1.1\r\n${host}X: `)
  // for longer than the others were suffered, counted in what the server does meanwhile
  const from = performance.now()
  while (performance.now() - from < 1_200) await fetch(`${url}/livez`)
  t.equal(socket.closed, false)
})

t.test('one address has so many connections open, and who closes one may open another', async t => {
  const { url, metrics } = await serve(t, { settings: { connectionsPerAddressMax: 2 } })
  const within = await Promise.all(Array.from({ length: 8 }, () => dripping(t, portOf(url))))
  await until('all are counted', () => within.every(({ readyState }) => readyState === 'open'))
  const past = await dripping(t, portOf(url))
  await once(past, 'close')
  const { values } = await metrics.limited.get()
  t.match(values, [{ labels: { limit: 'tcpConnectionsPerAddressMax' }, value: 1 }])
  within.pop()!.destroy()
  await until('there is room', async () => {
    const answer = await fetch(`${url}/livez`).catch(() => undefined)
    return answer?.status === 200
  })
})

t.test('twin: behind a proxy that is trusted all come from one address, and are not counted', async t => {
  const { url } = await serve(t, { settings: { connectionsPerAddressMax: 2, trustProxy: ['127.0.0.1'] } })
  await Promise.all(Array.from({ length: 20 }, () => dripping(t, portOf(url))))
  t.equal((await fetch(`${url}/livez`)).status, 200)
})

t.test('an upgrade that is refused is no connection that stays, and one that is accepted stays', async t => {
  const { url, ws } = await serve(t, { timing: { headersWithinMs: 200 } })
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  const client = await WsClient.open(ws)
  const sockets = await Promise.all(
    [
      `GET /nothing HTTP/1.1\r\n${upgrade}\r\n`,
      `OPTIONS /v1/calendars HTTP/1.1\r\n${host}Origin: ${url}\r\nAccess-Control-Request-Method: PUT\r\n${upgrade}\r\n`,
      `GET /%zz HTTP/1.1\r\n${host}${upgrade}\r\n`,
      `GET /v1/locks HTTP/1.1\r\n${host}${upgrade}\r\n`
    ].map(async text => {
      const socket = await dripping(t, portOf(url))
      socket.write(text)
      return socket
    })
  )
  await until('they are gone', () => sockets.every(({ closed }) => closed))
  t.equal((await client.request('ping')).ok, true)
  await client.end()
})

t.test('what else one request can be', async t => {
  const names: string[] = []
  const { url, tokenOf, logged } = await serve(t, {
    logLevel: 'trace',
    handlers: {
      putCalendar: async (_caller, definition) => {
        names.push(definition.name)
        return done(definition)
      }
    }
  })
  const port = portOf(url)
  const token = tokenOf('visitor')
  const bearer = `Authorization: Bearer ${token}\r\n`

  await t.test('a packed body is not unpacked: a megabyte in a kilobyte is no JSON', async t => {
    const bomb = gzipSync(Buffer.alloc(1_000_000, ' '))
    t.ok(bomb.length < 2_000)
    const head = `PUT /v1/calendars/demo HTTP/1.1\r\n${host}${json}Content-Encoding: gzip\r\nAuthorization: Bearer ${tokenOf('admin')}\r\nContent-Length: ${bomb.length}\r\n\r\n`
    const [answer] = await say(port, Buffer.concat([Buffer.from(head), bomb]))
    t.match(answer, { status: 400, body: /is not JSON/ })
  })

  await t.test('a token in the address is no token, and does not get into the log', async t => {
    for (const name of ['token', 'access_token', 'authorization']) {
      const response = await fetch(`${url}/v1/locks?${name}=${token}`)
      t.equal(response.status, 401, name)
    }
    t.equal(
      (await fetch(`${url}/v1/locks`, { headers: { cookie: `token=${token}` } })).status,
      401,
      'nor in a cookie'
    )
    t.equal((await fetch(`${url}/v1/locks`, { headers: { authorization: `Bearer ${token}` } })).status, 200)
    t.notOk(logged.some(line => line.includes(token)))
  })

  await t.test('no header of a request turns its method, its host or its address into another', async t => {
    const more =
      'X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /v1/staff/locks\r\nX-Forwarded-For: 10.0.0.1\r\n'
    const [answer] = await say(
      port,
      `GET /v1/locks HTTP/1.1\r\n${host}${bearer}${more}Connection: close\r\n\r\n`
    )
    t.match(answer, { status: 200, body: '{"locks":[]}' })
    for (const method of ['TRACE', 'CONNECT', 'PROPFIND']) {
      const [refused] = await say(
        port,
        `${method} /v1/locks HTTP/1.1\r\n${host}${bearer}Connection: close\r\n\r\n`
      )
      t.ok(refused === undefined || refused.status >= 400, method)
      t.notOk(refused?.body.includes(token), `${method} shows nothing of the request`)
    }
  })

  await t.test('a name with a line break is a name: no header, and one line of the log', async t => {
    const name = 'Lee\r\nSet-Cookie: admin=1\r\n\r\n<h1>'
    const response = await fetch(`${url}/v1/calendars/demo`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${tokenOf('admin')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name, timeZone: 'UTC', slotMinutes: 30, resources: [] })
    })
    t.equal(response.headers.get('set-cookie'), null)
    t.match(response.headers.get('content-type'), /^application\/json/)
    t.equal(response.headers.get('x-content-type-options'), 'nosniff', 'nor is it ever a page')
    t.strictSame(names, [name])
    for (const id of ['a\tb', '{"level":60}', 'x'.repeat(65)]) {
      const answered = await fetch(`${url}/nothing%0a${encodeURIComponent('{"level":60}')}`, {
        headers: { 'x-request-id': id }
      })
      t.match(
        answered.headers.get('x-request-id'),
        /^[0-9a-f-]{36}$/,
        'nor is a request id that would garble it'
      )
    }
    for (const line of logged) t.doesNotThrow(() => JSON.parse(line), 'each line is one entry')
  })

  await t.test('no path leads out of the pages', async t => {
    for (const path of [
      '/../package.json',
      '/..%2fpackage.json',
      '/%2e%2e/package.json',
      '/docs/static/..%2f..%2f..%2f..%2fpackage.json',
      '/docs/..\\..\\package.json',
      '//package.json',
      '/cli.js',
      '/slot-picker.js%00.json'
    ]) {
      const [answer] = await say(port, `GET ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)
      t.ok(answer !== undefined, path)
      t.notMatch(answer?.body, /devDependencies/, path)
    }
  })

  await t.test('an upload that breaks off is no bug that wakes somebody up', async t => {
    const from = logged.length
    const socket = await RawSocket.connect(port)
    socket.write(`POST /v1/sessions HTTP/1.1\r\n${host}${json}Content-Length: 1000\r\n\r\n{`)
    socket.drop()
    await until('the next one is served', async () => (await fetch(`${url}/v1/calendars`)).status === 200)
    t.notOk(logged.slice(from).some(line => /never should/.test(line)))
  })

  await t.test('a range that is not in the file is no bug either', async t => {
    const from = logged.length
    const response = await fetch(`${url}/slot-picker.js`, { headers: { range: 'bytes=99999999-' } })
    t.equal(response.status, 400)
    t.match(await response.json(), { code: 'INVALID_REQUEST' })
    t.notOk(logged.slice(from).some(line => /never should/.test(line)))
  })

  await t.test('a request without Host is refused like all others', async t => {
    const [answer] = await say(port, 'GET /v1/calendars HTTP/1.1\r\n\r\n')
    t.match(answer, { status: 400, body: /"code":"INVALID_REQUEST".*Host/ })
    t.match(await say(port, `GET /livez HTTP/1.1\r\n${host}Expect: miracles\r\n\r\n`), [{ status: 200 }])
  })
})

t.test(
  'more than was asked for is not taken: who, when and what it is worth are the server’s to say',
  async t => {
    const seen: object[] = []
    const { url, tokenOf } = await serve(t, {
      handlers: {
        lock: async (caller, params) => {
          seen.push({ ...params, session: caller.session, role: caller.role })
          return { ok: false, refusal: { code: 'SLOT_NOT_FOUND', message: 'none' } }
        }
      }
    })
    const token = tokenOf('visitor')
    await fetch(`${url}/v1/calendars/demo/locks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{
          slots: [slotId(0)],
          calendar: 'annexe',
          session: 'x',
          owner: 'x',
          role: 'admin',
          state: 'booked'
        },
        ...{ expiresAt: 4e12, fence: 9e15, createdAt: 0, id: 'A'.repeat(22) }
      })
    })
    t.match(seen, [{ calendar: 'demo', slots: [slotId(0)], role: 'visitor' }])
    t.strictSame(Object.keys(seen[0]!).sort(), ['calendar', 'role', 'session', 'slots'])
  }
)
