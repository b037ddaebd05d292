import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { LockId } from '../../src/domain/ids.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { lookInto } from './database.js'
import { times } from './redis-side.js'
import { calendar, codeOf, keys, patience, slot, startWorld } from './world.js'

/**
 * Geometry: two instances, Redis between them and in perfect health; the database is killed.
 *
 * What should follow: nothing is granted, extended, released or booked, and everybody is told so with a word that
 * means "try again". Hovers go on from instance to instance, screens stay as they are, and connections stay open.
 * When the database is back, so is everything, and nothing was granted that it does not know.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())

t.test('without the database nothing is granted, and everything that is no promise goes on', async t => {
  const world = await startWorld(t, { mariadb: server, mysql: patience })
  const { one, two } = world
  const ann = await (await one.visitor()).watch()
  const bob = await (await two.visitor()).watch()
  const mine = await ann.locked([1])
  await until('bob sees it', () => bob.sees(1) === 'locked')
  const before = await world.rows()

  const redBefore = times('red', one)
  await server.kill()
  for (const answer of [
    await ann.lock([2]),
    await bob.lock([2]),
    await ann.extend(mine),
    await ann.book(mine)
  ]) {
    t.match(answer, { error: { code: 'STORE_UNAVAILABLE', retryable: true } })
  }
  t.match(await ann.release(mine), { error: { code: 'STORE_UNAVAILABLE', retryable: true } })
  for (const visitor of [ann, bob]) {
    await visitor.client.next('service', push => push.status === 'unavailable')
  }
  t.equal((await fetch(`${one.url}/health`)).status, 503)
  t.equal(times('red', one), redBefore, 'Redis had no part in it')

  await bob.client.request('select', { calendar, slot: slot(3) })
  await ann.client.next('selections', push => JSON.stringify(push).includes(slot(3)))
  t.equal(bob.sees(1), 'locked', 'screens stay as they are')
  t.equal(bob.sees(2), 'free')

  await server.restart()
  for (const visitor of [ann, bob]) await visitor.client.next('service', push => push.status === 'normal')
  t.same(await world.rows(), before, 'the database knows all that was granted')
  t.equal(codeOf(await ann.book(mine)), 'ok', 'and the lock is still hers')
  for (const visitor of [ann, bob]) {
    t.equal(visitor.client.close, undefined)
    await visitor.untilScreenEquals(world.rows)
  }
})

t.test('if Redis granted meanwhile, one lost key would make two holders (the twin)', async t => {
  const world = await startWorld(t, { mariadb: server, mysql: patience })
  const { one, two, redis } = world
  const look = await lookInto(t, server, world)
  await (await one.visitor()).locked([9])
  const lockId = () => randomBytes(16).toString('base64url') as LockId
  const ask = (lane: typeof one.lane) => lane!.reserve({ calendar, slots: [slot(2)], lock: lockId() })
  await until('Redis is filled', async () => (await ask(one.lane)).status !== 'STALE')
  await redis.client().del(keys.slot(calendar, slot(2)))
  t.equal((await ask(one.lane)).status, 'RESERVED')
  t.equal((await ask(two.lane)).status, 'TAKEN')
  await redis.client().del(keys.slot(calendar, slot(2)))
  t.equal((await ask(two.lane)).status, 'RESERVED')
  const [rows] = await look.query(`SELECT * FROM slots WHERE slot = '${slot(2)}'`)
  t.same(rows, [], 'and no row would say who is right')
})
