import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { WebSocket } from 'ws'
import { closeCodes } from '../../src/protocol/codes.js'
import { until } from '../helpers/process.js'
import { WsClient } from '../helpers/ws-client.js'
import { serve } from './fixture.js'

/** The answer to an upgrade that was refused. */
async function refusedUpgrade(
  url: string,
  protocols: string[],
  headers: Record<string, string> = {}
): Promise<{ status: number | undefined; body: { code: string } }> {
  const socket = new WebSocket(url, protocols, { headers })
  socket.on('error', () => {})
  const [, response] = await once(socket, 'unexpected-response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()) }
}
t.test(
  'a foreign origin is refused before the upgrade; our own, an allowed one and none are not',
  async t => {
    const { ws, url } = await serve(t, { settings: { origins: ['https://shop.example'] } })
    const refused = await refusedUpgrade(ws, ['slotlock.v1'], { origin: 'https://evil.example' })
    t.match(refused, { status: 403, body: { code: 'FORBIDDEN' } })
    for (const origin of [url, 'https://shop.example', undefined]) {
      const client = await WsClient.connect(ws, origin === undefined ? {} : { origin })
      await client.end()
    }
  }
)

t.test(
  'behind a trusted proxy our own pages are known by the name the browser used, on both faces',
  async t => {
    const headers = { origin: 'https://book.example', 'x-forwarded-host': 'book.example' }
    const allowedOf = async (url: string) =>
      (await fetch(`${url}/v1/calendars`, { headers })).headers.get('access-control-allow-origin')
    const proxied = await serve(t, { settings: { trustProxy: ['127.0.0.1'] } })
    t.equal(await allowedOf(proxied.url), 'https://book.example')
    const client = await WsClient.connect(proxied.ws, { headers })
    await client.end()

    const direct = await serve(t)
    t.equal(await allowedOf(direct.url), null, 'nobody else is believed')
    t.match(await refusedUpgrade(direct.ws, [], headers), { status: 403 })
  }
)

t.test('a client that speaks only other subprotocols is refused, one that names none is not', async t => {
  const { ws } = await serve(t)
  t.match(await refusedUpgrade(ws, ['chat']), { status: 400, body: { code: 'INVALID_REQUEST' } })
  const several = await WsClient.connect(ws, { protocols: ['chat', 'slotlock.v1'] })
  t.equal(several.socket.protocol, 'slotlock.v1')
  await several.end()
  const none = await WsClient.connect(ws, { protocols: [] })
  t.match(await none.request('hello'), { ok: true })
  await none.end()
})

t.test('a handshake that is none is refused as all errors are, with the version spoken here', async t => {
  const { url } = await serve(t)
  const handshake = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
  for (const [headers, message] of [
    [{ ...handshake, 'sec-websocket-key': 'short' }, /Sec-WebSocket-Key/],
    [handshake, /Sec-WebSocket-Key/],
    [{ ...handshake, 'sec-websocket-version': '99' }, /Sec-WebSocket-Version has to be 13/]
  ] as const) {
    const asked = request(`${url}/v1/ws`, { headers, agent: false }).end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    t.match(response.headers, { 'sec-websocket-version': '13', 'content-type': /problem\+json/ })
    t.match(
      { status: response.statusCode, body: await json(response) },
      { status: 400, body: { code: 'INVALID_REQUEST', message } }
    )
  }
})

t.test('an idle socket keeps nothing of the request that opened it', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { app, ws } = await serve(t)
  const opened: WeakRef<IncomingMessage>[] = []
  app.server.on('upgrade', request => void opened.push(new WeakRef(request)))
  const client = await WsClient.connect(ws)
  t.equal(opened.length, 1)
  await until('the request is forgotten', () => {
    collect()
    return opened[0]!.deref() === undefined
  })
  t.match(await client.request('hello'), { ok: true }, 'and the socket lives')
  await client.end()
})

t.test('there is a WebSocket at one address only', async t => {
  const { url } = await serve(t)
  for (const path of ['/livez', '/v1/nothing', '/v1/calendars']) {
    t.match(await refusedUpgrade(url.replace('http', 'ws') + path, []), {
      status: 404,
      body: { code: 'NOT_FOUND' }
    })
  }
})

t.test('connections of one address are bounded, and a closed one makes room', async t => {
  const { ws } = await serve(t, { settings: { connectionsPerAddressMax: 2 } })
  const first = await WsClient.connect(ws)
  const second = await WsClient.connect(ws)
  t.match(await refusedUpgrade(ws, []), { status: 429, body: { code: 'RATE_LIMITED' } })
  await first.end()
  const third = await WsClient.connect(ws)
  await second.end()
  await third.end()
})

t.test(
  'past the bound of the whole server a socket is told when to come back and closed with 1013',
  async t => {
    const { ws } = await serve(t, { settings: { connectionsMax: 1 } })
    const first = await WsClient.open(ws)
    const second = await WsClient.connect(ws)
    t.match(await second.next('goodbye'), { reason: 'overloaded', reconnectInMs: Number })
    t.equal((await second.closed()).code, closeCodes.overloaded)
    await first.end()
  }
)
