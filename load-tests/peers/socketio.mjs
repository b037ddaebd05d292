/**
 * One of two Socket.IO servers on one Redis, at its best settings: WebSocket only, no compression.
 *
 * POST /emit?from=N&count=K   sends K events of one slot each to every client of both servers
 */
import { createServer } from 'node:http'
import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'
import { pushOf } from './push.mjs'

const redisUrl = process.env.PEER_REDIS_URL
const http = createServer((request, response) => {
  const { searchParams } = new URL(request.url, 'http://127.0.0.1')
  const from = Number(searchParams.get('from'))
  for (let index = from; index < from + Number(searchParams.get('count')); index++)
    io.emit('slots', pushOf(index))
  response.end()
})
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false })
io.adapter(createAdapter(new Redis(redisUrl), new Redis(redisUrl)))
http.listen(0, '127.0.0.1', 4096, () => console.log(`http://127.0.0.1:${http.address().port}`))
