import t from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { countOf, insist, lookInto } from './database.js'
import { codeOf, patience, startWorld } from './world.js'

/**
 * Geometry: Ann presses "book" in two tabs, at two instances, at the same moment: with one requestId, as a page does that
 * sends again, and with two, as two pages do that know nothing of each other.
 *
 * What should follow: one booking, and both tabs are told of that one. Both requests reach the database; its keys, on
 * the booking's id and on the lock, let one of them in.
 *
 * Twin: a table without those keys, and a look before each insert.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())

t.test('two bookings of one lock at two instances are one booking', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, mysql: patience })
  const look = await lookInto(t, server, world)
  const { one, two } = world
  const ann = await (await one.visitor()).watch()
  const annAgain = await two.visitor(ann.token)
  const rounds = 20
  const writes = () => [one.store.stats.writes, two.store.stats.writes]
  const before = writes()
  for (let n = 0; n < rounds; n++) {
    const lock = await ann.locked([n])
    const answers = await Promise.all([
      insist(() => ann.book(lock, `press-${n}`)),
      insist(() => annAgain.book(lock, n % 2 === 0 ? `press-${n}` : `other-press-${n}`))
    ])
    t.same(answers.map(codeOf), ['ok', 'ok'])
    const [id, idAgain] = answers.map(answer => (answer.result!.booking as { id: string }).id)
    t.equal(id, idAgain)
  }
  t.equal(await countOf(look, 'bookings'), rounds)
  const after = writes()
  t.ok(after[0]! - before[0]! >= 2 * rounds, 'the first instance locked and asked for the booking')
  t.ok(after[1]! - before[1]! >= rounds, 'so did the second')
  await ann.untilScreenEquals(world.rows)
})

t.test('twin: without those keys a look before the insert lets both in', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, instances: 1, mysql: patience })
  const tabs = [await lookInto(t, server, world), await lookInto(t, server, world)]
  await tabs[0]!.query('CREATE TABLE loose (lock_id CHAR(22), request_id VARCHAR(64)) ENGINE=InnoDB')
  const looks = await Promise.all(tabs.map(tab => countOf(tab, "loose WHERE lock_id = 'hers'")))
  t.same(looks, [0, 0], 'nothing is booked yet, says each look')
  await Promise.all(tabs.map(tab => tab.query("INSERT INTO loose VALUES ('hers', 'press')")))
  t.equal(await countOf(tabs[0]!, 'loose'), 2)
})
