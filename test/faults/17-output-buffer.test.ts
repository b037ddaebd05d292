import t from 'tap'
import { until } from '../helpers/process.js'
import { fill, untilMarked } from './redis-side.js'
import { calendar, keys, startWorld } from './world.js'

/**
 * Geometry: Ann at instance one, Bob at instance two watches. What Redis holds back for the subscriber of instance two
 * grows past client-output-buffer-limit, so Redis cuts it off; Ann locks a slot before it is back.
 *
 * What should follow: the confirmation of the new subscription ends a gap, and the calendars that were heard before are
 * read anew.
 */

t.test('Redis cuts off a subscriber that fell behind: what it missed is read', async t => {
  const world = await startWorld(t)
  const { one, two } = world
  await fill(world)
  const behind = world.redis.client()
  const channel = keys.calendarEvents(calendar)
  const ann = await one.visitor()
  const bob = await (await two.visitor()).watch()
  await ann.locked([0])
  await until('Bob has heard of it', () => bob.sees(0) === 'locked')
  // twin: a subscriber with the client's defaults, which subscribes again by itself
  const naive = world.redis.client()
  const heardByNaive: string[] = []
  let naiveBack = 0
  naive.on('message', (_channel: string, text: string) => void heardByNaive.push(text))
  naive.on('ready', () => void naiveBack++)
  await naive.subscribe(channel)
  const { subscriberGaps } = two.lane!.counters
  const filled = two.service.counts().resyncs!

  await behind.config('SET', 'client-output-buffer-limit', 'pubsub 65536 32768 1')
  two.redisProxy!.refuse(true)
  const subscribers = () =>
    [...two.redisProxy!.connections].filter(({ opening }) => opening.includes('slotlock-subscriber'))
  await behind.publish(channel, 'x'.repeat(1_000_000))
  await until('the subscriber is cut off', () => subscribers().length === 0)
  await until('Redis says that it was for this reason', () =>
    /overcoming of output buffer limits/.test(world.redis.output)
  )
  await ann.locked([1])
  await untilMarked(behind, 1, 'locked')
  const heard = two.lane!.counters.eventsReceived
  two.redisProxy!.refuse(false)

  await until('the gap is over, and known', () => two.lane!.counters.subscriberGaps > subscriberGaps)
  await bob.untilScreenEquals(world.rows)
  t.equal(bob.sees(1), 'locked')
  t.equal(two.lane!.counters.eventsReceived, heard, 'no message brought it')
  await until('the calendar was read anew', () => two.service.counts().resyncs! > filled)
  await ann.locked([2])
  await until('messages arrive again', () => two.lane!.counters.eventsReceived > heard)

  await until('twin: the other one is back, too', () => naiveBack > 0)
  await behind.publish(channel, 'and hears')
  await until('and hears', () => heardByNaive.includes('and hears'))
  t.notOk(
    heardByNaive.some(text => text.includes('x'.repeat(100))),
    'but what went over the limit is gone'
  )
})
