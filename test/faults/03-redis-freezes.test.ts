import t from 'tap'
import * as scripts from '../../src/stores/redis/scripts.js'
import { until } from '../helpers/process.js'
import { fill, markOf, newLock, untilColor, untilMarked, whyRed } from './redis-side.js'
import { calendar, clock, codeOf, keys, slot, startWorld } from './world.js'

/**
 * Geometry: Ann and Bob at one instance. redis-server is frozen (SIGSTOP) for longer than any deadline and thawed again.
 * All connections stay open meanwhile; what is sent waits in the kernel and is executed after the thaw, although
 * whoever sent it gave up long ago.
 *
 * What should follow: requests are answered by the database, and what Redis executes late does nothing: it carries a
 * deadline by Redis' own clock. No mark stays behind that no row stands for.
 */

t.test('Redis freezes and thaws: what it executes late does nothing', async t => {
  const world = await startWorld(t, { instances: 1, lane: { commandTimeoutMs: 100 } })
  const { one, redis } = world
  await fill(world)
  const behind = redis.client()
  const ann = await one.visitor()
  const bob = await one.visitor()
  // the server must know the scripts, or it would refuse the late ones for not knowing them
  const kept = await ann.locked([0])
  await untilMarked(behind, 0, 'locked')
  const executed: string[][] = []
  const monitor = await behind.monitor()
  t.teardown(() => monitor.disconnect())
  monitor.on('monitor', (_time: string, args: string[]) => void executed.push(args))

  await untilColor('green', one)
  redis.freeze()
  const sentAt = clock.monotonic()
  const passing = await ann.locked([1])
  t.equal(codeOf(await ann.release(passing)), 'ok', 'locked and released while Redis stood still')
  t.equal(codeOf(await bob.lock([0])), 'SLOT_UNAVAILABLE')
  t.equal(codeOf(await bob.lock([2])), 'ok')
  await untilColor('red', one)
  t.match(whyRed(one), /timed out|closed/)
  t.ok(one.lane!.counters.timeouts >= 1)
  // twin: the same script without a deadline that comes
  const twin = scripts.slotsReserve.run(
    behind,
    { generation_key: keys.generation(calendar), slot_keys: [keys.slot(calendar, slot(9))] },
    { lock: newLock(), replaces: '', pending_ms: 600_000, deadline_ms: Number.MAX_SAFE_INTEGER }
  )
  await until('every deadline is over', () => clock.monotonic() - sentAt > 2_500)
  redis.thaw()

  const about = (n: number) => executed.filter(args => args.includes(keys.slot(calendar, slot(n))))
  await until('the late reservation was executed', () =>
    about(1).some(([command]) => /^eval/i.test(command ?? ''))
  )
  t.notOk(
    about(1).some(([command, , mark]) => /^set$/i.test(command!) && mark!.includes(':pending:')),
    'and wrote nothing'
  )
  t.strictSame(await twin, { status: 'RESERVED' }, 'twin: without the deadline it takes the slot')
  t.match(await markOf(behind, 9), /:pending:/, 'for as long as it was told to, and no row stands for it')

  await untilColor('green', one)
  t.equal(codeOf(await bob.lock([1])), 'ok', 'the slot that was released can be had')
  t.equal(codeOf(await ann.book(kept)), 'ok')
})
