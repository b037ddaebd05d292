import t, { type Test } from 'tap'
import type { SlotId } from '../../src/domain/ids.js'
import { RedisKeys } from '../../src/stores/redis/keys.js'
import * as scripts from '../../src/stores/redis/scripts.js'
import { RedisServer } from '../helpers/redis.js'
import { clinic, newLock, slotAt, viewer } from '../stores/redis/lane.js'

/** Each line of each `Returns one of`, and what a second, equal call answers. */

const server = await RedisServer.start(t)
const redis = server.client()
const keys = new RedisKeys('test:')
const generation_key = keys.generation(clinic)
const channel = keys.calendarEvents(clinic)
const nine = keys.slot(clinic, slotAt(9))
const ten = keys.slot(clinic, slotAt(10))
/** No server's clock is behind 1970 or ahead of 5138. */
const early = 99_999_999_999_999
const past = 1

t.beforeEach(() => redis.flushall())

const filled = () => redis.set(generation_key, 'R:now')
const reserve = (slots: SlotId[], lock: string, change: { replaces?: string; deadline_ms?: number } = {}) =>
  scripts.slotsReserve.run(
    redis,
    { generation_key, slot_keys: slots.map(slot => keys.slot(clinic, slot)) },
    { lock, replaces: '', pending_ms: 3_000, deadline_ms: early, ...change }
  )
const unreserve = (slots: SlotId[], lock: string) =>
  scripts.slotsUnreserve.run(
    redis,
    { slot_keys: slots.map(slot => keys.slot(clinic, slot)) },
    { lock, tombstone_ms: 60_000 }
  )
const settle = (rows: Record<string, string>, deadline_ms = early) =>
  scripts.slotsSettle.run(
    redis,
    { slot_keys: Object.keys(rows) },
    {
      channel,
      event: 'news',
      day_prefix: keys.dayPrefix(clinic),
      day_rows_max: 3,
      deadline_ms,
      rows: Object.values(rows).map(row => `${row} ${row.slice(row.indexOf(' ') + 1)}:owner:0`)
    }
  )
async function twice<T>(t: Test, run: () => Promise<T>, first: T, second: T = first): Promise<void> {
  t.strictSame(await run(), first, 'sent once')
  t.strictSame(await run(), second, 'sent twice')
}
const livesFor = async (t: Test, key: string, leastMs: number, mostMs: number) => {
  const leftMs = await redis.pttl(key)
  t.ok(leftMs > leastMs && leftMs <= mostMs, `${key} lives for ${leftMs} ms`)
}

t.test('slots_reserve RESERVED: all slots are marked, for a short while', async t => {
  await filled()
  const lock = newLock()
  await twice(t, () => reserve([slotAt(9), slotAt(10)], lock), { status: 'RESERVED' })
  t.strictSame(await redis.mget(nine, ten), [`0:pending:${lock}`, `0:pending:${lock}`])
  await livesFor(t, nine, 0, 3_000)
})

t.test('slots_reserve TAKEN: says which, marks none', async t => {
  await filled()
  await reserve([slotAt(10)], newLock())
  const request = () => reserve([slotAt(9), slotAt(10)], newLock())
  await twice(t, request, { status: 'TAKEN', positions: [1] })
  t.equal(await redis.get(nine), null)
})

t.test('slots_reserve TAKEN: whatever others have settled, and what is no mark at all', async t => {
  await filled()
  for (const value of ['5:locked:other', '5:booked:other', '5:blocked:', 'somebody wrote this']) {
    await redis.set(nine, value)
    t.match(await reserve([slotAt(9)], newLock()), { status: 'TAKEN' }, value)
    t.equal(await redis.get(nine), value)
  }
})

t.test('slots_reserve RESERVED: a tombstone holds nobody up, and its version is kept', async t => {
  await filled()
  await redis.set(nine, '5:free:other')
  const lock = newLock()
  t.strictSame(await reserve([slotAt(9)], lock), { status: 'RESERVED' })
  t.equal(await redis.get(nine), `5:pending:${lock}`)
})

t.test('slots_reserve RESERVED: what is settled for the lock it replaces stays as it is', async t => {
  await filled()
  const [old, lock] = [newLock(), newLock()]
  await redis.set(nine, `5:locked:${old}`, 'PX', 600_000)
  t.match(await reserve([slotAt(9), slotAt(10)], lock), { status: 'TAKEN', positions: [0] }, 'not named')
  t.match(await reserve([slotAt(9), slotAt(10)], lock, { replaces: old }), { status: 'RESERVED' })
  t.strictSame(await redis.mget(nine, ten), [`5:locked:${old}`, `0:pending:${lock}`])
  await livesFor(t, nine, 500_000, 600_000)
})

t.test('slots_reserve RESERVED: a retry does not shorten what was settled for it', async t => {
  await filled()
  const lock = newLock()
  await redis.set(nine, `5:locked:${lock}`, 'PX', 600_000)
  t.match(await reserve([slotAt(9)], lock), { status: 'RESERVED' })
  await livesFor(t, nine, 500_000, 600_000)
})

t.test('slots_reserve STALE: no generation, or one that is being filled', async t => {
  await twice(t, () => reserve([slotAt(9)], newLock()), { status: 'STALE' })
  await redis.set(generation_key, 'H:now')
  await twice(t, () => reserve([slotAt(9)], newLock()), { status: 'STALE' })
  t.equal(await redis.get(nine), null)
})

t.test('slots_reserve LATE: leaves nothing', async t => {
  await filled()
  await twice(t, () => reserve([slotAt(9)], newLock(), { deadline_ms: past }), { status: 'LATE' })
  t.equal(await redis.get(nine), null)
})

t.test('slots_unreserve UNRESERVED: only what this lock has reserved and nobody settled', async t => {
  await filled()
  const [lock, other] = [newLock(), newLock()]
  await reserve([slotAt(9)], lock)
  await reserve([slotAt(10)], other)
  await redis.set(keys.slot(clinic, slotAt(11)), `5:locked:${lock}`)
  await twice(
    t,
    () => unreserve([slotAt(9), slotAt(10), slotAt(11)], lock),
    { status: 'UNRESERVED', count: 1 },
    { status: 'UNRESERVED', count: 0 }
  )
  t.strictSame(await redis.mget(nine, ten, keys.slot(clinic, slotAt(11))), [
    null,
    `0:pending:${other}`,
    `5:locked:${lock}`
  ])
})

t.test('slots_unreserve UNRESERVED: the version that was known stays known', async t => {
  await filled()
  await redis.set(nine, '5:free:')
  const lock = newLock()
  await reserve([slotAt(9)], lock)
  await unreserve([slotAt(9)], lock)
  t.equal(await redis.get(nine), '5:free:')
  await livesFor(t, nine, 50_000, 60_000)
})

t.test('slots_settle SETTLED: writes marks with their time and tells the channel, both times', async t => {
  const heard: string[] = []
  const ear = server.client()
  await ear.subscribe(channel)
  ear.on('message', (_channel: string, text: string) => heard.push(text))
  const rows = { [nine]: '600000 1763700000000001:locked:lock', [ten]: '60000 1763700000000001:free:' }
  await twice(t, () => settle(rows), { status: 'SETTLED', written: 2 }, { status: 'SETTLED', written: 0 })
  t.strictSame(await redis.mget(nine, ten), ['1763700000000001:locked:lock', '1763700000000001:free:'])
  await livesFor(t, nine, 500_000, 600_000)
  await ear.ping()
  t.strictSame(heard, ['news', 'news'])
})

t.test('slots_settle SETTLED: an older version never overwrites a newer one, in any state', async t => {
  for (const newer of ['7:locked:new', '7:booked:new', '7:free:new']) {
    await redis.flushall()
    await settle({ [nine]: `600000 ${newer}` })
    for (const older of ['600000 6:locked:old', '600000 6:booked:old', '60000 6:free:old']) {
      t.strictSame(
        await settle({ [nine]: older }),
        { status: 'SETTLED', written: 0 },
        `${older} after ${newer}`
      )
    }
    t.equal(await redis.get(nine), newer)
  }
})

t.test('slots_settle SETTLED: versions that differ by one microsecond are told apart', async t => {
  await settle({ [nine]: '600000 9007199254740990:locked:a' })
  t.match(await settle({ [nine]: '600000 9007199254740991:locked:b' }), { written: 1 })
  t.equal(await redis.get(nine), '9007199254740991:locked:b')
})

t.test(
  'slots_settle SETTLED: news that a slot became free leaves the next one their reservation',
  async t => {
    await filled()
    const next = newLock()
    await reserve([slotAt(9)], next)
    t.match(await settle({ [nine]: '60000 6:free:before' }), { written: 1 })
    t.equal(await redis.get(nine), `6:pending:${next}`)
    await livesFor(t, nine, 0, 3_000)
    t.match(await settle({ [nine]: `60000 7:free:${next}` }), { written: 1 }, 'but not its own')
    t.equal(await redis.get(nine), `7:free:${next}`)
  }
)

t.test('slots_settle SETTLED: what the database gave to another goes over a reservation', async t => {
  await filled()
  await reserve([slotAt(9)], newLock())
  await settle({ [nine]: '600000 6:locked:winner' })
  t.equal(await redis.get(nine), '6:locked:winner')
})

t.test('slots_settle SETTLED: what is no mark is overwritten', async t => {
  await redis.set(nine, 'somebody wrote this')
  t.match(await settle({ [nine]: '600000 6:locked:lock' }), { written: 1 })
})

t.test('slots_settle: a row it cannot read fails before anything is written', async t => {
  await t.rejects(settle({ [nine]: '600000 6:locked:lock', [ten]: '600000 nonsense' }), /no mark/)
  t.strictSame(await redis.mget(nine, ten), [null, null])
})

t.test('slots_settle LATE: writes nothing and tells nothing', async t => {
  await twice(t, () => settle({ [nine]: '600000 6:locked:lock' }, past), { status: 'LATE' })
  t.equal(await redis.get(nine), null)
})

const begin = (nonce: string, deadline_ms = early, alive_ms = 0, unless_ready = 0) =>
  scripts.hydrateBegin.run(
    redis,
    { generation_key },
    { nonce, fill_ms: 10_000, alive_ms, unless_ready, deadline_ms }
  )
const put = (nonce: string, row: string, deadline_ms = early) =>
  scripts.hydratePut.run(
    redis,
    { generation_key, slot_keys: [nine] },
    { nonce, fill_ms: 10_000, deadline_ms, rows: [row] }
  )
const end = (nonce: string) =>
  scripts.hydrateEnd.run(redis, { generation_key }, { nonce, generation_ms: 60_000 })

t.test('hydrate_begin BEGUN, LATE', async t => {
  await twice(t, () => begin('one'), { status: 'BEGUN' })
  t.equal(await redis.get(generation_key), 'H:one')
  await livesFor(t, generation_key, 0, 10_000)
  await twice(t, () => begin('two', past), { status: 'LATE' })
  t.equal(await redis.get(generation_key), 'H:one')
})

t.test(
  'hydrate_begin UNDERWAY: a fill that shows signs of life is left alone, one that shows none is not',
  async t => {
    await begin('one')
    await twice(t, () => begin('two', early, 2_000), { status: 'UNDERWAY' })
    await twice(t, () => begin('one', early, 2_000), { status: 'BEGUN' }, { status: 'BEGUN' })
    await redis.pexpire(generation_key, 7_000)
    await put('one', '600000 6:locked:lock')
    t.strictSame(await begin('two', early, 2_000), { status: 'UNDERWAY' }, 'a row is a sign of life')
    await redis.pexpire(generation_key, 7_000)
    t.strictSame(await begin('two', early, 2_000), { status: 'BEGUN' })
    await end('two')
    t.strictSame(await begin('three', early, 2_000), { status: 'BEGUN' }, 'one that has ended is no fill')
  }
)

t.test(
  'hydrate_begin READY: who only sees to it that a calendar is filled leaves a filled one alone',
  async t => {
    await begin('one')
    await end('one')
    await twice(t, () => begin('two', early, 2_000, 1), { status: 'READY' })
    t.equal(await redis.get(generation_key), 'R:one')
    await redis.del(generation_key)
    t.strictSame(await begin('two', early, 2_000, 1), { status: 'BEGUN' }, 'one that is not is filled')
  }
)

t.test('hydrate_put PUT: rows that are newer than what is there, without telling anybody', async t => {
  await begin('one')
  await twice(
    t,
    () => put('one', '600000 6:locked:lock'),
    { status: 'PUT', written: 1 },
    { status: 'PUT', written: 0 }
  )
  t.equal(await redis.get(nine), '6:locked:lock')
})

t.test('hydrate_put PUT: what settled after the rows were read stays', async t => {
  await begin('one')
  await settle({ [nine]: '60000 7:free:lock' })
  t.strictSame(await put('one', '600000 6:locked:lock'), { status: 'PUT', written: 0 })
  t.equal(await redis.get(nine), '7:free:lock')
})

t.test('hydrate_put OVERTAKEN, LATE', async t => {
  await begin('one')
  await begin('two')
  await twice(t, () => put('one', '600000 6:locked:lock'), { status: 'OVERTAKEN' })
  await twice(t, () => put('two', '600000 6:locked:lock', past), { status: 'LATE' })
  t.equal(await redis.get(nine), null)
})

t.test('hydrate_end READY: reservations mean something', async t => {
  await begin('one')
  await twice(t, () => end('one'), { status: 'READY' })
  t.equal(await redis.get(generation_key), 'R:one')
  await livesFor(t, generation_key, 10_000, 60_000)
  t.strictSame(await reserve([slotAt(9)], newLock()), { status: 'RESERVED' })
})

t.test('hydrate_end OVERTAKEN: by a later fill, or because Redis came back empty meanwhile', async t => {
  await begin('one')
  await begin('two')
  await twice(t, () => end('one'), { status: 'OVERTAKEN' })
  t.equal(await redis.get(generation_key), 'H:two')
  await redis.flushall()
  await twice(t, () => end('two'), { status: 'OVERTAKEN' })
  t.equal(await redis.get(generation_key), null)
})

const anna = viewer('anna')
const index_key = keys.selections(clinic)
const select = (slot: string, seq: number, deadline_ms = early) =>
  scripts.selectionPut.run(
    redis,
    { selection_key: keys.selection(clinic, anna), index_key },
    { viewer: anna, slot, seq, ttl_ms: 10_000, deadline_ms, channel, event: 'hover' }
  )
const listed = () =>
  scripts.selectionsRead.run(
    redis,
    { index_key },
    { selection_prefix: keys.selectionPrefix(clinic), selections_max: 10 }
  )

t.test('selection_put PUT, OLDER, REMOVED, LATE', async t => {
  const seq = 1_763_700_000_000_002
  await twice(t, () => select(slotAt(9), seq), { status: 'PUT' })
  await livesFor(t, keys.selection(clinic, anna), 0, 10_000)
  await twice(t, () => select(slotAt(10), seq - 1), { status: 'OLDER' })
  t.equal(await redis.get(keys.selection(clinic, anna)), `${seq} ${slotAt(9)}`)
  await twice(t, () => select(slotAt(10), seq + 1, past), { status: 'LATE' })
  await twice(t, () => select('', seq + 1), { status: 'REMOVED' })
  t.equal(await redis.exists(keys.selection(clinic, anna), index_key), 0, 'nothing stays behind')
})

t.test('selections_read SELECTIONS: those that live, and the dead leave the index', async t => {
  await twice(t, listed, { status: 'SELECTIONS', entries: [] })
  await select(slotAt(9), 5)
  await redis.zadd(index_key, '1', 'over', String(early), 'evicted')
  const reply = await listed()
  t.match(reply, { status: 'SELECTIONS', entries: [{ viewer: 'anna', value: `5 ${slotAt(9)}` }] })
  t.ok(reply.entries[0]!.leftMs > 0 && reply.entries[0]!.leftMs <= 10_000)
  t.equal(reply.entries.length, 1)
  t.strictSame(await redis.zrange(index_key, 0, '-1'), ['anna'])
})

t.test('selections_read SELECTIONS: no more than were asked for', async t => {
  for (let i = 0; i < 20; i++) await redis.zadd(index_key, early + i, `viewer-${i}`)
  for (let i = 0; i < 20; i++) await redis.set(`${keys.selectionPrefix(clinic)}viewer-${i}`, `1 ${slotAt(9)}`)
  const { entries } = await listed()
  t.strictSame(entries.length, 10)
  t.equal(entries[0]!.viewer, 'viewer-19', 'the latest first')
})

t.test('lane_probe ALIVE: gives back what was written and the time', async t => {
  const run = () =>
    scripts.laneProbe.run(
      redis,
      { probe_key: keys.probe('here') },
      { nonce: 'abc', ttl_ms: 5_000, channel: keys.heartbeat('here') }
    )
  for (const reply of [await run(), await run()]) {
    t.match(reply, { status: 'ALIVE', readBack: 'abc' })
    t.ok(Math.abs(reply.redisNowMs - Date.now()) < 60_000)
  }
  await livesFor(t, keys.probe('here'), 0, 5_000)
})

t.test('counts_add COUNTED: adds, says what it is now, and the window begins with the first', async t => {
  const [ann, bob] = [keys.count('ann'), keys.count('bob')]
  const add = (additions: string[], deadline_ms = early) =>
    scripts.countsAdd.run(redis, { count_keys: [ann, bob] }, { deadline_ms, additions })
  t.match(await add(['2 60000', '1 5000']), {
    status: 'COUNTED',
    counts: [
      { total: 2, leftMs: 60_000 },
      { total: 1, leftMs: 5_000 }
    ]
  })
  const [again] = ((await add(['3 90000', '1 5000'])) as { counts: { total: number; leftMs: number }[] })
    .counts
  t.equal(again!.total, 5, 'sent twice it adds twice')
  await livesFor(t, ann, 0, 60_000)
  t.match(await add(['-4 60000', '0 5000']), { counts: [{ total: 1 }, {}] }, 'given back')
  await redis.flushall()
  t.match(await add(['-4 60000', '1 5000']), { counts: [{ total: 0 }, { total: 1 }] })
  t.equal(await redis.exists(ann), 0, 'what was over has nothing to give back to')
})

t.test('counts_add LATE: adds nothing', async t => {
  const run = () =>
    scripts.countsAdd.run(
      redis,
      { count_keys: [keys.count('ann')] },
      { deadline_ms: past, additions: ['1 60000'] }
    )
  await twice(t, run, { status: 'LATE' })
  t.strictSame(await redis.keys('*'), [])
})
