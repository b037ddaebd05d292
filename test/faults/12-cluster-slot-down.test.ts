import t from 'tap'
import type { CalendarId } from '../../src/domain/ids.js'
import { freePort, until } from '../helpers/process.js'
import { RedisServer } from '../helpers/redis.js'
import { fill, markOf, untilColor, untilMarked, whyRed } from './redis-side.js'
import { calendar, codeOf, keys, prefix, slot, startWorld } from './world.js'

/**
 * Geometry: a redis-server in cluster mode that serves all hash slots, then all but the one of a calendar, as if the
 * shard that has it were down. We speak to one address and follow no MOVED; there is one node, so no ASK either.
 *
 * What should follow: all keys of a script lie in one hash slot, so a cluster takes every script. What is not served is
 * an error like any other: the database answers, for this calendar and all others.
 */

const ward = 'ward' as CalendarId

t.test('in a cluster: scripts keep to one hash slot, and a slot that is down costs only speed', async t => {
  const redis = await RedisServer.start(t, [
    ...['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())],
    ...['--cluster-require-full-coverage', 'no']
  ])
  const behind = redis.client()
  await behind.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await until('the cluster is up', async () =>
    String(await behind.call('CLUSTER', 'INFO')).includes('cluster_state:ok')
  )
  const world = await startWorld(t, { redis, instances: 1, calendars: [calendar, ward] })
  const { one } = world
  await fill(world)
  const ann = await one.visitor()
  const bob = await one.visitor()
  const several = await ann.locked([0, 1, 2])
  await untilMarked(behind, 2, 'locked')
  t.ok(one.lane!.counters.reserved > 0, 'a script over several slots was taken')
  await t.rejects(
    behind.mget(`${prefix}clinic:lock:a`, `${prefix}clinic:lock:b`),
    /CROSSSLOT/,
    'twin: without the tag it is not'
  )

  const hashSlot = String(await behind.call('CLUSTER', 'KEYSLOT', keys.generation(calendar)))
  t.not(hashSlot, String(await behind.call('CLUSTER', 'KEYSLOT', keys.generation(ward))))
  await behind.call('CLUSTER', 'DELSLOTS', hashSlot)
  t.equal(codeOf(await bob.lock([2])), 'SLOT_UNAVAILABLE')
  // two failures in a row open the breaker, and a good probe of another slot may come in between
  await until('the breaker has opened because of it', async () => {
    await bob.release(await bob.locked([3]))
    return /CLUSTERDOWN|not served|MOVED/.test(whyRed(one))
  })
  const elsewhere = await bob.client.request('lock', { calendar: ward, slots: [slot(0)] })
  t.equal(codeOf(elsewhere), 'ok', 'other calendars go on')
  t.equal(codeOf(await ann.extend(several)), 'ok')

  await behind.call('CLUSTER', 'ADDSLOTS', hashSlot)
  await untilColor('green', one)
  await until('Redis has the calendar again', async () => {
    await bob.release(await bob.locked([4]))
    return (await markOf(behind, 4)) !== null
  })
  t.equal(codeOf(await ann.book(several)), 'ok')
})
