import { Redis } from 'ioredis'
import t from 'tap'
import { until } from '../helpers/process.js'
import { RedisServer } from '../helpers/redis.js'
import { startSentinel } from '../helpers/sentinel.js'
import { setUps, startWorld } from '../helpers/set-ups.js'
import { Clinic, calendar } from './clinic.js'

t.setTimeout(300_000)

const redisAndSql = setUps.find(({ name }) => name === 'redis+sql')!

t.test(
  'the master dies, the Sentinels promote its replica, and we are there without a word from anybody',
  async t => {
    const account = [
      '--requirepass',
      'redis-pass',
      '--masterauth',
      'redis-pass',
      '--repl-diskless-sync-delay',
      '0'
    ]
    const master = await RedisServer.start(t, account)
    const replica = await RedisServer.start(t, [...account, '--replicaof', '127.0.0.1', String(master.port)])
    const onReplica = new Redis({ port: replica.port, password: 'redis-pass' }).on('error', () => {})
    t.teardown(() => onReplica.disconnect())
    await until(
      'it is in step',
      async () => /master_link_status:up/.test(await onReplica.info('replication')),
      30_000
    )
    const sentinel = await startSentinel(t, master.port, { own: 'sentinel-pass', ofRedis: 'redis-pass' })

    const world = await startWorld(t, redisAndSql, {
      redis: master,
      settings: {
        // the first of them is out, as the first of a list may be
        REDIS_URL: `redis+sentinel://:redis-pass@127.0.0.1:1,127.0.0.1:${sentinel.port}/watched`,
        REDIS_SENTINEL_PASSWORD: 'sentinel-pass'
      }
    })
    const clinic = new Clinic(t, world)
    await clinic.open()
    const ann = await clinic.ann('http')
    const bob = await clinic.bob('http')
    const before = clinic.slots(1)
    const { lock } = await ann.must('lock', { calendar, slots: before })

    await master.kill()
    await ann.must('lock', { calendar, slots: clinic.slots(1) })
    t.match(await bob.ask('lock', { calendar, slots: before }), { error: { code: 'SLOT_UNAVAILABLE' } })

    await until(
      'the replica is the master',
      async () => /role:master/.test(await onReplica.info('replication')),
      60_000
    )
    for (const instance of world.instances) {
      await until(
        'Redis is in use again',
        async () =>
          ((await (await instance.get('/health')).json()) as { status: string }).status === 'normal',
        60_000
      )
    }
    const after = clinic.slots(1)
    await ann.must('lock', { calendar, slots: after })
    await until(
      'the new master has its mark',
      async () => (await onReplica.exists(`slotlock:{${calendar}}:lock:${after[0]}`)) === 1,
      30_000
    )
    t.match(await bob.ask('lock', { calendar, slots: before }), { error: { code: 'SLOT_UNAVAILABLE' } })
    await ann.must('book', { lock: lock.id, customer: { name: 'Ann' }, requestId: 'book-1' })
    t.notMatch(world.a.log + world.b.log, /redis-pass|sentinel-pass/)
  }
)
