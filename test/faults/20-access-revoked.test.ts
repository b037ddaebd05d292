import t from 'tap'
import { until } from '../helpers/process.js'
import { fill, untilColor, untilMarked } from './redis-side.js'
import { codeOf, type Instance, startWorld } from './world.js'

/**
 * Geometry: Ann and Bob at one instance. While it runs, its Redis user loses its rights; later its password is changed
 * and its connections are closed, so that it cannot log in any more.
 *
 * What should follow: the process stays up, requests go to the database, people and operators are told, the page that
 * everybody can read does not say why, and when the rights are back so is Redis.
 */

const lastError = (one: Instance): string => one.service.monitor.services().redis?.lastError ?? ''

t.test('Redis takes our rights away while we run, and then our login', async t => {
  const world = await startWorld(t, { instances: 1 })
  const { one, redis } = world
  await fill(world)
  const admin = redis.client()
  await admin.call('ACL', 'SETUSER', 'admin', 'on', '>admins', '~*', '&*', '+@all')
  await admin.auth('admin', 'admins')
  const pinging = redis.client()
  await pinging.ping()
  const ann = await one.visitor()
  const bob = await one.visitor()
  const kept = await ann.locked([0])
  await untilMarked(admin, 0, 'locked')

  await admin.call('ACL', 'SETUSER', 'default', '-@all', '+ping')
  t.equal(codeOf(await ann.lock([1])), 'ok')
  t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')
  await untilColor('red', one)
  t.match(lastError(one), /NOPERM/)
  t.equal((await ann.client.next('service')).status, 'degraded')
  t.equal(await pinging.ping(), 'PONG', 'twin: a check that only pings finds nothing (05 shows what follows)')
  const health = await fetch(`${one.url}/health`)
  t.equal(health.status, 200)
  const page = (await health.json()) as { status: string; services: { redis: { available: boolean } } }
  t.match(page, { status: 'degraded', services: { redis: { available: false } } })
  t.notMatch(JSON.stringify(page), /NOPERM|default/, 'which is nobody’s business')
  await admin.call('ACL', 'SETUSER', 'default', '+@all')
  await untilColor('green', one)
  t.equal((await ann.client.next('service')).status, 'normal')

  await admin.call('ACL', 'SETUSER', 'default', 'resetpass', '>changed')
  await admin.call('CLIENT', 'KILL', 'USER', 'default')
  t.equal(codeOf(await ann.lock([2])), 'ok')
  await untilColor('red', one)
  const attempts = new Set<object>()
  await until('it has tried to log in again and again', () => {
    for (const connection of one.redisProxy!.connections) attempts.add(connection)
    return attempts.size >= 4
  })
  t.equal(codeOf(await bob.lock([2])), 'SLOT_UNAVAILABLE')
  t.not(lastError(one), '')
  await admin.call('ACL', 'SETUSER', 'default', 'nopass')
  await untilColor('green', one)
  await ann.locked([3])
  await untilMarked(admin, 3, 'locked')
  t.equal(codeOf(await ann.book(kept)), 'ok')
})
