import t from 'tap'
import { until } from '../helpers/process.js'
import { RedisServer } from '../helpers/redis.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { fill, lockInRedisAlone, markOf, untilColor, untilMarked } from './redis-side.js'
import { calendar, codeOf, keys, startWorld } from './world.js'

/**
 * Geometry: a master and its replica; the link between them is cut without a word. Ann's lock is settled on the
 * master, which answers as if all were well (WAIT says that no replica has it). The master dies, the replica is
 * promoted, and the address leads to it. (Freezing the replica would not do: it applies what lies in its socket when it
 * thaws.)
 *
 * What should follow: the promoted replica has the generation marker and lacks the lock, which is the worst it can
 * be; the row still refuses Bob. It is noticed that another server answers, and the mark comes back.
 */

t.test('a promoted replica that has lost the last lock: the lock stands', async t => {
  const master = await RedisServer.start(t, ['--repl-diskless-sync-delay', '0'])
  const link = await TcpProxy.start(t, master.port)
  const replica = await RedisServer.start(t, ['--replicaof', '127.0.0.1', String(link.port)])
  const [onMaster, onReplica] = [master.client(), replica.client()]
  const world = await startWorld(t, { redis: master })
  const { one, two } = world
  await fill(world)
  await until('the replica has what the master has', async () =>
    ((await onReplica.get(keys.generation(calendar))) ?? '').startsWith('R:')
  )
  const ann = await one.visitor()
  const bob = await (await two.visitor()).watch()

  link.fault({ blackhole: true })
  const held = await ann.locked([0])
  await untilMarked(onMaster, 0, 'locked')
  t.ok(await lockInRedisAlone(onMaster, 'ann'))
  t.equal(await onMaster.wait(1, 50), 0, 'the master knows that nobody else has it, and had answered')

  await onReplica.replicaof('NO', 'ONE')
  t.equal(await markOf(onReplica, 0), null)
  for (const { redisProxy } of [one, two]) redisProxy!.retarget(replica.port)
  await master.kill()
  t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')
  await until('both noticed that it is another server', () =>
    [one, two].every(({ lane }) => lane!.counters.serverChanges === 1)
  )
  await untilColor('green', one, two)
  const carl = await two.visitor()
  t.equal(codeOf(await carl.lock([0])), 'SLOT_UNAVAILABLE')
  await untilMarked(onReplica, 0, 'locked')
  await until('the mark came back from the database', () => two.service.counts().resyncs! > 0)
  t.equal(codeOf(await ann.book(held)), 'ok')
  await bob.untilScreenEquals(world.rows)

  t.ok(await lockInRedisAlone(onReplica, 'bob'), 'twin: the lock that lived in Redis alone is given twice')
})
