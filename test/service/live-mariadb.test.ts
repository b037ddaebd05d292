import t from 'tap'
import type { LockStore } from '../../src/domain/lock-store.js'
import { type FeedEvent, LiveFeed, type Origin } from '../../src/service/live/feed.js'
import { realTimers } from '../../src/service/tools/timers.js'
import { Sweep } from '../../src/service/upkeep/sweep.js'
import { Tail, type TailTimes } from '../../src/service/upkeep/tail.js'
import { openMysqlStore } from '../../src/stores/sql/open-mysql.js'
import { MariadbServer } from '../helpers/mariadb.js'
import { until } from '../helpers/process.js'
import { definition, demo, grant, type Instance, over, slot, startMs } from './live-fixture.js'

/** The first half hour of the fixture's kind that lies well ahead: what has begun is left out of whole readings. */
const ahead = Math.ceil((Date.now() - startMs) / 1_800_000) + 100
const clock = { now: Date.now, monotonic: () => performance.now() }
const server = await MariadbServer.start()
t.teardown(() => server.stop())

type Test = Parameters<typeof over>[1] & { teardown(end: () => unknown): void }

async function opened(t: Pick<Test, 'teardown'>, url: string): Promise<Instance> {
  const store: LockStore = await openMysqlStore(url, { clock, random: Math.random })
  t.teardown(() => store.close())
  await store.migrate()
  return over(store, realTimers)
}

/** Two instances that share a database and nothing else. */
async function two(t: Pick<Test, 'teardown'>, name: string): Promise<[Instance, Instance, string]> {
  const url = await server.createDatabase(name)
  const here = await opened(t, url)
  const there = await opened(t, url)
  await here.store.putCalendar(definition)
  await here.store.ping()
  await there.store.ping()
  there.feed.watch(demo)
  return [here, there, url]
}

function tailOf(t: Pick<Test, 'teardown'>, one: Instance, times: Partial<TailTimes> = {}): Tail {
  const tail = new Tail({ ...one, clock, timers: realTimers, times })
  t.teardown(() => tail.stop())
  return tail
}

t.test('without Redis the tail is the live feed between instances', async t => {
  const [here, there] = await two(t, 'live')
  tailOf(t, there).start()
  await grant(here, 'a', [ahead, ahead + 1])
  await until('the other instance shows it', () => there.screen.get(slot(ahead + 1))?.state === 'locked')
  t.equal(there.screen.get(slot(ahead + 0))?.state, 'locked')
})

for (const late of [true, false]) {
  t.test(
    late
      ? 'a transaction that commits two seconds after its statement is found'
      : 'and without the late pass it is not',
    { timeout: 60_000 },
    async t => {
      const [here, there] = await two(t, late ? 'late' : 'notlate')
      await grant(here, 'a', [ahead + 0])
      const tail = tailOf(t, there, late ? {} : { lateIntervalMs: 1e12 })
      tail.start()
      await until('the tail reads', () => there.screen.size === 1)

      const url = late ? 'late' : 'notlate'
      const slow = await server.connect(url)
      t.teardown(() => slow.end())
      const [before] = [there.screen.get(slot(ahead + 0))!]
      await slow.query('START TRANSACTION')
      await slow.query(
        `UPDATE slots SET state = 'booked', ver = ver + 1,
          updated_ms = FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000) WHERE slot = ?`,
        [slot(ahead + 0)]
      )
      const { readings } = tail
      await until('the eager pass has left it behind', () => tail.readings > readings + 15)
      const begun = performance.now()
      await until('its overlap has gone by', () => performance.now() - begun > 400)
      await slow.query('COMMIT')
      t.equal(there.screen.get(slot(ahead + 0))?.ver, before.ver)
      if (late) {
        await until('it is found', () => there.screen.get(slot(ahead + 0))?.state === 'booked')
        t.equal(tail.snapshots, 0, 'by the late pass')
      } else {
        const from = tail.readings
        await until('the tail has read past it for long', () => tail.readings > from + 45)
        t.equal(there.screen.get(slot(ahead + 0))?.state, 'locked', 'the screen is wrong for good')
      }
    }
  )
}

t.test('a database that froze is read as a whole when it thaws', { timeout: 60_000 }, async t => {
  const [here, there] = await two(t, 'frozen')
  const tail = tailOf(t, there)
  tail.start()
  await grant(here, 'a', [ahead + 0])
  await until('the tail reads', () => there.screen.size === 1)
  await grant(here, 'b', [ahead + 1], { silent: true })
  server.freeze()
  await until('readings fail', () => tail.failed >= 1, 20_000)
  server.thaw()
  await until('the database answers', () =>
    here.store.ping().then(
      () => true,
      () => false
    )
  )
  await until('all was read', () => tail.snapshots >= 1, 20_000)
  t.equal(there.screen.get(slot(ahead + 1))?.state, 'locked')
})

t.test(
  'expiry is told after the end and by whoever granted, on every instance',
  { timeout: 60_000 },
  async t => {
    const [here, there] = await two(t, 'expiry')
    const told = new Map<string, number>()
    tailOf(t, there).start()
    const sweeps = [here, there].map(
      one => new Sweep({ ...one, clock, timers: realTimers, random: Math.random })
    )
    for (const sweep of sweeps) {
      sweep.start()
      t.teardown(() => sweep.stop())
    }
    const ends = new Map<string, number>()
    const lags: number[] = []
    const free = new Set<string>()
    const hear = (event: FeedEvent, origin: Origin): void => {
      if (event.kind === 'lock' && event.lock.state === 'expired' && origin === 'here') {
        told.set(event.lock.id, (told.get(event.lock.id) ?? 0) + 1)
        lags.push(here.store.nowMs() - ends.get(event.lock.id)!)
      }
      if (event.kind === 'slots') for (const row of event.rows) if (row.state === 'free') free.add(row.slot)
    }
    for (const { feed } of [here, there]) feed.listen(hear)
    const count = 60
    for (let n = 0; n < count; n++) {
      const lock = await grant(here, `l${n}`, [ahead + n], { ttlMs: 500 + 37 * n })
      ends.set(lock.id, lock.expiresAt)
    }
    await until('all are over', () => told.size === count, 20_000)
    t.equal(free.size, count)
    t.same(new Set(told.values()), new Set([1]), 'each by one instance, once')
    const rows = await server.connect('expiry')
    t.teardown(() => rows.end())
    const [early] = await rows.query('SELECT id FROM locks WHERE updated_ms < expires_ms')
    t.same(early, [], 'none before its end, by the database’s clock')
    await until(
      'the other instance shows it',
      () => [...there.screen.values()].filter(row => row.state === 'free').length === count
    )
    lags.sort((a, b) => a - b)
    t.comment(
      `lag after the end: median ${lags[count / 2]!.toFixed(1)} ms, p99 ${lags.at(-1)!.toFixed(1)} ms; swept by the granter ${sweeps[0]!.swept} of ${count}`
    )
  }
)

t.test('two feeds of one process are two instances', async t => {
  const [here, there] = await two(t, 'apart')
  await grant(here, 'a', [ahead + 0])
  t.type(there.feed, LiveFeed)
  t.equal(there.screen.size, 0, 'nothing is shared but the database')
})
