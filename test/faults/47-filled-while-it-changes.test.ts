import t, { type Test } from 'tap'
import { until } from '../helpers/process.js'
import { fill, markOf, untilColor, untilMarked } from './redis-side.js'
import { calendar, codeOf, keys, slot, startWorld } from './world.js'

/**
 * Geometry: Redis is being filled from the database. The rows have been read; before they arrive, Ann gives a slot back
 * and Bob takes another. And the same again with everything at once: two instances lock and release while Redis is
 * emptied and filled over and over.
 *
 * What should follow: what settled meanwhile is newer than what was read, and stays. Redis ends up as the database has
 * it. Whatever it says in between costs a reading at most.
 *
 * Twin: a fill that writes what it read. Redis says of a free slot that it is taken: that costs a reading, and no more,
 * because nobody believes it. (Fills that overtake each other: test/stores/redis/faults.test.ts.)
 */

/** Reads the rows, then lets Ann release slot 0 and Bob lock slot 1, and answers with what it read. */
async function readThenChange(t: Test) {
  const world = await startWorld(t)
  const { one, two } = world
  await fill(world)
  const behind = world.redis.client()
  const ann = await one.visitor()
  const [bob, carol] = [await two.visitor(), await two.visitor()]
  const hers = await ann.locked([0])
  await untilMarked(behind, 0, 'locked')
  const read = async () => {
    const rows = [...(await world.rows()).values()]
    await ann.release(hers)
    await bob.locked([1])
    await untilMarked(behind, 0, 'free')
    await untilMarked(behind, 1, 'locked')
    return { rows, nowMs: world.judge.nowMs() }
  }
  return { world, behind, carol, read, hers }
}

t.test('what changes while Redis is being filled is not overwritten by what was read before', async t => {
  const { world, behind, carol, read } = await readThenChange(t)
  await world.one.lane!.hydrate(calendar, read)
  t.match(await markOf(behind, 0), /:free:/)
  t.match(await markOf(behind, 1), /:locked:/)
  t.equal(codeOf(await carol.lock([0])), 'ok')
  t.equal(world.two.lane!.counters.taken, 0, 'without a word against it')
})

t.test('twin: a fill that overwrites costs a reading, and nobody the slot', async t => {
  const { world, behind, carol, read } = await readThenChange(t)
  const { rows } = await read()
  for (const row of rows) {
    await behind.set(keys.slot(calendar, row.slot), `${row.ver}:${row.state}:${row.token}`, 'PX', 600_000)
  }
  t.match(await markOf(behind, 0), /:locked:/, 'it is free, and Redis says it is taken')
  await untilColor('green', world.two)
  t.equal(codeOf(await carol.lock([0])), 'ok')
  t.equal(world.two.lane!.counters.taken, 1)
})

t.test('Redis that is emptied and filled in the middle of everything ends up as the database is', async t => {
  const world = await startWorld(t)
  const { one, two } = world
  await fill(world)
  const behind = world.redis.client()
  const visitors = await Promise.all([one.visitor(), two.visitor(), one.visitor(), two.visitor()])
  await Promise.all(visitors.map(visitor => visitor.watch()))
  let over = false
  const emptied = (async () => {
    for (let round = 0; round < 6; round++) {
      await behind.flushall()
      await fill(world)
    }
    over = true
  })()
  const holders = new Map<number, number>()
  const busy = visitors.map(async (visitor, i) => {
    for (let n = i; !over; n++) {
      const index = n % 3
      const answer = await visitor.lock([index])
      if (!answer.ok) continue
      const now = (holders.get(index) ?? 0) + 1
      holders.set(index, now)
      if (now > 1) t.fail(`${now} hold slot ${index}`)
      await new Promise(resolve => setImmediate(resolve))
      holders.set(index, now - 1)
      await visitor.client.request('release', { lock: (answer.result!.lock as { id: string }).id })
    }
    await visitor.locked([10 + i])
  })
  await Promise.all([emptied, ...busy])
  await until('Redis has what the database has', async () => {
    for (const [id, row] of await world.rows()) {
      const mark = await behind.get(keys.slot(calendar, id))
      if (row.state === 'locked' && !mark?.includes(`:locked:${row.token}`)) return false
      if (row.state === 'free' && mark !== null && !mark.includes(':free:')) return false
    }
    return true
  })
  t.match(await behind.get(keys.slot(calendar, slot(10))), /:locked:/)
  const fills = [one, two].reduce(
    (sum, { lane }) => sum + lane!.counters.fills + lane!.counters.fillsOvertaken,
    0
  )
  t.ok(fills >= 6, `filled ${fills} times`)
  for (const visitor of visitors) await visitor.untilScreenEquals(world.rows)
})
