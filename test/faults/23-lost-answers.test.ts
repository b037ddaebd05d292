import t from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { countOf, insist, lookInto } from './database.js'
import { codeOf, lockIn, patience, startWorld } from './world.js'

/**
 * Geometry: ann talks to an instance whose way to the database swallows answers. What it sends arrives and is
 * committed; the word that it was, does not come back. Three times: for a lock, for a booking, for a release.
 *
 * What should follow: the instance says neither yes nor no but OUTCOME_UNKNOWN, and the same request sent again has
 * the same result, with one row behind it.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())
const mysql = { ...patience, queryTimeoutMs: 1_000 }

t.test('a change whose answer was lost is the same change when it is sent again', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, instances: 1, mysql })
  const look = await lookInto(t, server, world)
  const { one } = world
  const ann = await (await one.visitor()).watch()
  const other = await ann.locked([9])
  const deaf = (dropDownstream: boolean): void => one.sqlProxy!.fault({ dropDownstream })

  const lock = () => ann.lock([1, 2], { requestId: 'both' })
  deaf(true)
  t.equal(codeOf(await lock()), 'OUTCOME_UNKNOWN')
  t.equal(await countOf(look, "slots WHERE state = 'locked'"), 3, 'it was carried out')
  deaf(false)
  const mine = lockIn(await insist(lock))
  t.equal(await countOf(look, 'locks'), 2, 'and sent again it is still one lock')
  t.equal((await world.row(1))?.token, mine.id)

  deaf(true)
  t.equal(codeOf(await ann.book(mine)), 'OUTCOME_UNKNOWN')
  const [booked] = (await look.query('SELECT id FROM bookings'))[0] as { id: string }[]
  deaf(false)
  t.match(await insist(() => ann.book(mine)), { ok: true, result: { booking: { id: booked!.id } } })
  t.equal(await countOf(look, 'bookings'), 1)

  deaf(true)
  t.equal(codeOf(await ann.release(other)), 'OUTCOME_UNKNOWN')
  t.equal((await world.row(9))?.state, 'free')
  deaf(false)
  t.match(await insist(() => ann.release(other)), { ok: true, result: { released: true } })
  t.ok(one.store.stats.unknown >= 3, `each was counted: ${one.store.stats.unknown}`)
  await ann.untilScreenEquals(world.rows)
})

t.test('without a requestId she is locked out by a lock that nobody told her of (the twin)', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, instances: 1, mysql })
  const { one } = world
  const ann = await one.visitor()
  await ann.locked([9])
  one.sqlProxy!.fault({ dropDownstream: true })
  t.equal(codeOf(await ann.lock([1])), 'OUTCOME_UNKNOWN')
  one.sqlProxy!.fault({ dropDownstream: false })
  t.match(await insist(() => ann.lock([1])), {
    error: { code: 'SLOT_UNAVAILABLE', details: { conflicts: [{ mine: true }] } }
  })
})
