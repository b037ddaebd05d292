import t from 'tap'
import type { RedisInspection } from '../../../src/stores/redis/inspect.js'
import { until } from '../../helpers/process.js'
import { RedisServer } from '../../helpers/redis.js'
import { openLane, working } from './lane.js'

t.test('a server that is set up for it has nothing against it', async t => {
  const asWanted = ['--client-output-buffer-limit', 'pubsub 64mb 16mb 60', '--maxmemory', '100mb']
  const server = await RedisServer.start(t, [...asWanted, '--appendonly', 'yes'])
  const lane = openLane(t, server.url)
  await working(lane)
  const { version, runId, findings } = await lane.inspect()
  t.match(version, /^(redis|valkey) \d+\.\d+/)
  t.match(runId, /^[0-9a-f]{40}$/)
  t.strictSame(findings, [])
})

t.test('a policy that throws out live locks is a warning', async t => {
  for (const policy of ['allkeys-lru', 'volatile-ttl']) {
    const server = await RedisServer.start(t, ['--maxmemory', '100mb', '--maxmemory-policy', policy])
    const lane = openLane(t, server.url)
    await working(lane)
    const { findings } = await lane.inspect()
    t.match(findings[0], {
      severity: 'warning',
      what: new RegExp(`maxmemory-policy is ${policy}`),
      do: /noeviction/
    })
  }
})

t.test('a small output buffer is mentioned', async t => {
  const server = await RedisServer.start(t)
  const lane = openLane(t, server.url)
  await working(lane)
  const { findings } = await lane.inspect()
  t.match(
    findings.find(({ code }) => code === 'redis-output-buffer'),
    { severity: 'info', what: /32 MiB behind/ }
  )
})

t.test('a replica is critical, for it takes no write', async t => {
  const primary = await RedisServer.start(t)
  const server = await RedisServer.start(t, ['--replicaof', '127.0.0.1', String(primary.port)])
  const lane = openLane(t, server.url)
  let inspection: RedisInspection | undefined
  await until('it could be looked at', async () => {
    inspection = await lane.inspect().catch(() => undefined)
    return inspection !== undefined
  })
  t.match(
    inspection?.findings.find(({ code }) => code === 'redis-replica'),
    { severity: 'critical', what: /is a replica/ }
  )
})

t.test('not being allowed to look is a finding, not an error', async t => {
  const server = await RedisServer.start(t)
  const lane = openLane(t, server.url)
  await working(lane)
  await server.client().call('ACL', 'SETUSER', 'default', '-config', '-info')
  const { version, findings } = await lane.inspect()
  t.equal(version, undefined)
  t.match(findings, [
    { severity: 'info', what: /INFO may not be read/ },
    { severity: 'info', what: /CONFIG may not be read/ }
  ])
})
