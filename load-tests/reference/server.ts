/**
 * The least a server could do: the same framework, the same sockets, one raw statement per request and no promise
 * kept. What slotlock costs is what it takes more than this, measured in the same minute on the same machine.
 *
 * POST /:store   one lock as one raw call: `evalsha`, `commit`, both (`evalsha-commit`) or `nothing`
 * GET  /v1/ws    answers every message at once; `lock` with one raw EVALSHA, `watch` with what `keep` brought
 */
import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import { openRawCommit, openRawLock } from './raw.js'

const redisUrl = process.env.REFERENCE_REDIS_URL
if (redisUrl === undefined) throw new Error('REFERENCE_REDIS_URL is missing')
const lock = openRawLock(redisUrl)
const commit = await openRawCommit({
  mysqlUrl: process.env.REFERENCE_MYSQL_URL,
  sqlitePath: process.env.REFERENCE_SQLITE_PATH
})

const app = Fastify({ logger: false })
await app.register(websocket, { options: { maxPayload: 2 ** 20, perMessageDeflate: false } })

const schema = {
  body: {
    type: 'object',
    required: ['slots'],
    properties: { slots: { type: 'array', items: { type: 'string' } } }
  },
  response: { 201: { type: 'object', properties: { lock: { type: 'string' } } } }
}
for (const store of ['evalsha', 'commit', 'evalsha-commit', 'nothing'] as const) {
  app.post<{ Body: { slots: string[] } }>(`/${store}`, { schema }, async (request, reply) => {
    const slot = request.body.slots[0] ?? ''
    if (store.startsWith('evalsha')) await lock.take(slot, 'reference')
    if (store.endsWith('commit')) await commit.insert(slot)
    return reply.code(201).send({ lock: slot })
  })
}

const limits = {}
const session = {
  session: '',
  token: '',
  expiresAt: 0,
  serverTime: 0,
  limits,
  service: 'normal',
  resumed: false
}

/** The text of a snapshot; whoever keeps it as text can send it no cheaper. */
let snapshot = JSON.stringify({ slots: [], selections: [] })

app.get('/v1/ws', { websocket: true }, socket => {
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as {
      id: number
      type: string
      slots?: string[]
      result?: object
    }
    if (message.type === 'keep') snapshot = JSON.stringify(message.result)
    if (message.type === 'watch') {
      socket.send(`{"id":${message.id},"ok":true,"result":${snapshot}}`)
      return
    }
    if (message.type !== 'lock') {
      const result = message.type === 'hello' ? session : {}
      socket.send(JSON.stringify({ id: message.id, ok: true, result }))
      return
    }
    const slot = message.slots?.[0] ?? ''
    void lock.take(slot, 'reference').then(won => {
      const conflicts = [{ slot, state: 'locked', expiresInMs: 600_000 }]
      const error = { code: 'SLOT_UNAVAILABLE', message: 'taken', retryable: false, details: { conflicts } }
      const answer = won
        ? { id: message.id, ok: true, result: { lock: { id: slot, slots: [slot] } } }
        : { id: message.id, ok: false, error }
      socket.send(JSON.stringify(answer))
    })
  })
})

console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
