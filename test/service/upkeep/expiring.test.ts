import t from 'tap'
import type { LockRecord } from '../../../src/domain/lock.js'
import { ExpiryWarnings } from '../../../src/service/upkeep/expiring.js'
import {
  demo,
  failing,
  grant,
  type Instance,
  instance,
  release,
  replacing,
  sessionId
} from '../live-fixture.js'

type Test = Parameters<typeof instance>[0]

async function warned(t: Test, parts: Parameters<typeof instance>[1] = {}) {
  const one = await instance(t, parts)
  const warnings = new ExpiryWarnings({ ...one, clock: one.time, timers: one.time })
  warnings.start()
  t.teardown(() => warnings.stop())
  const told = (): string[] =>
    one.events.flatMap(({ event }) => (event.kind === 'expiring' ? [event.lock.id.slice(2, 3)] : []))
  return { ...one, warnings, told }
}

async function extend({ store, feed }: Instance, lock: LockRecord, ttlMs: number): Promise<void> {
  const outcome = await store.extend({ lock: lock.id, owner: lock.owner, ttlMs, lockLifeMaxMs: 7_200_000 })
  if (outcome.status !== 'EXTENDED') throw new Error(outcome.status)
  feed.announceSlots(demo, outcome.rows)
  feed.announceLock(outcome.lock)
}

t.test('a connected holder is warned a minute before the end, once', async t => {
  const one = await warned(t)
  one.feed.attach(sessionId('a'), false)
  await grant(one, 'a', [0], { ttlMs: 600_000 })
  await grant(one, 'b', [1], { ttlMs: 600_000 })
  await one.time.step(539_999)
  t.same(one.told(), [])
  await one.time.step(1)
  t.same(one.told(), ['a'], 'and nobody who is not here')
  await one.time.step(600_000)
  t.same(one.told(), ['a'])
})

t.test('a lock that begins with its last minute is not warned of', async t => {
  const one = await warned(t)
  one.feed.attach(sessionId('a'), false)
  await grant(one, 'a', [0], { ttlMs: 60_000 })
  await one.time.step(60_000)
  t.same(one.told(), [])
})

t.test('an extension puts the warning off, and one that ended gets none', async t => {
  const one = await warned(t)
  one.feed.attach(sessionId('x'), false)
  const extended = await grant(one, 'a', [0], { owner: 'x', ttlMs: 120_000 })
  const released = await grant(one, 'b', [1], { owner: 'x', ttlMs: 120_000 })
  await one.time.step(30_000)
  await extend(one, extended, 600_000)
  await release(one, released)
  await one.time.step(100_000)
  t.same(one.told(), [])
  await one.time.step(600_000)
  t.same(one.told(), ['a'])
})

t.test('of a session that comes back the locks are read, and who left is not warned', async t => {
  const one = await warned(t)
  await grant(one, 'a', [0], { owner: 'back', ttlMs: 600_000 })
  await grant(one, 'b', [1], { owner: 'gone', ttlMs: 600_000 })
  await one.time.step(1_000)
  for (const name of ['back', 'gone']) one.feed.attach(sessionId(name), true)
  await one.time.step(1_000)
  one.feed.detach(sessionId('gone'))
  await one.time.step(600_000)
  t.same(one.told(), ['a'])
})

t.test('who comes back in the last minute is warned at once', async t => {
  const one = await warned(t)
  await grant(one, 'a', [0], { owner: 'back', ttlMs: 600_000 })
  await grant(one, 'b', [1], { owner: 'back', ttlMs: 595_000 })
  await grant(one, 'c', [2], { owner: 'back', ttlMs: 50_000 })
  await one.time.step(590_000)
  one.feed.attach(sessionId('back'), true)
  await one.time.step(10)
  t.same(one.told().sort(), ['a', 'b'])
})

t.test('a crowd that comes back is read a few at a time, and each session once', async t => {
  let underway = 0
  let most = 0
  let reads = 0
  const one = await warned(t, {
    wrap: replacing(store => ({
      readLiveLocks: async of => {
        underway += 1
        reads += 1
        most = Math.max(most, underway)
        await new Promise(resolve => setImmediate(resolve))
        underway -= 1
        return await store.readLiveLocks(of)
      }
    }))
  })
  for (let n = 0; n < 50; n++) {
    one.feed.attach(sessionId(`s${n}`), true)
    one.feed.attach(sessionId(`s${n}`), true)
  }
  while (reads < 50 || underway > 0) await one.time.rest()
  t.equal(reads, 50)
  t.equal(most, 4)
})

t.test('a database that is out costs warnings and nothing else', async t => {
  const one = await warned(t, { wrap: failing({ out: true }, 'readLiveLocks') })
  one.feed.attach(sessionId('a'), true)
  await one.time.rest()
  t.equal(one.warnings.unread, 1)
  await grant(one, 'a', [0], { ttlMs: 600_000 })
  await one.time.step(540_000)
  t.same(one.told(), ['a'])
})
