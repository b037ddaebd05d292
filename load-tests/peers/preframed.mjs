/**
 * The least a fan-out can cost in this language: a message is framed once, and its bytes are written past `ws` to every
 * socket. It keeps no state, checks nothing and hears of nothing over a network.
 *
 * POST /emit?from=N&count=K   sends K messages of one slot each to every client
 */
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { pushOf } from './push.mjs'

const sockets = new Set()
const http = createServer((request, response) => {
  const { searchParams } = new URL(request.url, 'http://127.0.0.1')
  const from = Number(searchParams.get('from'))
  for (let index = from; index < from + Number(searchParams.get('count')); index++) {
    const frame = frameOf(JSON.stringify(pushOf(index)))
    for (const socket of sockets) socket.write(frame)
  }
  response.end()
})
new WebSocketServer({ server: http, perMessageDeflate: false }).on('connection', (client, request) => {
  sockets.add(request.socket)
  client.on('close', () => sockets.delete(request.socket))
})
http.listen(0, '127.0.0.1', 4096, () => console.log(`http://127.0.0.1:${http.address().port}`))

/** Of 126 to 65,535 bytes, as these are. */
function frameOf(text) {
  const payload = Buffer.from(text)
  const frame = Buffer.allocUnsafe(4 + payload.length)
  frame[0] = 0x81
  frame[1] = 126
  frame.writeUInt16BE(payload.length, 2)
  payload.copy(frame, 4)
  return frame
}
