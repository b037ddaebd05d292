import t from 'tap'
import { decodeEvent } from '../../src/stores/redis/events.js'
import { until } from '../helpers/process.js'
import { fill, laneWith } from './redis-side.js'
import { calendar, keys, startWorld } from './world.js'

/**
 * Geometry: Ann at instance one locks and releases, Bob at instance two watches. Every third message of instance one is
 * lost, and a saboteur on the channel says everything again, twice, the newest first.
 *
 * What should follow: Bob's screen is what the database has. What is old is dropped by its version before it gets to
 * him, and what was lost is found by the tail.
 */

t.test('messages lost, doubled and turned around: the screen equals the database', async t => {
  const lost = { settlements: 0, count: 0 }
  const world = await startWorld(t, { instances: 0 })
  const one = await world.add({
    wrapLane: lane =>
      laneWith(lane, {
        settle: async (...request) => {
          lost.settlements += 1
          if (lost.settlements % 3 === 0) lost.count += 1
          else await lane.settle(...request)
        }
      })
  })
  const two = await world.add()
  await fill({ ...world, one })
  const ann = await one.visitor()
  const bob = await (await two.visitor()).watch()

  const channel = keys.calendarEvents(calendar)
  const said: string[] = []
  /** Twin: a screen that shows whatever came last. */
  const naive = new Map<string, string>()
  const ear = world.redis.client()
  ear.on('message', (_channel: string, text: string) => {
    if (!said.includes(text)) said.push(text)
    const event = decodeEvent(text)?.event
    if (event?.kind === 'slots') for (const row of event.rows) naive.set(row.slot, row.state)
  })
  await ear.subscribe(channel)
  await until('instance two listens', async () => {
    const [, listeners] = (await world.redis.client().pubsub('NUMSUB', channel)) as [string, number]
    return Number(listeners) >= 2
  })
  const saboteur = world.redis.client()
  const sayAgain = async (): Promise<void> => {
    for (const text of [...said, ...said].reverse()) await saboteur.publish(channel, text)
  }

  for (let round = 0; round < 8; round++) {
    const n = round % 4
    const lock = await ann.locked([n, n + 4])
    if (round % 2 === 0) await sayAgain()
    await ann.release(lock)
    await sayAgain()
  }
  await ann.locked([1])
  await until('the messages of the last rounds are out', () => said.length >= lost.settlements - lost.count)
  await sayAgain()
  await bob.untilScreenEquals(world.rows)
  await until('all that was said has arrived', () => two.lane!.counters.eventsReceived >= 4 * said.length)
  await bob.untilScreenEquals(world.rows)

  t.ok(lost.count > 0, `${lost.count} messages were lost`)
  t.ok(
    two.lane!.counters.eventsReceived > 2 * said.length,
    `${said.length} messages arrived as ${two.lane!.counters.eventsReceived}`
  )
  const shown = new Map<string, number>()
  let backwards = 0
  for (const push of bob.client.pushes('slots')) {
    for (const { slot, ver } of push.slots as { slot: string; ver: number }[]) {
      if (ver <= (shown.get(slot) ?? -1)) backwards += 1
      shown.set(slot, ver)
    }
  }
  t.equal(backwards, 0, 'no slot went back to an older version, not even for a moment')
  const rows = await world.rows()
  t.ok(
    [...naive].some(([slot, state]) => rows.get(slot as never)?.state !== state),
    'twin: a screen that believes the last message is wrong now'
  )
})

t.test('what no message brings, the tail does', async t => {
  const world = await startWorld(t, { instances: 0 })
  const one = await world.add({ wrapLane: lane => laneWith(lane, { settle: async () => {} }) })
  const two = await world.add()
  const ann = await one.visitor()
  const bob = await (await two.visitor()).watch()
  await ann.locked([0, 1])
  await bob.untilScreenEquals(world.rows)
  t.equal(bob.sees(0), 'locked')
  t.equal(two.lane!.counters.eventsReceived, 0)
})
