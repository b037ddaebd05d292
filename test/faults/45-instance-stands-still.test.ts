import t, { type Test } from 'tap'
import { Instance } from '../helpers/instance.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { lookInto, rowOf } from './database.js'
import { codeOf, secret, startWorld, Visitor } from './world.js'

/**
 * Geometry: Ann is connected to an instance that is a process of its own, and holds two slots, one of them for two
 * seconds. The process stands still (SIGSTOP); to her its connection is open. She books what lies in its socket. Meanwhile
 * the short lock ends, and Bob takes the slot at another instance. Then the process goes on, where it was.
 *
 * What should follow: it has slept through the end of a lock and does not know. Her booking is refused by the row all the
 * same, her other lock is as good as ever, and her screen is made right by reading everything she watches.
 *
 * Twin: a booking that goes by what the instance knew before it stood still.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())

async function stoodStill(t: Test) {
  const world = await startWorld(t, { redis: false, mariadb: server, instances: 0 })
  const still = await Instance.start(t, {
    MYSQL_URL: server.url(world.database),
    SLOTLOCK_SECRET: secret,
    LOCK_TTL_MIN_MS: '100'
  })
  const two = await world.add()
  const ann = await (await Visitor.open(still.ws)).watch()
  const bob = await two.visitor()
  const long = await ann.locked([2])
  const snapshots = await still.metric('slotlock_tail_snapshots_total')
  const short = await ann.locked([1], { ttlMs: 2_000 })
  await until('her screen shows it', () => ann.sees(1) === 'locked')
  still.process.freeze()
  const booking = ann.book(short)
  await until('her lock is over', async () => (await world.row(1))?.state === 'free')
  const his = await bob.locked([1])
  return { world, still, ann, bob, long, his, booking, snapshots }
}

t.test('an instance that slept through the end of a lock does not book it', async t => {
  const { world, still, ann, bob, long, his, booking, snapshots } = await stoodStill(t)
  t.equal(ann.sees(1), 'locked', 'all that time her screen showed her own lock')
  still.process.thaw()
  t.equal(codeOf(await booking), 'LOCK_EXPIRED')
  t.match(await world.row(1), { state: 'locked', token: his.id })
  await ann.untilScreenEquals(world.rows)
  await until(
    'it noticed that it had stood still and read everything again',
    async () => (await still.metric('slotlock_tail_snapshots_total')) > snapshots
  )
  t.equal(codeOf(await ann.book(long)), 'ok')
  t.equal(codeOf(await bob.book(his)), 'ok')
})

t.test('twin: what it knew before it stood still would have been booked over Bob', async t => {
  const { world, still, his, booking } = await stoodStill(t)
  const look = await lookInto(t, server, world)
  await look.query(`UPDATE slots SET state = 'booked' WHERE ${rowOf(1)}`)
  t.match(await world.row(1), { state: 'booked', token: his.id }, 'the slot of his that is booked is hers')
  still.process.thaw()
  t.equal(codeOf(await booking), 'LOCK_EXPIRED', '(its own statement has a guard)')
})
