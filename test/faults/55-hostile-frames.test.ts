import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { WsClient } from '../helpers/ws-client.js'
import { codeOf, startWorld } from './world.js'

/**
 * Geometry: Bob holds a slot and watches. Beside him, at the same instance, somebody sends one of everything that a
 * WebSocket can carry and should not: too large, in too many pieces, binary, no UTF-8, no protocol at all, no JSON, no
 * known type, and far too much of it.
 *
 * What should follow: nonsense that is a message is answered; what breaks the rules closes that one socket, with the code
 * of the rule. Bob notices nothing, and no bug is logged.
 *
 * Twin: a WebSocket server with the library's own bounds.
 */

/** One frame as a client sends it; masked with zeros, which changes nothing. */
function frame(head: number, payload: Buffer): Buffer {
  const length =
    payload.length < 126
      ? Buffer.from([0x80 | payload.length])
      : Buffer.from([0x80 | 126, payload.length >> 8, payload.length & 255])
  return Buffer.concat([Buffer.from([head]), length, Buffer.from([0, 0, 0, 0]), payload])
}
const text = 0x81
const piece = Buffer.from('x')
const manyPieces = (count: number): Buffer =>
  Buffer.concat([
    frame(0x01, piece),
    ...Array.from({ length: count }, () => frame(0x00, piece)),
    frame(0x80, piece)
  ])

const closing: [what: string, code: number, send: (client: WsClient) => void][] = [
  [
    'a message of more than 16 KiB',
    1009,
    ({ stream }) => stream.write(frame(text, Buffer.alloc(16_385, 'x')))
  ],
  ['a message in a hundred pieces', 1008, ({ stream }) => stream.write(manyPieces(100))],
  ['a binary message', 1003, ({ stream }) => stream.write(frame(0x82, Buffer.from('{}')))],
  ['bytes that are no UTF-8', 1007, ({ stream }) => stream.write(frame(text, Buffer.from([0xff, 0xfe])))],
  ['a frame of no known kind', 1002, ({ stream }) => stream.write(frame(0x83, piece))],
  ['a compressed frame, which was not agreed on', 1002, ({ stream }) => stream.write(frame(0xc1, piece))],
  [
    'a flood',
    1008,
    client => {
      for (let n = 0; n < 1_000; n++) client.send({ id: n, type: 'ping' })
    }
  ]
]
const answered: [what: string, frame: unknown][] = [
  ['no JSON', 'nonsense'],
  ['no object', '[1,2,3]'],
  ['no id', { type: 'ping' }],
  ['no known type', { id: 1, type: 'destroy' }],
  ['another prototype', '{"id":1,"type":"ping","__proto__":{"admin":true}}']
]

t.test('what breaks the rules ends its own socket and nobody else’s', async t => {
  const world = await startWorld(t, { redis: false, instances: 1, settings: { messagesPerSecondMax: 20 } })
  const { one } = world
  const bob = await (await one.visitor()).watch()
  const his = await bob.locked([1])
  for (const [what, code, send] of closing) {
    const { client } = await one.visitor()
    send(client)
    t.equal((await client.closed()).code, code, what)
  }
  const { client } = await one.visitor()
  for (const [what, thing] of answered) {
    const from = client.frames.length
    client.send(thing)
    await client.request('ping')
    t.match(client.frames.slice(from)[0], { ok: false, error: { code: 'INVALID_REQUEST' } }, what)
  }
  t.equal(bob.client.close, undefined)
  t.match(await world.row(1), { token: his.id })
  t.equal(codeOf(await bob.book(his)), 'ok')
  t.same(one.logged(/never should|could not be handled/), [])
  const { values } = await one.metrics.closes.get()
  const ours = Object.fromEntries(values.map(({ labels, value }) => [labels.code, value]))
  t.match(ours, { 1003: 1, 1008: 1 }, 'two of these were closed by us, the others by the bounds that we set')
})

t.test('twin: with the library’s own bounds all of it is kept in memory and taken', async t => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const client = await WsClient.connect(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    protocols: []
  })
  const [socket] = [...server.clients]
  const sizes: number[] = []
  socket!.on('message', data => void sizes.push((data as Buffer).length))
  client.send('x'.repeat(20_000_000))
  await once(socket!, 'message')
  client.stream.write(manyPieces(1_000))
  await once(socket!, 'message')
  t.same(sizes, [20_000_000, 1_002])
  client.socket.terminate()
  server.close()
})
