import t, { type Test } from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { lookInto, rowOf, untilWorkedOff } from './database.js'
import { patience, slot, startWorld } from './world.js'

/**
 * Geometry: Ann watches; there is no Redis, so what she sees comes by the tail. Somebody closes a slot, with a statement
 * that began ten seconds ago and commits only now, because the database stood still (SIGSTOP) meanwhile: longer than any
 * window that the tail reads. Rows carry the time at which their statement began.
 *
 * What should follow: the tail notices that a reading took long and reads whatever is watched as a whole.
 *
 * Twin: the same late commit without a stall that could be noticed. No reading of changes will ever show it. (The two
 * windows by themselves, and a pause of our own process: test/service/upkeep/tail.test.ts.)
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())

async function closing(t: Test) {
  const world = await startWorld(t, { redis: false, mariadb: server, mysql: patience })
  const { one, two } = world
  const look = await lookInto(t, server, world)
  const ann = await (await one.visitor()).watch()
  const bob = await two.visitor()
  await bob.release(await bob.locked([1]))
  await until('she saw it come and go', () => ann.screen.get(slot(1))?.ver !== 0 && ann.sees(1) === 'free')
  await look.query(`START TRANSACTION;
    UPDATE slots SET state = 'blocked', ver = ver + 1, updated_ms = updated_ms - 10000 WHERE ${rowOf(1)}`)
  return { world, one, look, ann, bob }
}

t.test('what a stall held up is found by reading everything that is watched', async t => {
  const { world, one, look, ann } = await closing(t)
  const { tailSnapshots, tailRepaired } = one.service.counts()
  server.freeze()
  const frozenAt = performance.now()
  const commit = look.query('COMMIT')
  await until('the stall is longer than a reading may take', () => performance.now() - frozenAt > 1_300)
  server.thaw()
  await commit
  await until('her screen shows it', () => ann.sees(1) === 'blocked')
  await ann.untilScreenEquals(world.rows)
  await until('the tail brought it', () => one.service.counts().tailSnapshots! > tailSnapshots!)
  t.ok(one.service.counts().tailRepaired! > tailRepaired!)
  await untilWorkedOff(look)
})

t.test('twin: without a stall to notice, a commit so late is not found by reading changes', async t => {
  const { one, look, ann, bob } = await closing(t)
  const { tailSnapshots } = one.service.counts()
  const { reads } = one.store.stats
  await look.query('COMMIT')
  await bob.locked([2])
  await until('the tail brought what came after it', () => ann.sees(2) === 'locked')
  await until('and read on', () => one.store.stats.reads > reads + 20)
  const noticed = one.service.counts().tailSnapshots! > tailSnapshots!
  // a test machine that stands still itself is noticed, too
  if (noticed) await until('and what it brought is shown', () => ann.sees(1) === 'blocked')
  else t.equal(ann.sees(1), 'free')
})
