import t, { type Test } from 'tap'
import { StoreUnavailable } from '../../../src/domain/errors.js'
import { FastPath } from '../../../src/service/lane/fast-path.js'
import { RedisHealth, type RedisHealthChange } from '../../../src/service/lane/redis-health.js'
import { realTimers } from '../../../src/service/tools/timers.js'
import { until } from '../../helpers/process.js'
import { RedisServer } from '../../helpers/redis.js'
import { TcpProxy } from '../../helpers/tcp-proxy.js'
import { clinic, clock, newLock, openLane, slotAt } from '../../stores/redis/lane.js'

/** A service in small: a lane, its health, and requests that go through both. */
function watchOver(t: Test, url: string) {
  const lane = openLane(t, url, { commandTimeoutMs: 300 })
  const changes: RedisHealthChange[] = []
  const health = new RedisHealth({
    lane,
    clock,
    random: Math.random,
    // a busy machine must not excuse the timeouts that are meant here
    stallMs: 60_000,
    onChange: change => void changes.push(change)
  })
  health.start()
  t.teardown(() => health.stop())
  const fastPath = new FastPath(lane, health)
  /** Undefined when Redis did not answer, as the service sees it. */
  const request = () =>
    fastPath.attempt(lane => lane.reserve({ calendar: clinic, slots: [slotAt(9)], lock: newLock() }))
  const turns = (color: string) => until(`it is ${color}`, () => health.status().state === color)
  return { lane, health, changes, request, turns }
}

t.test('a server that is up is green after one round, with everything said about it', async t => {
  const server = await RedisServer.start(t)
  const { health, turns, changes } = watchOver(t, server.url)
  t.match(health.status(), { available: false, healthy: false, state: 'yellow', latencyMs: null })
  await turns('green')
  t.match(health.status(), { available: true, connected: true, healthy: true, latencyMs: Number })
  t.ok(Math.abs(health.status().since - Date.now()) < 60_000, 'since is a time of day')
  t.ok(changes.length >= 1)
})

t.test('a start does not wait for Redis, and finds it when it comes', async t => {
  const server = await RedisServer.start(t)
  await server.kill()
  const { health, turns } = watchOver(t, server.url)
  await turns('red')
  t.match(health.status(), { available: false, connected: false, healthy: false })
  await server.restart()
  await turns('green')
  t.ok(health.allows())
})

t.test(
  'frozen: two requests wait for a timeout, the next ones for nothing, and it closes after three good rounds',
  async t => {
    const server = await RedisServer.start(t)
    const { health, turns, request, changes } = watchOver(t, server.url)
    await turns('green')
    server.freeze()
    let waited = 0
    while (health.allows()) {
      await request()
      waited++
    }
    t.ok(waited <= 2, `${waited} requests waited`)
    t.equal(await request(), undefined)
    server.thaw()
    await turns('green')
    t.strictSame(await request(), { status: 'STALE' }, 'the calendar was never filled here')
    t.match(
      changes.slice(-3).map(({ from, to }) => `${from} ${to}`),
      ['green red', 'red yellow', 'yellow green']
    )
  }
)

t.test('killed: one request finds out, and a restart is noticed', async t => {
  const server = await RedisServer.start(t)
  const { lane, health, turns, request } = watchOver(t, server.url)
  await turns('green')
  await server.kill()
  await until('the connection is gone', () => !lane.connected)
  if (health.allows()) await request()
  t.equal(health.allows(), false)
  t.match(health.status(), { available: false, connected: false, lastError: /^Redis: / })
  await server.restart()
  await turns('green')
  await until('another process was noticed', () => lane.counters.serverChanges === 1)
})

t.test('a server that answers commands but whose messages do not arrive is not healthy', async t => {
  const server = await RedisServer.start(t)
  const proxy = await TcpProxy.start(t, server.port)
  const { health, turns } = watchOver(t, `redis://127.0.0.1:${proxy.port}`)
  await turns('green')
  proxy.fault({ blackhole: true }, connection => connection.opening.includes('slotlock-subscriber'))
  await turns('red')
  t.match(health.status().lastError, /message did not come back|subscriber is not connected/)
  await turns('green')
})

t.test('full memory: what refuses to be written opens it, and it works again with room', async t => {
  const server = await RedisServer.start(t, ['--maxmemory-policy', 'noeviction'])
  const behind = server.client()
  const { health, turns } = watchOver(t, server.url)
  await turns('green')
  await behind.config('SET', 'maxmemory', '1')
  await turns('red')
  t.match(health.status(), { connected: true, healthy: false, lastError: /OOM/ })
  await behind.config('SET', 'maxmemory', '0')
  await turns('green')
})

t.test('a stall of our own is not taken for a slow Redis', async t => {
  for (const { stallMs, allows } of [
    { stallMs: 25, allows: true },
    { stallMs: 60_000, allows: false }
  ]) {
    const health = new RedisHealth({
      lane: { connected: true, probe: async () => ({ latencyMs: 0.2 }) },
      clock,
      random: Math.random,
      stallMs
    })
    health.start()
    await until('it is green', () => health.allows())
    health.begins()
    const end = performance.now() + 150
    while (performance.now() < end);
    for (let i = 0; i < 5; i++) {
      health.record({ ok: false, error: new StoreUnavailable('too slow', { reason: 'timeout' }) })
    }
    t.equal(health.allows(), allows, `with stalls from ${stallMs} ms looked at`)
    await health.stop()
  }
})

t.test('the event loop is watched while Redis is asked, and then nothing wakes the process', async t => {
  const waiting = new Set<number>()
  const health = new RedisHealth({
    lane: { connected: true, probe: async () => ({ latencyMs: 0.2 }) },
    clock,
    random: Math.random,
    timers: {
      after: (ms, run) => {
        waiting.add(ms)
        const cancel = realTimers.after(ms, () => {
          waiting.delete(ms)
          run()
        })
        return () => {
          waiting.delete(ms)
          cancel()
        }
      }
    }
  })
  health.begins()
  t.strictSame([...waiting], [20])
  health.ends()
  await until('nothing waits', () => waiting.size === 0)
  health.begins()
  t.strictSame([...waiting], [20], 'and again')
  health.ends()
  await health.stop()
  t.equal(waiting.size, 0)
})

t.test('after stop nothing is asked any more', async t => {
  let probes = 0
  const health = new RedisHealth({
    lane: {
      connected: true,
      probe: async () => {
        probes++
        return { latencyMs: 0.2 }
      }
    },
    clock,
    random: Math.random,
    timers: {
      after(_delayMs, task) {
        const immediate = setImmediate(task)
        return () => clearImmediate(immediate)
      }
    }
  })
  health.start()
  await until('some rounds were made', () => probes > 3)
  await health.stop()
  const before = probes
  for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
  t.equal(probes, before)
})
