import t from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { laneWith, lockByMarkAlone, lockInDatabase, untilColor, whyRed } from './redis-side.js'
import { codeOf, startWorld } from './world.js'

/**
 * Geometry: Ann is connected to instance one, Bob to instance two and watches; both instances use one redis-server and
 * one mariadbd. redis-server is killed and stays away.
 *
 * What should follow: the very request that finds out is answered, by the database. From then on nobody asks Redis
 * for anything. Locks stay whose they are, booking works, and Bob's screen lives on what the tail reads.
 */

t.test('Redis dies and stays away: nobody loses a lock, and nobody waits for it', async t => {
  const mariadb = await MariadbServer.start()
  t.teardown(() => mariadb.stop())
  let asked = 0
  const world = await startWorld(t, {
    mariadb,
    wrapLane: lane =>
      laneWith(lane, {
        reserve: request => {
          asked += 1
          return lane.reserve(request)
        }
      })
  })
  const { one, two } = world
  const ann = await one.visitor()
  const bob = await (await two.visitor()).watch()
  const kept = await ann.locked([0])

  await world.redis.kill()
  t.equal(codeOf(await ann.lock([1])), 'ok', 'the first request that meets it is answered')
  t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE', "and Ann's lock is hers")
  t.equal(codeOf(await bob.lock([2])), 'ok')
  await untilColor('red', one, two)
  t.not(whyRed(one), '', `and says why: ${whyRed(one)}`)
  t.equal((await bob.client.next('service')).status, 'degraded', 'people are told')

  asked = 0
  const heard = two.lane!.counters.eventsReceived
  for (const n of [3, 4, 5]) t.equal(codeOf(await ann.lock([n])), 'ok')
  t.equal(asked, 0, 'an open breaker keeps requests from asking Redis')
  t.equal(codeOf(await ann.extend(kept)), 'ok')
  t.equal(codeOf(await ann.book(kept)), 'ok')
  await until("Bob's screen shows the booking", () => bob.sees(0) === 'booked')
  await bob.untilScreenEquals(world.rows)
  t.equal(two.lane!.counters.eventsReceived, heard, 'and no message brought it: the tail did')
})

t.test('twin: "Redis, and else the database" has two holders', async t => {
  const world = await startWorld(t, { instances: 1 })
  const naive = async (n: number): Promise<boolean> => {
    try {
      return await lockByMarkAlone(world.one.lane!, n)
    } catch {
      return await lockInDatabase(world, n)
    }
  }
  const ann = await world.one.visitor()
  await ann.release(await ann.locked([7]))
  await until('Redis knows the calendar', () => naive(0))
  await world.redis.kill()
  t.ok(await naive(0), 'the database has never heard of the lock that Redis had given')
})
