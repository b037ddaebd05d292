import t from 'tap'
import { StoreUnavailable } from '../../../src/domain/errors.js'
import type { SessionId } from '../../../src/domain/ids.js'
import type { RevocationStore } from '../../../src/domain/revocation.js'
import { RevokedSessions } from '../../../src/service/callers/revoked-sessions.js'
import { RevocationWatch, revocationTimes } from '../../../src/service/upkeep/revocation-watch.js'
import { openSqliteStore } from '../../../src/stores/sql/open-sqlite.js'
import { SteppedTime } from '../../helpers/stepped-time.js'

const session = (name: string): SessionId => name.padEnd(22, '-') as SessionId
const by = { role: 'admin' } as const
const day = 86_400_000

async function scene(t: { teardown(end: () => Promise<void>): void }, times = {}) {
  const time = new SteppedTime()
  const store = await openSqliteStore(':memory:', { clock: time })
  await store.migrate()
  t.teardown(() => store.close())
  const outage = { out: false }
  const reads = { since: 0, all: 0 }
  const hidden = new Set<SessionId>()
  const read = async (which: keyof typeof reads, answer: ReturnType<RevocationStore['readRevocations']>) => {
    reads[which] += 1
    if (outage.out) throw new StoreUnavailable('out')
    const { revocations, nowMs } = await answer
    return { revocations: revocations.filter(one => !hidden.has(one.session)), nowMs }
  }
  const watched: RevocationStore = {
    putRevocation: request => store.putRevocation(request),
    readRevocationsSince: (...asked) => read('since', store.readRevocationsSince(...asked)),
    readRevocations: (...asked) => read('all', store.readRevocations(...asked))
  }
  const redis = { inUse: true }
  const revoked = new RevokedSessions()
  const watch = new RevocationWatch({
    store: watched,
    revoked,
    redisInUse: () => redis.inUse,
    clock: time,
    timers: time,
    times
  })
  t.teardown(() => watch.stop())
  const end = (name: string, until = time.now() + day) =>
    store.putRevocation({ session: session(name), until, by })
  return { time, store, revoked, watch, outage, hidden, reads, redis, end }
}

t.test('what another instance ended is known here a second later, without a word from anybody', async t => {
  const { time, revoked, watch, end } = await scene(t)
  await end('before')
  await watch.readAll()
  t.ok(revoked.has(session('before')))
  watch.start()
  await end('since')
  t.notOk(revoked.has(session('since')))
  await time.step(revocationTimes.intervalMs)
  t.ok(revoked.has(session('since')))
})

t.test('the twin: without the reading it would never be', async t => {
  const { time, revoked, watch, end } = await scene(t, { intervalMs: 10 * day })
  await watch.readAll()
  watch.start()
  await end('since')
  await time.step(3_600_000)
  t.notOk(revoked.has(session('since')))
  watch.lookNow()
  await time.step(revocationTimes.hurryMs)
  t.ok(revoked.has(session('since')), 'but a word is enough')
})

t.test('while Redis is out it is read ten times a second', async t => {
  const { time, revoked, watch, end, redis } = await scene(t)
  await watch.readAll()
  watch.start()
  redis.inUse = false
  watch.redisChanged()
  await time.step(revocationTimes.intervalWithoutRedisMs)
  await end('since')
  await time.step(revocationTimes.intervalWithoutRedisMs)
  t.ok(revoked.has(session('since')))
})

t.test('a flood of words is one reading at a time', async t => {
  const { time, watch, reads } = await scene(t)
  await watch.readAll()
  watch.start()
  for (let word = 0; word < 10_000; word++) watch.lookNow()
  await time.step(revocationTimes.hurryMs)
  t.equal(reads.since, 1)
})

t.test('a row that comes to light long after its time is found when all are read again', async t => {
  for (const [allIntervalMs, found] of [
    [revocationTimes.allIntervalMs, true],
    [10 * day, false]
  ] as const) {
    const { time, revoked, watch, end, hidden } = await scene(t, { allIntervalMs })
    await watch.readAll()
    watch.start()
    // its statement stands still with its server, half done
    hidden.add(session('late'))
    await end('late')
    await time.step(10_000)
    hidden.clear()
    await time.step(revocationTimes.allIntervalMs)
    t.equal(revoked.has(session('late')), found, found ? 'found' : 'the twin, without that reading')
  }
})

t.test('while the database is out what is known stays known', async t => {
  const { time, revoked, watch, end, outage } = await scene(t)
  await end('before')
  await watch.readAll()
  watch.start()
  outage.out = true
  await time.step(120_000)
  t.ok(watch.failed > 10)
  t.ok(revoked.has(session('before')))
  outage.out = false
  await end('since')
  await time.step(revocationTimes.intervalMs)
  t.ok(revoked.has(session('since')))
})

t.test('it is forgotten, here and in the database, when no token can be good any more', async t => {
  const { time, store, revoked, watch, end } = await scene(t)
  await end('short', time.now() + 90_000)
  await end('long')
  await end('long', time.now() + 1)
  await watch.readAll()
  watch.start()
  await time.step(60_000)
  t.equal((await store.purge(100)).deleted, 0)
  t.equal(revoked.size, 2)
  await time.step(120_000)
  t.equal((await store.purge(100)).deleted, 1)
  t.equal(revoked.size, 1)
  t.ok(revoked.has(session('long')), 'ended twice, it stands until the later end')
})

t.test('thousands are read piece by piece', async t => {
  const { time, revoked, watch, end } = await scene(t)
  for (let from = 0; from < 4_100; from += 1_025) {
    await Promise.all(Array.from({ length: 1_025 }, (_, index) => end(`s${from + index}`)))
    await time.step(1)
  }
  await watch.readNew()
  t.equal(revoked.size, 4_100)
  await watch.readAll()
  t.equal(revoked.size, 4_100)
})
