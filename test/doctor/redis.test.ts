import t from 'tap'
import { RedisServer } from '../helpers/redis.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { clockSetBack, hints, lookAtRedis, troubles } from './patients.js'

t.setTimeout(300_000)

const redis = await RedisServer.start(t, ['--maxmemory', '64mb', '--maxmemory-policy', 'noeviction'])
const behind = redis.client()
const account = async (...rights: string[]): Promise<string> => {
  await behind.call('ACL', 'SETUSER', 'few', 'reset', 'on', '>pass', ...rights)
  return `redis://few:pass@127.0.0.1:${redis.port}`
}
const enough =
  '~slotlock:* &slotlock:* -@all +@read +@write +@pubsub +@scripting +@connection +time +info'.split(' ')

t.test('a good Redis: nothing to do, and nothing is left behind', async t => {
  const examined = await lookAtRedis(redis.url)
  t.strictSame(troubles(examined), [])
  t.match(examined.facts[0], /^(redis|valkey) \d/)
  t.ok(examined.facts.includes('scripts, hovers and messages work'))
  t.strictSame(await behind.keys('*'), [])
  t.strictSame(
    troubles(await lookAtRedis(await account(...enough))),
    [],
    'also with the rights that the README names'
  )
})

t.test('what is set wrongly on a Redis that works', async t => {
  await behind.config('SET', 'maxmemory-policy', 'allkeys-lru')
  t.strictSame(troubles(await lookAtRedis(redis.url)), ['redis-eviction'])
  await behind.config('SET', 'maxmemory-policy', 'noeviction')

  const hour = 3_600_000
  t.strictSame(troubles(await lookAtRedis(redis.url, clockSetBack(hour))), ['redis-clock'])
  t.strictSame(troubles(await lookAtRedis(redis.url, clockSetBack(-hour))), ['redis-clock'])

  const proxy = await TcpProxy.start(t, redis.port)
  proxy.fault({ delayMs: 15 })
  t.ok(hints(await lookAtRedis(`redis://127.0.0.1:${proxy.port}`)).includes('redis-slow'))

  await behind.config('SET', 'maxmemory', '0')
  const unbounded = await lookAtRedis(redis.url)
  t.strictSame(troubles(unbounded), [])
  t.ok(hints(unbounded).includes('redis-unbounded'), 'a hint, no trouble')
  await behind.config('SET', 'maxmemory', '64mb')
})

t.test('an account that may not do what slotlock does, each lack by its name', async t => {
  const without = (right: string): string[] => enough.filter(one => one !== right)
  t.strictSame(troubles(await lookAtRedis(await account(...without('+@scripting')))), ['redis-no-lua'])
  t.strictSame(troubles(await lookAtRedis(await account(...without('~slotlock:*'), '~other:*'))), [
    'redis-rights'
  ])
  const notTheLimits = ['~slotlock:{slotlock-scratch*', '~slotlock:{probe*']
  t.strictSame(troubles(await lookAtRedis(await account(...without('~slotlock:*'), ...notTheLimits))), [
    'redis-rights'
  ])
  t.strictSame(troubles(await lookAtRedis(await account(...without('&slotlock:*'), 'resetchannels'))), [
    'redis-deaf'
  ])
  const closed = await lookAtRedis(await account(...without('+info')))
  t.strictSame(troubles(closed), [])
  t.ok(hints(closed).includes('redis-info-closed'))
  t.strictSame(troubles(await lookAtRedis(`redis://few:wrong@127.0.0.1:${redis.port}`)), ['redis-login'])
})

t.test('a Redis that cannot be used, each way by its name', async t => {
  t.strictSame(troubles(await lookAtRedis(`rediss://127.0.0.1:${redis.port}`)), ['redis-tls'])

  await behind.config('SET', 'maxmemory', '1mb')
  const full = troubles(await lookAtRedis(redis.url))
  t.ok(full.length > 0 && full.every(code => code === 'redis-full'))
  await behind.config('SET', 'maxmemory', '64mb')

  const other = await RedisServer.start(t)
  await behind.replicaof('127.0.0.1', other.port)
  const replica = troubles(await lookAtRedis(redis.url))
  t.ok(replica.length > 0 && replica.every(code => code === 'redis-replica'))
  await behind.replicaof('NO', 'ONE')

  await other.kill()
  t.strictSame(troubles(await lookAtRedis(other.url)), ['redis-unreachable'])
  redis.freeze()
  t.strictSame(troubles(await lookAtRedis(redis.url)), ['redis-unreachable'], 'frozen')
  redis.thaw()
  t.strictSame(troubles(await lookAtRedis(`redis+sentinel://127.0.0.1:${other.port}/main`)), [
    'redis-unreachable'
  ])
})
