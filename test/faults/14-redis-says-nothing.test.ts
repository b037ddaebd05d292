import { Redis } from 'ioredis'
import t from 'tap'
import { until } from '../helpers/process.js'
import { RedisServer } from '../helpers/redis.js'
import { laneWith, untilColor } from './redis-side.js'
import { codeOf, startWorld } from './world.js'

/**
 * Geometry: an instance starts while redis-server accepts connections and says nothing on them (it is frozen; the
 * kernel accepts for it). A connection that is open and never becomes ready is no error to anybody.
 *
 * What should follow: the start does not wait, no request does, each attempt to connect ends by our own timer and is
 * made anew, and when Redis speaks it is found.
 */

t.test('Redis accepts and says nothing: the start does not hang, and requests do not ask', async t => {
  const redis = await RedisServer.start(t)
  redis.freeze()
  const patient = new Redis(redis.port, '127.0.0.1').on('error', () => {})
  t.teardown(() => patient.disconnect())
  let asked = 0
  const world = await startWorld(t, {
    redis,
    instances: 1,
    awaitGreen: false,
    lane: { commandTimeoutMs: 100 },
    wrapLane: lane =>
      laneWith(lane, {
        reserve: request => {
          asked += 1
          return lane.reserve(request)
        }
      })
  })
  const { one } = world
  const ann = await one.visitor()
  const bob = await (await one.visitor()).watch()
  const held = await ann.locked([0])
  t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')
  t.equal(codeOf(await bob.lock([1])), 'ok')
  t.equal(asked, 0, 'nobody asked a Redis that has proved nothing')
  t.equal(one.lane!.connected, false)

  const attempts = new Set<object>()
  await until('each of its two clients has given up and tried again', () => {
    for (const connection of one.redisProxy!.connections) attempts.add(connection)
    return attempts.size >= 4
  })
  t.equal(patient.status, 'connect', 'twin: a client with the defaults is still at its first attempt')
  await untilColor('red', one)
  t.equal((await fetch(`${one.url}/health`)).status, 200)

  redis.thaw()
  await untilColor('green', one)
  t.equal(codeOf(await ann.book(held)), 'ok')
  await bob.untilScreenEquals(world.rows)
})
