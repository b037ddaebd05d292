import t from 'tap'
import type { CalendarId } from '../../../src/domain/ids.js'
import { subscriberClient } from '../../../src/stores/redis/connections.js'
import { newCounters } from '../../../src/stores/redis/counters.js'
import { Subscriber } from '../../../src/stores/redis/subscriber.js'
import { until } from '../../helpers/process.js'
import { RedisServer } from '../../helpers/redis.js'
import { TcpProxy } from '../../helpers/tcp-proxy.js'
import { clinic, clock, newSession, openLane, row, slotAt, working } from './lane.js'

function open(t: { teardown(end: () => void): void }, port: number) {
  const heard: string[] = []
  const confirmed: { channels: string[]; again: boolean }[] = []
  const counters = newCounters()
  const client = subscriberClient({ url: `redis://127.0.0.1:${port}` }, Math.random)
  const subscriber = new Subscriber({
    client,
    counters,
    onMessage: (channel, text) => heard.push(`${channel}: ${text}`),
    onSubscribed: (channels, again) => confirmed.push({ channels, again })
  })
  t.teardown(() => subscriber.close())
  return { subscriber, client, heard, confirmed, counters }
}

t.test('what is wanted in one tick is one SUBSCRIBE, also while there is no connection yet', async t => {
  const server = await RedisServer.start(t)
  const { subscriber, confirmed } = open(t, server.port)
  for (let i = 0; i < 500; i++) subscriber.subscribe(`channel-${i}`)
  await until('it hears', () => subscriber.ready)
  t.equal(confirmed.length, 1)
  for (let i = 500; i < 1_000; i++) subscriber.subscribe(`channel-${i}`)
  for (let i = 0; i < 400; i++) subscriber.unsubscribe(`channel-${i}`)
  const behind = server.client()
  await until('all is as wanted', async () => (await behind.pubsub('CHANNELS')).length === 600)
  const stats = await behind.info('commandstats')
  t.match(stats, /cmdstat_subscribe:calls=2,/)
  t.match(stats, /cmdstat_unsubscribe:calls=1,/)
})

t.test('a message of a channel that is not wanted any more is dropped', async t => {
  const server = await RedisServer.start(t)
  const proxy = await TcpProxy.start(t, server.port)
  const { subscriber, heard, counters } = open(t, proxy.port)
  subscriber.subscribe('stays')
  subscriber.subscribe('goes')
  await until('it hears', () => subscriber.ready)
  proxy.fault({ delayMs: 50 })
  const behind = server.client()
  await behind.publish('goes', 'late')
  await behind.publish('stays', 'news')
  subscriber.unsubscribe('goes')
  await until('the other one came', () => heard.length > 0)
  t.strictSame(heard, ['stays: news'])
  t.equal(counters.eventsUnwanted, 1)
})

t.test('after a loss everything is subscribed anew, and what may have been missed is said', async t => {
  const server = await RedisServer.start(t)
  const { subscriber, client, confirmed, counters } = open(t, server.port)
  subscriber.subscribe('before')
  await until('it hears', () => subscriber.ready)
  await server.kill()
  await until('the connection is gone', () => client.status !== 'ready')
  t.equal(subscriber.ready, false)
  subscriber.subscribe('meanwhile')
  await server.restart()
  await until('it hears again', () => subscriber.ready)
  t.strictSame(confirmed, [
    { channels: ['before'], again: false },
    { channels: ['before'], again: true },
    { channels: ['meanwhile'], again: false }
  ])
  t.equal(counters.subscriberGaps, 1)
})

t.test('a connection that went deaf without a word is noticed and made anew', async t => {
  const server = await RedisServer.start(t)
  const proxy = await TcpProxy.start(t, server.port)
  const { subscriber, heard, counters } = open(t, proxy.port)
  subscriber.subscribe('channel')
  await until('it hears', () => subscriber.ready)
  proxy.fault({ blackhole: true }, () => true)
  await until('it was noticed', () => counters.subscriberDeaf === 1)
  await until('it hears again', () => subscriber.ready)
  await server.client().publish('channel', 'news')
  await until('news come', () => heard.length === 1)
})

t.test('a connection that is only quiet is left alone', async t => {
  const server = await RedisServer.start(t)
  const { subscriber, client, counters } = open(t, server.port)
  subscriber.subscribe('channel')
  await until('it hears', () => subscriber.ready)
  let closed = 0
  client.on('close', () => closed++)
  const behind = server.client()
  const pings = async (): Promise<number> =>
    Number(/cmdstat_ping:calls=(\d+)/.exec(await behind.info('commandstats'))?.[1] ?? 0)
  await until('it would have been dropped by now, had nothing come back', async () => (await pings()) >= 5)
  t.equal(closed, 0)
  t.equal(counters.subscriberDeaf, 0)
})

t.test('the lane names the calendars of which something may have been missed', async t => {
  const server = await RedisServer.start(t)
  const gaps: { calendars: CalendarId[]; again: boolean }[] = []
  const lane = openLane(t, server.url, { onGap: (calendars, again) => gaps.push({ calendars, again }) })
  lane.subscribeCalendar(clinic)
  lane.subscribeSession(newSession())
  await until('it is heard', () => gaps.length === 1)
  await server.kill()
  await server.restart()
  await until('it is heard again', () => gaps.length === 2)
  t.strictSame(gaps, [
    { calendars: [clinic], again: false },
    { calendars: [clinic], again: true }
  ])
  const other = openLane(t, server.url)
  await working(other)
  await other.settle(clinic, [row(slotAt(9), 5)], clock.now())
  await until('events come again', () => lane.events.length === 1)
})
