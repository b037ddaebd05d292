import t from 'tap'
import { openMysqlStore } from '../../src/stores/sql/open-mysql.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { grantOf } from '../stores/lock-store-fixture.js'
import { countOf, insist, lookInto } from './database.js'
import { clock, codeOf, type Instance, patience, startWorld } from './world.js'

/**
 * Geometry: somebody sets the clock of the database's machine. A server's clock cannot be set for one test, so the
 * proxies put a function in place of the clock in every statement that passes, and the function says what time it is.
 *
 * What should follow: ten minutes forward, locks end early, and booking one says so: nobody books what another has
 * by now. Ten minutes back, locks last longer, and that is all. The instances notice the step by themselves within a
 * second; for so long one of them may go on refusing a slot that is free by the new clock.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())
const stepMs = 600_000

const root = await server.connect('')
t.teardown(() => root.end())
await root.query('CREATE DATABASE stepped')
const setClock = (byMs: number) =>
  root.query(
    `CREATE OR REPLACE FUNCTION stepped.now() RETURNS DECIMAL(17, 3) NO SQL RETURN UNIX_TIMESTAMP(NOW(3)) + ${byMs / 1000}`
  )
await setClock(0)

const real = 'UNIX_TIMESTAMP(NOW(3))'
const ours = 'stepped.now()'.padEnd(real.length)
function rewrite(bytes: Buffer): Buffer {
  for (let at = bytes.indexOf(real); at >= 0; at = bytes.indexOf(real, at)) bytes.write(ours, at, 'latin1')
  return bytes
}

const knows = (instance: Instance, stepMs: number) =>
  until(
    'the instance knows what time it is in the database',
    () => Math.abs(instance.store.nowMs() - Date.now() - stepMs) < 5_000
  )

t.test('when the database’s clock steps, locks end early or late, and nothing is booked twice', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, mysql: patience })
  const { one, two } = world
  for (const instance of world.instances) instance.sqlProxy!.fault({ rewrite })
  const look = await lookInto(t, server, world)
  const ann = await one.visitor()
  const bob = await (await two.visitor()).watch()
  const early = await ann.locked([1], { ttlMs: 300_000 })
  t.equal(codeOf(await bob.lock([1])), 'SLOT_UNAVAILABLE')

  await setClock(stepMs)
  t.equal(codeOf(await insist(() => ann.book(early))), 'LOCK_EXPIRED', 'forward: it is over, and she is told')
  await knows(two, stepMs)
  const bobs = await insist(() => bob.lock([1], { requestId: 'free-again' }))
  t.equal(codeOf(bobs), 'ok', 'and the slot is free')
  t.equal(codeOf(await ann.book(early)), 'LOCK_EXPIRED')
  t.match(
    await bob.client.request('book', {
      lock: (bobs.result!.lock as { id: string }).id,
      customer: { name: 'Bob' },
      requestId: 'b'
    }),
    {
      ok: true
    }
  )
  t.equal(await countOf(look, 'bookings'), 1)
  await knows(one, stepMs)
  const now = await ann.locked([2], { ttlMs: 300_000 })
  t.ok(now.expiresInMs > 290_000, 'a new lock has its whole time by the new clock')

  await setClock(0)
  t.equal(
    codeOf(await insist(() => bob.lock([2], { requestId: 'taken' }))),
    'SLOT_UNAVAILABLE',
    'back: it lasts longer'
  )
  t.equal(codeOf(await insist(() => ann.book(now))), 'ok')
  await knows(one, 0)
  t.equal(await countOf(look, 'bookings'), 2)
  await bob.untilScreenEquals(world.rows)
})

const steps = [
  {
    byMs: stepMs,
    harm: 'an acknowledged lock was over before it began',
    lives: (leftMs: number) => leftMs < 0
  },
  { byMs: -stepMs, harm: 'it lives ten minutes too long', lives: (leftMs: number) => leftMs > stepMs }
]
for (const { byMs, harm, lives } of steps) {
  t.test(`without the look at the clock in each statement, ${harm} (the twin)`, async t => {
    const world = await startWorld(t, { redis: false, mariadb: server, instances: 0 })
    const proxy = await TcpProxy.start(t, server.port)
    proxy.fault({ rewrite })
    const url = server.url(world.database).replace(`:${server.port}`, `:${proxy.port}`)
    const leftMs = async (guard: object): Promise<number> => {
      const store = await openMysqlStore(url, { clock, random: Math.random, ...patience, ...guard })
      t.teardown(() => store.close())
      await setClock(0)
      await store.ping()
      await setClock(byMs)
      const outcome = await store.grant(grantOf({ ttlMs: 300_000 }))
      if (outcome.status !== 'GRANTED') throw new Error(outcome.status)
      await store.ping()
      await store.release({ lock: outcome.lock.id, owner: outcome.lock.owner })
      return outcome.lock.expiresAt - store.nowMs()
    }
    t.ok(lives(await leftMs({ deadlineMs: 1e9, clockErrorMaxMs: 1e9 })), harm)
    const guarded = await leftMs({})
    t.ok(
      guarded > 250_000 && guarded <= 300_000,
      'with it, the clock was read again and the lock has its time'
    )
    await setClock(0)
  })
}
