/** A bare `ws` server that says everything again: what a WebSocket round trip costs by itself. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

const http = createServer()
new WebSocketServer({ server: http, perMessageDeflate: false }).on('connection', socket =>
  socket.on('message', (data: Buffer) => socket.send(data, { binary: false }))
)
http.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(http.address() as AddressInfo).port}`))
