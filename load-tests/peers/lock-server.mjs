/**
 * A bare `ws` server that takes locks with somebody's lock library, on one Redis. PEER_LOCK says which, and how:
 *
 * redlock           as it comes: ten retries, 200 ms apart, give or take 100
 * redlock-once      without retries, which is the best it can do for those who lose
 * semaphore         redis-semaphore's Mutex as it comes: a try every 10 ms for 10 s
 * semaphore-once    its tryAcquire()
 *
 * It speaks as much of slotlock's protocol as a race needs: hello, lock, release, and anything else is echoed.
 */
import { createServer } from 'node:http'
import { Redis } from 'ioredis'
import { Mutex } from 'redis-semaphore'
import { ExecutionError, default as Redlock } from 'redlock'
import { WebSocketServer } from 'ws'

const lockMs = 600_000
const redis = new Redis(process.env.PEER_REDIS_URL)
const redlock = new Redlock([redis])

async function byRedlock(slot, settings) {
  try {
    const lock = await redlock.acquire([slot], lockMs, settings)
    return () => lock.release()
  } catch (error) {
    if (error instanceof ExecutionError) return undefined
    throw error
  }
}

async function byMutex(slot, options) {
  const mutex = new Mutex(redis, slot, { lockTimeout: lockMs, ...options })
  return (await mutex.tryAcquire()) ? () => mutex.release() : undefined
}

/** Each answers how to give the lock back, or nothing when somebody else has it. */
const ways = {
  redlock: slot => byRedlock(slot, {}),
  'redlock-once': slot => byRedlock(slot, { retryCount: 0 }),
  semaphore: slot => byMutex(slot, {}),
  'semaphore-once': slot => byMutex(slot, { acquireAttemptsLimit: 1 })
}
const take = ways[process.env.PEER_LOCK]

const held = new Map()

async function answerTo({ type, slots, lock }) {
  if (type === 'release') {
    await held.get(lock)?.()
    held.delete(lock)
  }
  if (type !== 'lock') return { ok: true, result: { slots: [], selections: [] } }
  const [slot] = slots
  const giveBack = await take(slot)
  if (giveBack === undefined)
    return { ok: false, error: { code: 'SLOT_UNAVAILABLE', message: 'taken', retryable: false } }
  held.set(slot, giveBack)
  return { ok: true, result: { lock: { id: slot, slots } } }
}

const http = createServer()
new WebSocketServer({ server: http, perMessageDeflate: false }).on('connection', socket => {
  socket.on('message', data => {
    const message = JSON.parse(data.toString())
    void answerTo(message).then(answer => socket.send(JSON.stringify({ id: message.id, ...answer })))
  })
})
http.listen(0, '127.0.0.1', 4096, () => console.log(`http://127.0.0.1:${http.address().port}`))
