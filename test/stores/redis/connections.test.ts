import { once } from 'node:events'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { commandClient, retryDelayMs } from '../../../src/stores/redis/connections.js'
import { until } from '../../helpers/process.js'
import { RedisServer } from '../../helpers/redis.js'
import { TcpProxy } from '../../helpers/tcp-proxy.js'

t.test('it comes back soon at first, then about once a second, each with some chance', async t => {
  const never = (): number => 0
  t.strictSame(
    [1, 2, 3, 4, 5, 6, 7, 100].map(attempt => retryDelayMs(attempt, never)),
    [50, 100, 200, 400, 800, 1_000, 1_000, 1_000]
  )
  t.equal(
    retryDelayMs(100, () => 0.999_999),
    1_099
  )
})

/** Loses the answer of one INCR together with the connection, and says how often it was counted in the end. */
async function countedAfterLostReply(t: Test, open: (port: number) => Redis) {
  const server = await RedisServer.start(t)
  const proxy = await TcpProxy.start(t, server.port)
  const client = open(proxy.port)
  t.teardown(() => client.disconnect())
  await until('it is connected', () => client.status === 'ready')
  const behind = server.client()
  proxy.fault({ dropDownstream: true })
  const answer = client.incr('count').then(
    () => 'answered',
    () => 'failed'
  )
  await until('it was executed', async () => (await behind.get('count')) === '1')
  proxy.fault({ dropDownstream: false })
  const closed = once(client, 'close')
  proxy.cut()
  await closed
  await until('it is connected again', () => client.status === 'ready')
  await client.ping()
  return { answer: await answer, count: await behind.get('count') }
}

t.test('a command whose answer was lost is reported as failed and not sent again', async t => {
  const open = (port: number) => commandClient({ url: `redis://127.0.0.1:${port}` }, Math.random, 5_000)
  t.strictSame(await countedAfterLostReply(t, open), { answer: 'failed', count: '1' })
})

t.test('(with the defaults of the client it is executed twice)', async t => {
  const open = (port: number) => new Redis(port, '127.0.0.1').on('error', () => {})
  t.strictSame(await countedAfterLostReply(t, open), { answer: 'answered', count: '2' })
})

t.test('without a connection a command fails at once; nothing is kept for later', async t => {
  const server = await RedisServer.start(t)
  await server.kill()
  const client = commandClient({ url: server.url }, Math.random)
  t.teardown(() => client.disconnect())
  await t.rejects(client.incr('count'))
  await server.restart()
  await until('it is connected', () => client.status === 'ready')
  t.equal(await server.client().get('count'), null)
})

t.test('a server that accepts and never answers is given up on, again and again', async t => {
  const server = await RedisServer.start(t)
  const proxy = await TcpProxy.start(t, server.port)
  proxy.fault({ blackhole: true })
  const client = commandClient({ url: `redis://127.0.0.1:${proxy.port}` }, Math.random)
  t.teardown(() => client.disconnect())
  let closed = 0
  client.on('close', () => closed++)
  await until('it has tried twice', () => closed >= 2)
  proxy.fault({ blackhole: false })
  await until('it is connected', () => client.status === 'ready')
})

t.test('a connection that swallows everything is dropped, not kept as ready', async t => {
  const server = await RedisServer.start(t)
  const proxy = await TcpProxy.start(t, server.port)
  const client = commandClient({ url: `redis://127.0.0.1:${proxy.port}` }, Math.random)
  t.teardown(() => client.disconnect())
  await until('it is connected', () => client.status === 'ready')
  let closed = 0
  client.on('close', () => closed++)
  proxy.fault({ blackhole: true }, () => true)
  await t.rejects(client.ping(), /timed out/)
  await until('it was dropped', () => closed === 1)
  await until('it is connected anew', () => client.status === 'ready')
  t.equal(await client.ping(), 'PONG')
})
