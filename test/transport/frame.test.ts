import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { type WebSocket, WebSocketServer } from 'ws'
import { textFrame, writeFrame } from '../../src/transport/frame.js'
import { until } from '../helpers/process.js'

/** A WebSocket of ws' own server, and the raw bytes that its client hears after the handshake. */
async function pair(t: { teardown(end: () => unknown): void }): Promise<{
  socket: WebSocket
  stream: Duplex
  heard: () => Buffer
}> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => {
    client.destroy()
    server.close()
  })
  client.write(
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  )
  const chunks: Buffer[] = []
  client.on('data', chunk => chunks.push(chunk))
  const [socket, request] = (await once(server, 'connection')) as [WebSocket, { socket: Duplex }]
  await until('the handshake is over', () => Buffer.concat(chunks).includes('\r\n\r\n'))
  chunks.length = 0
  return { socket, stream: request.socket, heard: () => Buffer.concat(chunks) }
}

t.test(
  'our frame has the bytes that ws itself would send, at every length where the header changes',
  async t => {
    const { socket, stream, heard } = await pair(t)
    let from = 0
    for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]) {
      for (const letter of ['a', 'ü', '🗓']) {
        const text = letter.repeat(length).slice(0, length)
        const ours = textFrame(text)
        socket.send(text)
        await until('ws has sent it', () => heard().length >= from + ours.length)
        const theirs = heard().subarray(from, from + ours.length)
        t.ok(theirs.equals(ours), `${length} × ${letter}`)
        t.ok(writeFrame(socket, stream, ours))
        await until('we have sent it', () => heard().length >= from + 2 * ours.length)
        from += 2 * ours.length
      }
    }
    t.equal(heard().length, from, 'nothing else was sent')
  }
)

t.test('what we write and what ws writes arrive in the order of the calls', async t => {
  const { socket, stream, heard } = await pair(t)
  const expected: Buffer[] = []
  for (let n = 0; n < 50; n++) {
    const frame = textFrame(`message ${n} ${'x'.repeat(n * 100)}`)
    expected.push(frame)
    if (n % 3 === 0) socket.send(`message ${n} ${'x'.repeat(n * 100)}`)
    else writeFrame(socket, stream, frame)
    if (n % 10 === 0) {
      socket.ping('p')
      expected.push(Buffer.from([0x89, 1, 'p'.charCodeAt(0)]))
    }
  }
  const all = Buffer.concat(expected)
  await until('all has arrived', () => heard().length >= all.length)
  t.ok(heard().equals(all))
})

t.test('nothing is written behind a close frame', async t => {
  const { socket, stream, heard } = await pair(t)
  socket.close(1000)
  t.notOk(writeFrame(socket, stream, textFrame('too late')))
  await until('the close frame came', () => heard().length >= 4)
  t.strictSame([...heard()], [0x88, 2, 0x03, 0xe8])
})
