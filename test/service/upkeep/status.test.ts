import t from 'tap'
import { StoreBusy, StoreUnavailable } from '../../../src/domain/errors.js'
import type { BreakerColor } from '../../../src/service/lane/breaker.js'
import { Purge } from '../../../src/service/upkeep/purge.js'
import { ServiceMonitor } from '../../../src/service/upkeep/status.js'
import { failing, instance, replacing } from '../live-fixture.js'

type Test = Parameters<typeof instance>[0]

async function monitored(t: Test, redis?: { state: BreakerColor }) {
  const database = { out: false }
  const one = await instance(t, { wrap: failing(database, 'ping') })
  const source =
    redis === undefined
      ? undefined
      : {
          status: () => ({
            available: redis.state === 'green',
            connected: true,
            healthy: true,
            latencyMs: 1,
            state: redis.state,
            since: 0,
            lastError: undefined
          })
        }
  const monitor = new ServiceMonitor({ store: one.store, redis: source, clock: one.time, timers: one.time })
  const told: string[] = []
  monitor.listen(status => told.push(status))
  monitor.start()
  t.teardown(() => monitor.stop())
  await one.time.step(100)
  return { ...one, monitor, told, database }
}

t.test('a deployment without Redis is normal', async t => {
  const { monitor, told } = await monitored(t)
  t.equal(monitor.status, 'normal')
  t.same(told, [])
  t.match(monitor.services(), {
    redis: undefined,
    database: { connected: true, healthy: true, kind: 'sqlite' }
  })
})

t.test('a Redis that is not trusted is degraded, and said at once', async t => {
  const redis: { state: BreakerColor } = { state: 'green' }
  const { monitor, told } = await monitored(t, redis)
  for (const state of ['red', 'yellow', 'green'] as const) {
    redis.state = state
    monitor.redisChanged()
  }
  t.same(told, ['degraded', 'normal'], 'and each change once')
})

t.test('one lost ping is nothing, two are an outage, and one good ping ends it', async t => {
  const { time, monitor, told, database } = await monitored(t)
  database.out = true
  await time.step(1_000)
  t.same(told, [])
  t.match(monitor.services().database, { connected: false, available: true })
  await time.step(1_000)
  t.same(told, ['unavailable'])
  t.match(monitor.services().database, { available: false, lastError: 'the database is out' })
  await time.step(10_000)
  database.out = false
  await time.step(1_000)
  t.same(told, ['unavailable', 'normal'])
})

t.test('a ping for which there was no room is no outage, and ends none', async t => {
  const { time, store } = await instance(t)
  const database: { failure: Error | undefined } = { failure: undefined }
  const crowded = replacing(store => ({
    ping: async () => {
      if (database.failure !== undefined) throw database.failure
      return await store.ping()
    }
  }))(store)
  const monitor = new ServiceMonitor({ store: crowded, clock: time, timers: time })
  monitor.start()
  t.teardown(() => monitor.stop())
  await time.step(100)
  database.failure = new StoreBusy('all connections are in use')
  await time.step(10_000)
  t.equal(monitor.status, 'normal')
  t.match(monitor.services().database, { available: true, lastError: 'all connections are in use' })

  database.failure = new StoreUnavailable('out')
  await time.step(2_000)
  t.equal(monitor.status, 'unavailable')
  database.failure = new StoreBusy('all connections are in use')
  await time.step(5_000)
  t.equal(monitor.status, 'unavailable')
  database.failure = undefined
  await time.step(1_000)
  t.equal(monitor.status, 'normal')
})

t.test('unavailable goes before degraded', async t => {
  const redis: { state: BreakerColor } = { state: 'red' }
  const { time, told, database } = await monitored(t, redis)
  t.same(told, ['degraded'])
  database.out = true
  await time.step(2_000)
  database.out = false
  await time.step(1_000)
  t.same(told, ['degraded', 'unavailable', 'degraded'])
})

t.test('what nobody can ask for any more is deleted about hourly, in small steps', async t => {
  const at: number[] = []
  const left = [500, 500, 3]
  const one = await instance(t, {
    wrap: replacing(() => ({
      purge: async rowsMax => {
        at.push(one.time.now())
        return { deleted: Math.min(rowsMax, left.shift() ?? 0) }
      }
    }))
  })
  const begin = one.time.now()
  const purge = new Purge({ store: one.store, clock: one.time, timers: one.time, random: () => 0 })
  purge.start()
  await one.time.step(3_700_000)
  t.same(
    at.map(ms => ms - begin),
    [1_800_000, 1_800_200, 1_800_400, 3_600_400]
  )
  t.equal(purge.deleted, 1_003)
  await purge.stop()
  await one.time.step(10_000_000)
  t.equal(at.length, 4)
})

t.test('a purge that fails is left to the next hour', async t => {
  const one = await instance(t, { wrap: failing({ out: true }, 'purge') })
  const purge = new Purge({ store: one.store, clock: one.time, timers: one.time, random: () => 0.5 })
  purge.start()
  await one.time.step(7_200_000)
  t.equal(purge.failed, 2)
  await purge.stop()
})
