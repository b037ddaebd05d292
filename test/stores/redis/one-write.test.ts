import { Writable } from 'node:stream'
import type { Redis } from 'ioredis'
import t from 'tap'
import { OneWrite } from '../../../src/stores/redis/one-write.js'

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** A connection whose writes are counted; each is a system call on a real one. */
function connection() {
  const writes: number[] = []
  const stream = new Writable({
    decodeStrings: false,
    write: (_chunk, _encoding, done) => {
      writes.push(1)
      done()
    },
    writev: (chunks, done) => {
      writes.push(chunks.length)
      done()
    }
  })
  return { writes, redis: { status: 'ready', stream } as unknown as Redis & { stream: Writable } }
}

t.test(
  'what is sent in one turn of the event loop leaves in one write, and nothing waits for the next',
  async t => {
    const { writes, redis } = connection()
    const oneWrite = new OneWrite(redis)
    for (const round of [1, 2]) {
      for (const command of ['a', 'b', 'c']) {
        oneWrite.begin()
        await Promise.resolve()
        redis.stream.write(command)
      }
      await turn()
      t.strictSame(writes, Array(round).fill(3))
    }
  }
)

t.test('without it each command is a write', async t => {
  const { writes, redis } = connection()
  for (const command of ['a', 'b', 'c']) redis.stream.write(command)
  await turn()
  t.strictSame(writes, [1, 1, 1])
})

t.test('a connection that is lost takes nothing with it to the next', async t => {
  const first = connection()
  const second = connection()
  const redis = { status: 'ready', stream: first.redis.stream } as unknown as Redis & { stream: Writable }
  const oneWrite = new OneWrite(redis)
  oneWrite.begin()
  redis.stream.destroy()
  redis.stream = second.redis.stream
  await turn()
  oneWrite.begin()
  redis.stream.write('a')
  t.strictSame(second.writes, [])
  await turn()
  t.strictSame(second.writes, [1])
})
