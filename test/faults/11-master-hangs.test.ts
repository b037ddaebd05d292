import t from 'tap'
import { until } from '../helpers/process.js'
import { RedisServer } from '../helpers/redis.js'
import { startSentinel } from '../helpers/sentinel.js'
import { fill, markOf, untilColor, untilMarked } from './redis-side.js'
import { calendar, codeOf, keys, slot, startWorld } from './world.js'

/**
 * Geometry: a master hangs with all its connections open. Its replica is promoted, by a person or by a Sentinel, and the
 * address leads to it, but nobody closes the old connections. Later the old master comes back as a replica, and for a
 * moment the address leads to it again: it answers, and refuses every write. (The address is one REDIS_URL, which a
 * balancer or a name behind it turns to whom the Sentinel names; here the proxy does.)
 *
 * What should follow: requests go to the database until the hung connections are given up on, which we do ourselves.
 * READONLY makes us connect anew, and nothing that was refused or lost is ever sent a second time.
 */

t.test('the master hangs, and comes back as a replica', async t => {
  const master = await RedisServer.start(t, ['--repl-diskless-sync-delay', '0'])
  const replica = await RedisServer.start(t, [
    ...['--repl-diskless-sync-delay', '0'],
    ...['--replicaof', '127.0.0.1', String(master.port)]
  ])
  const [onMaster, onReplica] = [master.client(), replica.client()]
  const world = await startWorld(t, { redis: master, instances: 1, lane: { commandTimeoutMs: 150 } })
  const { one } = world
  await fill(world)
  const ann = await one.visitor()
  const bob = await one.visitor()
  const held = await ann.locked([0])
  await until('the replica has it', async () => (await onReplica.exists(keys.slot(calendar, slot(0)))) === 1)
  const { connects } = one.lane!.counters

  master.freeze()
  let answered = false
  const patient = onMaster.ping().finally(() => {
    answered = true
  })
  t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')
  t.equal(codeOf(await bob.lock([1])), 'ok')
  await untilColor('red', one)
  await onReplica.replicaof('NO', 'ONE')
  one.redisProxy!.retarget(replica.port)
  await untilColor('green', one)
  t.ok(one.lane!.counters.connects > connects, 'we left the hung connection by ourselves')
  t.equal(answered, false, 'twin: a client without timeouts still waits on it')
  t.equal(codeOf(await bob.lock([2])), 'ok')
  await untilMarked(onReplica, 2, 'locked')

  master.thaw()
  await patient
  await onMaster.replicaof('127.0.0.1', replica.port)
  await until('it is a replica of the new one', async () =>
    /master_link_status:up/.test(await onMaster.info('replication'))
  )
  const reserved: string[][] = []
  const monitor = await onReplica.monitor()
  t.teardown(() => monitor.disconnect())
  monitor.on('monitor', (_time: string, args: string[]) => {
    if (/^eval/i.test(args[0]!) && args.includes(keys.slot(calendar, slot(5)))) reserved.push(args)
  })
  const before = one.lane!.counters.connects
  one.redisProxy!.retarget(master.port)
  one.redisProxy!.cut()
  await until('the replica is asked', () => one.lane!.counters.connects > before)
  t.equal(codeOf(await bob.lock([5])), 'ok')
  await until('its refusal is the reason', () =>
    /READONLY/.test(one.service.monitor.services().redis?.lastError ?? '')
  )
  // nobody cuts this time
  one.redisProxy!.retarget(replica.port)
  await untilColor('green', one)
  await until('the new master has what is committed', async () => {
    await bob.release(await bob.locked([6]))
    return (await markOf(onReplica, 6)) !== null
  })
  t.strictSame(reserved, [], 'what the replica had refused was not sent again')
  t.equal(codeOf(await ann.book(held)), 'ok')
})

t.test('the master hangs, and a Sentinel puts its replica in its place', async t => {
  const settings = ['--repl-diskless-sync-delay', '0']
  const master = await RedisServer.start(t, settings)
  const replica = await RedisServer.start(t, [
    ...settings,
    ...['--replicaof', '127.0.0.1', String(master.port)]
  ])
  const onReplica = replica.client()
  const sentinel = await startSentinel(t, master.port)
  const world = await startWorld(t, { redis: master, lane: { commandTimeoutMs: 150 } })
  const { one, two } = world
  await fill(world)
  const ann = await (await one.visitor()).watch()
  const bob = await (await two.visitor()).watch()
  const held = await ann.locked([0])
  await until('the replica has it', async () => (await onReplica.exists(keys.slot(calendar, slot(0)))) === 1)

  master.freeze()
  t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')
  const meanwhile = await bob.locked([1])
  await until('the Sentinel has decided', async () => (await sentinel.masterPort()) === replica.port, 60_000)
  for (const { redisProxy } of [one, two]) redisProxy!.retarget(replica.port)
  await until('both noticed that it is another server', () =>
    [one, two].every(({ lane }) => lane!.counters.serverChanges >= 1)
  )
  await untilColor('green', one, two)
  await untilMarked(onReplica, 1, 'locked')
  t.match(
    await markOf(onReplica, 1),
    meanwhile.id,
    'what was locked without Redis came to it from the database'
  )
  // it goes on as the master that it was, and nobody asks it any more
  master.thaw()
  t.equal(codeOf(await ann.lock([1])), 'SLOT_UNAVAILABLE')
  t.equal(codeOf(await ann.book(held)), 'ok')
  await bob.untilScreenEquals(world.rows)
})
