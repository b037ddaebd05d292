import t from 'tap'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import type { Answer } from '../helpers/ws-client.js'
import { countOf, insist, lookInto } from './database.js'
import { codeOf, type Instance, lockIn, patience, startWorld, type Visitor } from './world.js'

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

/**
 * What is said of a request whose answer is swallowed. What reads at that moment loses its connection too, and a request
 * that finds none was never sent: so there are several before the way goes deaf, and such a request is asked again.
 */
async function swallowed(one: Instance, visitor: Visitor, ask: () => Promise<Answer>): Promise<string> {
  for (let tries = 1; ; tries++) {
    await until('there are several connections', async () =>
      Promise.all([1, 2, 3, 4].map(() => visitor.locks())).then(
        () => true,
        () => false
      )
    )
    one.sqlProxy!.fault({ dropDownstream: true })
    const code = codeOf(await ask())
    one.sqlProxy!.fault({ dropDownstream: false })
    if (code !== 'STORE_UNAVAILABLE' || tries === 10) return code
  }
}

t.test('a change whose answer was lost is the same change when it is sent again', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, instances: 1, mysql })
  const look = await lookInto(t, server, world)
  const { one } = world
  const ann = await (await one.visitor()).watch()
  const other = await ann.locked([9])

  const lock = () => ann.lock([1, 2], { requestId: 'both' })
  t.equal(await swallowed(one, ann, lock), 'OUTCOME_UNKNOWN')
  t.equal(await countOf(look, "slots WHERE state = 'locked'"), 3, 'it was carried out')
  const mine = lockIn(await insist(lock))
  t.equal(await countOf(look, 'locks'), 2, 'and sent again it is still one lock')
  t.equal((await world.row(1))?.token, mine.id)

  t.equal(await swallowed(one, ann, () => ann.book(mine)), 'OUTCOME_UNKNOWN')
  const [booked] = (await look.query('SELECT id FROM bookings'))[0] as { id: string }[]
  t.match(await insist(() => ann.book(mine)), { ok: true, result: { booking: { id: booked!.id } } })
  t.equal(await countOf(look, 'bookings'), 1)

  t.equal(await swallowed(one, ann, () => ann.release(other)), 'OUTCOME_UNKNOWN')
  t.equal((await world.row(9))?.state, 'free')
  t.match(await insist(() => ann.release(other)), { ok: true, result: { released: true } })
  t.ok(one.store.stats.unknown >= 3, `each was counted: ${one.store.stats.unknown}`)
  await ann.untilScreenEquals(world.rows)
})

t.test('without a requestId she is locked out by a lock that nobody told her of (the twin)', async t => {
  const world = await startWorld(t, { redis: false, mariadb: server, instances: 1, mysql })
  const { one } = world
  const ann = await one.visitor()
  await ann.locked([9])
  t.equal(await swallowed(one, ann, () => ann.lock([1])), 'OUTCOME_UNKNOWN')
  t.match(await insist(() => ann.lock([1])), {
    error: { code: 'SLOT_UNAVAILABLE', details: { conflicts: [{ mine: true }] } }
  })
})
