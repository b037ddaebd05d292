import { Redis } from 'ioredis'
import t from 'tap'
import { until } from '../helpers/process.js'
import { fill, untilColor, whyRed } from './redis-side.js'
import { calendar, codeOf, keys, startWorld } from './world.js'

/**
 * Geometry: Ann at instance one, Bob at instance two watches. The connection on which instance two hears is half open:
 * nothing passes, nobody is told. Its commands pass as ever.
 *
 * What should follow: the probe misses its own message and opens the breaker, so that the tail takes over; the
 * heartbeat drops the connection; when it is made anew, what was missed is read.
 */

t.test('an instance that went deaf without a word: the screen goes on, and it hears again', async t => {
  const world = await startWorld(t)
  const { one, two } = world
  await fill(world)
  const ann = await one.visitor()
  const bob = await (await two.visitor()).watch()
  await untilColor('green', one, two)
  const kept = await ann.locked([0])
  await until('Bob has heard of it', () => bob.sees(0) === 'locked')
  // the tail may have been quicker, so the message is waited for on its own
  await until('it came through Redis too', () => two.lane!.counters.eventsReceived > 0)
  const heard = two.lane!.counters.eventsReceived
  // twin: a subscriber with the client's defaults, on the same way
  const naive = new Redis(two.redisProxy!.port, '127.0.0.1', { connectionName: 'slotlock-subscriber-naive' })
  t.teardown(() => naive.disconnect())
  let naiveHeard = 0
  naive.on('message', () => void naiveHeard++)
  await naive.subscribe(keys.calendarEvents(calendar))

  two.redisProxy!.fault({ blackhole: true }, connection => connection.opening.includes('slotlock-subscriber'))
  // nor can a new one be made for a while: or the heartbeat may mend it before the breaker hears of it
  two.redisProxy!.refuse(true)
  await ann.locked([1])
  await ann.release(kept)
  await bob.untilScreenEquals(world.rows)
  t.equal(two.lane!.counters.eventsReceived, heard, 'no message brought it')
  await until('the deaf connection was dropped', () => two.lane!.counters.subscriberDeaf === 1)
  await untilColor('red', two)
  t.match(whyRed(two), /did not come back|subscriber/, 'the breaker opened because of it')
  two.redisProxy!.refuse(false)
  await until('it is known that something was missed', () => two.lane!.counters.subscriberGaps >= 1)
  await untilColor('green', one, two)

  await ann.locked([2])
  await until('messages arrive again', () => two.lane!.counters.eventsReceived > heard)
  await bob.untilScreenEquals(world.rows)
  t.equal(codeOf(await bob.lock([2])), 'SLOT_UNAVAILABLE')
  t.equal(naive.status, 'ready', 'twin: the other one takes itself for connected')
  t.equal(naiveHeard, 0, 'and has heard nothing since')
})
