import t from 'tap'
import { until } from '../helpers/process.js'
import { fill, untilColor, untilMarked } from './redis-side.js'
import { calendar, codeOf, keys, slot, startWorld } from './world.js'

/**
 * Geometry: Ann at an instance whose commands reach Redis and whose answers do not come back; then the connection is
 * cut. The reservation was executed, and nobody here knows.
 *
 * What should follow: the request is answered by the database. When the connection is back, the command is not sent
 * again: Redis has seen it once.
 *
 * Twin: the client's defaults send it again, and Redis counts twice; test/stores/redis/connections.test.ts shows it with
 * the same fault.
 */

t.test('the answer to a reservation is lost: it is not executed twice, and the lock is given', async t => {
  const world = await startWorld(t)
  const { one, two } = world
  await fill(world)
  const behind = world.redis.client()
  const ann = await one.visitor()
  await ann.locked([0])
  await untilMarked(behind, 0, 'locked')
  const reservations: string[][] = []
  const monitor = await behind.monitor()
  t.teardown(() => monitor.disconnect())
  monitor.on('monitor', (_time: string, args: string[]) => {
    const [command, , keyCount] = args
    // a generation key and one slot: that is a reservation of ours
    if (/^eval/i.test(command!) && keyCount === '2' && args[4] === keys.slot(calendar, slot(1))) {
      reservations.push(args)
    }
  })

  const commands = (connection: { opening: string }) => connection.opening.includes('slotlock-commands')
  await untilColor('green', one)
  one.redisProxy!.fault({ dropDownstream: true }, commands)
  const answer = ann.lock([1], { requestId: 'one' })
  await until('Redis has executed it', () => reservations.length === 1)
  t.match(await behind.get(keys.slot(calendar, slot(1))), /:pending:/)
  const { errors, connects } = one.lane!.counters
  one.redisProxy!.cut(commands)
  t.equal(codeOf(await answer), 'ok', 'the database answered')
  t.ok(one.lane!.counters.errors > errors, 'after Redis had not')

  await until('it is connected again', () => one.lane!.counters.connects > connects)
  await untilColor('green', one)
  await ann.locked([2])
  await untilMarked(behind, 2, 'locked')
  t.equal(reservations.length, 1, 'whatever was sent after it, this was not')
  const bob = await two.visitor()
  t.equal(codeOf(await bob.lock([1])), 'SLOT_UNAVAILABLE')
  t.equal(
    codeOf(await ann.lock([1], { requestId: 'one' })),
    'ok',
    'sent again by the client it is the same lock'
  )
  t.equal((await ann.locks()).length, 3)
})
