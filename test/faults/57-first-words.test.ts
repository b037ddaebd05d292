import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { until } from '../helpers/process.js'
import { startWorld } from './world.js'

/**
 * Geometry: a client that is in a hurry: its hello, and two requests behind it, are in the same packet as the handshake.
 * They are there before the server knows that there is a socket.
 *
 * What should follow: the listener is attached in the very turn in which the socket comes to be, and what is asked while
 * hello is being looked at waits in order. All three are answered.
 *
 * Twin: a server that awaits something before it listens. It hears nothing of the first words, and there are no others.
 */

/** Everything in one write; answers what was heard so far. */
function inAHurry(t: { teardown(end: () => unknown): void }, port: number, frames: object[]): () => string {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const request =
    'GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  const words = frames.map(frame => {
    const payload = Buffer.from(JSON.stringify(frame))
    return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload])
  })
  let heard = ''
  socket.on('data', chunk => {
    heard += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  socket.write(Buffer.concat([Buffer.from(request), ...words]))
  return () => heard
}

const words = [
  { id: 1, type: 'hello' },
  { id: 2, type: 'locks' },
  { id: 3, type: 'ping' }
]

t.test('words that share one packet with the handshake are heard', async t => {
  const { one } = await startWorld(t, { redis: false, instances: 1 })
  const heard = inAHurry(t, Number(new URL(one.url).port), words)
  await until('all three are answered', () => /"id":2/.test(heard()) && /"id":3/.test(heard()))
  t.match(heard(), /"id":1,"ok":true/)
  t.match(heard(), /"id":2,"ok":true/)
  t.match(heard(), /"id":3,"ok":true/)
})

t.test('twin: a server that awaits before it listens has lost them', async t => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  let listening = false
  let messages = 0
  server.on('connection', async socket => {
    await new Promise(resolve => setTimeout(resolve, 20))
    socket.on('message', () => {
      messages += 1
    })
    listening = true
    socket.ping()
  })
  const heard = inAHurry(t, (server.address() as AddressInfo).port, words)
  await until('it listens', () => listening)
  await until('its ping arrived', () => heard().includes('\x89\x00'))
  t.equal(messages, 0)
})
