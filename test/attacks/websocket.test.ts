import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { WsClient } from '../helpers/ws-client.js'
import { serve } from '../transport/fixture.js'

/** What is tried against the WebSocket; frames that are none are in test/faults/55. */

t.test('a page of another site has nothing to ride on: what a browser sends by itself is nobody', async t => {
  const { ws, tokenOf } = await serve(t, { settings: { origins: ['*'] } })
  const token = tokenOf('admin')
  const rider = await WsClient.connect(`${ws}?token=${token}`, {
    origin: 'https://evil.example',
    headers: { cookie: `token=${token}; session=${token}`, authorization: `Bearer ${token}` }
  })
  const { result } = await rider.request('hello')
  t.match(result, { role: 'visitor', resumed: false }, 'a new visitor, who may do what any visitor may')
  const refused = await rider.request('staff-watch', { calendar: 'demo' })
  t.equal(refused.error?.code, 'FORBIDDEN')
  rider.socket.terminate()
  const herself = await WsClient.connect(ws)
  t.match(
    (await herself.request('hello', { token })).result,
    { role: 'admin', resumed: true },
    'the token has to be said'
  )
  herself.socket.terminate()
})

t.test('what hello says besides its token counts for nothing', async t => {
  const { ws } = await serve(t)
  const client = await WsClient.connect(ws)
  const { result } = await client.request('hello', {
    role: 'admin',
    session: 'A'.repeat(22),
    calendars: ['demo']
  })
  t.match(result, { role: 'visitor', resumed: false })
  t.not(result?.session, 'A'.repeat(22))
  t.equal((await client.request('revoke', { lock: 'A'.repeat(22) })).error?.code, 'FORBIDDEN')
  client.socket.terminate()
})

/** A megabyte of blanks, packed, as a frame with the bit that says so. */
const packed = deflateRawSync(Buffer.alloc(1_000_000, ' ')).subarray(0, -1)
const bomb = Buffer.concat([
  Buffer.from([0xc1, 0x80 | 126, packed.length >> 8, packed.length & 255, 0, 0, 0, 0]),
  packed
])

t.test('compression is not to be had, so nothing can be unpacked', async t => {
  const { ws } = await serve(t)
  const socket = new WebSocket(ws, ['slotlock.v1'], { perMessageDeflate: true })
  await once(socket, 'open')
  t.equal(socket.extensions, '')
  socket.terminate()
  const client = await WsClient.open(ws)
  client.stream.write(bomb)
  t.equal((await client.closed()).code, 1002)
})

t.test('twin: with compression a kilobyte is a megabyte', async t => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true })
  t.teardown(() => server.close())
  await once(server, 'listening')
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    perMessageDeflate: true
  })
  const [accepted] = (await once(server, 'connection')) as [WebSocket]
  await once(socket, 'open')
  const heard = once(accepted, 'message')
  ;(socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(bomb)
  const [message] = (await heard) as [Buffer]
  t.ok(message.length >= 1_000_000)
  socket.terminate()
})

t.test('who pings without reading the pongs is hung up on', async t => {
  const { ws } = await serve(t)
  const client = await WsClient.open(ws)
  client.stream.cork()
  for (let left = 500; left > 0; left--) client.socket.ping(Buffer.alloc(125))
  client.stream.uncork()
  t.equal((await client.closed()).code, 1006)
})
