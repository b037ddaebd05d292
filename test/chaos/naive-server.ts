/** The naive double: NaiveLocks behind the same wire, as far as visitors of a chaos run use it. */
import { randomUUID } from 'node:crypto'
import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import { NaiveLocks } from './naive-locks.js'

const { REDIS_URL = '', MYSQL_URL = '', HOST = '127.0.0.1', PORT = '0' } = process.env
const defaultTtlMs = 2_000
const locks = new NaiveLocks(REDIS_URL, MYSQL_URL)
await locks.prepare()

interface Params {
  slots?: string[]
  ttlMs?: number
  requestId?: string
  lock?: string
}
type Answer = { ok: true; result: object } | { ok: false; code: string; status: number }

const expired: Answer = { ok: false, code: 'LOCK_EXPIRED', status: 409 }
const lockView = (id: string, expiresInMs: number): Answer => ({
  ok: true,
  result: {
    lock: { id, slots: locks.slotsOf(id), state: 'held', fence: Date.now(), expiresInMs, expiresAt: 0 }
  }
})

async function perform(op: string, session: string, params: Params): Promise<Answer> {
  const { slots = [], ttlMs = defaultTtlMs, requestId, lock = '' } = params
  try {
    switch (op) {
      case 'lock': {
        const id = await locks.lock(session, slots, ttlMs, requestId)
        return id === undefined ? { ok: false, code: 'SLOT_UNAVAILABLE', status: 409 } : lockView(id, ttlMs)
      }
      case 'extend':
        return (await locks.extend(lock, ttlMs)) ? lockView(lock, ttlMs) : expired
      case 'release':
        await locks.release(lock)
        return { ok: true, result: { released: true } }
      case 'book': {
        const slotsBooked = locks.slotsOf(lock)
        const done = await locks.book(lock)
        return done
          ? { ok: true, result: { booking: { id: `booking-${lock}`, slots: slotsBooked, state: 'booked' } } }
          : expired
      }
      default:
        return { ok: false, code: 'BOOKING_NOT_FOUND', status: 404 }
    }
  } catch {
    return { ok: false, code: 'OUTCOME_UNKNOWN', status: 503 }
  }
}

const app = Fastify({ logger: false })
await app.register(websocket)
app.removeContentTypeParser('application/json')
app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) =>
  done(null, body === '' ? {} : JSON.parse(String(body)))
)
app.get('/livez', async () => ({ status: 'alive' }))
app.post('/v1/sessions', async (_request, reply) => {
  const session = randomUUID()
  return reply.code(201).send({ session, token: session })
})

const routes = [
  ['POST', '/v1/calendars/:calendar/locks', 'lock', 201],
  ['PATCH', '/v1/locks/:lock', 'extend', 200],
  ['DELETE', '/v1/locks/:lock', 'release', 204],
  ['POST', '/v1/locks/:lock/booking', 'book', 201],
  ['DELETE', '/v1/bookings/:booking', 'cancel', 204]
] as const
for (const [method, url, op, status] of routes) {
  app.route<{ Params: { lock?: string }; Body: Params | undefined }>({
    method,
    url,
    handler: async (request, reply) => {
      const session = request.headers.authorization ?? ''
      const requestId = request.headers['idempotency-key']
      const named = typeof requestId === 'string' ? { requestId } : {}
      const answer = await perform(op, session, { ...request.body, ...request.params, ...named })
      if (answer.ok) return reply.code(status).send(status === 204 ? '' : answer.result)
      return reply.code(answer.status).send({ code: answer.code })
    }
  })
}

app.get('/v1/ws', { websocket: true }, socket => {
  let session = ''
  socket.on('message', (data: Buffer) => {
    const { id, type, token, ...params } = JSON.parse(data.toString()) as Params & {
      id: number
      type: string
      token?: string
    }
    if (type === 'hello') {
      session = `Bearer ${token}`
      socket.send(JSON.stringify({ id, ok: true, result: { session, token } }))
      return
    }
    void perform(type, session, params).then(answer => {
      const { ok } = answer
      const error = ok ? {} : { error: { code: answer.code, message: answer.code, retryable: false } }
      socket.send(JSON.stringify({ id, ok, ...(ok ? { result: answer.result } : error) }))
    })
  })
})

await app.listen({ host: HOST, port: Number(PORT) })
