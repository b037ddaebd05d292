import t, { type Test } from 'tap'
import type { GrantRequest } from '../../src/domain/lock-store.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { codeOf, type OwnOptions, patience, startWorld } from './world.js'

/**
 * Geometry: two visitors at two instances want the same thirty slots at the same moment, again and again; ann names
 * them from the first to the last, bob from the last to the first. Nothing but the database is between the two.
 *
 * What should follow: each time at most one has them, and never do the two wait for each other, because whatever a
 * request says, rows are taken in one order.
 */

const server = await MariadbServer.start()
t.teardown(() => server.stop())
const upwards = Array.from({ length: 30 }, (_, n) => n)
const downwards = [...upwards].reverse()

async function contend(t: Test, own: OwnOptions, rounds: (deadlocks: number) => boolean) {
  const shared = { redis: false, mariadb: server, mysql: patience, instances: 1 } as const
  const world = await startWorld(t, shared)
  const two = await world.add(own)
  const ann = await world.one.visitor()
  const bob = await two.visitor()
  const codes = new Set<string>()
  let bothHadThem = 0
  const deadlocks = (): number => world.one.store.stats.deadlocksRetried + two.store.stats.deadlocksRetried
  while (rounds(deadlocks())) {
    const [anns, bobs] = await Promise.all([ann.lock(upwards), bob.lock(downwards)])
    if (anns.ok && bobs.ok) bothHadThem++
    for (const answer of [anns, bobs]) codes.add(codeOf(answer))
    for (const visitor of [ann, bob]) {
      for (const lock of await visitor.locks()) await visitor.client.request('release', { lock })
    }
  }
  return { codes, bothHadThem, deadlocks: deadlocks() }
}

t.test('two who name the same slots in opposite orders never wait for each other', async t => {
  let round = 0
  const { codes, bothHadThem, deadlocks } = await contend(t, {}, () => round++ < 40)
  t.equal(bothHadThem, 0)
  t.same(codes, new Set(['ok', 'SLOT_UNAVAILABLE']))
  t.equal(deadlocks, 0)
})

t.test('if one instance took rows in the order of the request, they would (the twin)', async t => {
  let round = 0
  const unsorted: OwnOptions = {
    wrapStore: store =>
      new Proxy(store, {
        get(target, name) {
          if (name === 'grant') {
            return (request: GrantRequest) =>
              target.grant({ ...request, slots: [...request.slots].reverse() })
          }
          const member: unknown = Reflect.get(target, name, target)
          return typeof member === 'function' ? member.bind(target) : member
        }
      })
  }
  const { bothHadThem, deadlocks } = await contend(t, unsorted, deadlocks => deadlocks === 0 && round++ < 400)
  t.ok(deadlocks > 0, `after ${round} rounds`)
  t.equal(bothHadThem, 0, 'the database ends it, at the price of doing things twice')
})
