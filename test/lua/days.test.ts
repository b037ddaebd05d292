import t, { type Test } from 'tap'
import type { SlotId } from '../../src/domain/ids.js'
import type { UtcDay } from '../../src/domain/row-cache.js'
import { RedisKeys } from '../../src/stores/redis/keys.js'
import * as scripts from '../../src/stores/redis/scripts.js'
import { RedisServer } from '../helpers/redis.js'
import { clinic, slotAt } from '../stores/redis/lane.js'

/** The rows of days: each answer of their scripts, sent once and twice, and what a fill may not overwrite. */

const server = await RedisServer.start(t)
const redis = server.client()
const keys = new RedisKeys('test:')
const fifteenth = keys.day(clinic, '2026-01-15' as UtcDay)
const sixteenth = keys.day(clinic, '2026-01-16' as UtcDay)
const early = 99_999_999_999_999
const past = 1

t.beforeEach(() => redis.flushall())

const lease = (nonce: string, day_keys = [fifteenth], deadline_ms = early) =>
  scripts.daysLease.run(redis, { day_keys }, { nonce, lease_ms: 3_000, deadline_ms })
const put = (nonce: string, rows: string[], day_keys = [fifteenth], deadline_ms = early) =>
  scripts.daysPut.run(redis, { day_keys }, { nonce, as_of_ms: 700, ttl_ms: 60_000, deadline_ms, rows })
const settle = (slot: SlotId, row: string) =>
  scripts.slotsSettle.run(
    redis,
    { slot_keys: [keys.slot(clinic, slot)] },
    {
      channel: keys.calendarEvents(clinic),
      event: 'news',
      day_prefix: keys.dayPrefix(clinic),
      day_rows_max: 3,
      deadline_ms: early,
      rows: [`600000 ${row.split(':').slice(0, 3).join(':')} ${row}`]
    }
  )
const note = (days: string[], more: { hits?: number; days_max?: number; rows_max?: number } = {}) =>
  scripts.daysNote.run(
    redis,
    { read_key: keys.daysRead(), sizes_key: keys.daySizes(), counts_key: keys.dayCounts() },
    { hits: 1, misses: 1, days_max: 9, rows_max: 99, keep_ms: 60_000, deadline_ms: early, ...more, days }
  )
const livesFor = async (t: Test, key: string, leastMs: number, mostMs: number) => {
  const leftMs = await redis.pttl(key)
  t.ok(leftMs > leastMs && leftMs <= mostMs, `${key} lives for ${leftMs} ms`)
}

t.test('a day is filled: leased, brought, and kept for its time', async t => {
  t.strictSame(await lease('one'), { status: 'LEASED', positions: [0] })
  t.strictSame(await lease('one'), { status: 'LEASED', positions: [0] }, 'sent twice')
  await livesFor(t, fifteenth, 0, 3_000)
  const rows = [`1 ${slotAt(9)} 5:locked:l:o:900`]
  t.strictSame(await put('one', rows), { status: 'FILLED', positions: [0] })
  t.strictSame(await redis.hgetall(fifteenth), { '=': '700', [slotAt(9)]: '5:locked:l:o:900' })
  await livesFor(t, fifteenth, 3_000, 60_000)
  t.strictSame(await put('one', [`1 ${slotAt(9)} 6:free:l::0`]), { status: 'FILLED', positions: [] }, 'twice')
  t.equal(await redis.hget(fifteenth, slotAt(9)), '5:locked:l:o:900')
})

t.test('of two who want to fill a day the first does, until its time is over', async t => {
  await lease('one')
  t.strictSame(await lease('two', [fifteenth, sixteenth]), { status: 'LEASED', positions: [1] })
  t.strictSame(await put('two', [], [fifteenth, sixteenth]), { status: 'FILLED', positions: [1] })
  await redis.hset(fifteenth, '?', `one ${past}`)
  t.strictSame(await lease('three'), { status: 'LEASED', positions: [0] })
  t.strictSame(await put('one', []), { status: 'FILLED', positions: [] }, 'and then the first comes too late')
})

t.test('a fill that began before a change cannot win: the change is put beside its announcement', async t => {
  await lease('one')
  await settle(slotAt(9), '8:booked:l:o:0')
  await settle(slotAt(10), '9:free:l::0')
  await put('one', [`1 ${slotAt(9)} 5:locked:l:o:900`, `1 ${slotAt(11)} 4:blocked:::0`])
  t.strictSame(await redis.hgetall(fifteenth), {
    '=': '700',
    [slotAt(9)]: '8:booked:l:o:0',
    [slotAt(10)]: '9:free:l::0',
    [slotAt(11)]: '4:blocked:::0'
  })
})

t.test('twin: without an announcement the change goes nowhere, and the old row would stand', async t => {
  await settle(slotAt(9), '8:booked:l:o:0')
  t.equal(await redis.exists(fifteenth), 0, 'nobody has this day, so nothing is kept for it')
  t.strictSame(
    await put('one', [`1 ${slotAt(9)} 5:locked:l:o:900`]),
    { status: 'FILLED', positions: [] },
    'which is why a fill whose announcement is not there brings nothing'
  )
  await lease('one')
  await put('one', [`1 ${slotAt(9)} 5:locked:l:o:900`])
  t.equal(await redis.hget(fifteenth, slotAt(9)), '5:locked:l:o:900', 'announced after the reading, it does')
})

t.test('a fill during which Redis was emptied brings nothing', async t => {
  await lease('one')
  await redis.flushall()
  t.strictSame(await put('one', [`1 ${slotAt(9)} 5:locked:l:o:900`]), { status: 'FILLED', positions: [] })
  t.equal(await redis.exists(fifteenth), 0)
})

t.test(
  'a filled day goes on with what settles, the greater version of each slot, and can be filled anew',
  async t => {
    await lease('one')
    await put('one', [`1 ${slotAt(9)} 5:locked:l:o:900`])
    const ver = 1_763_700_000_000_002
    await settle(slotAt(9), `${ver}:booked:l:o:0`)
    await settle(slotAt(9), `${ver - 1}:locked:l:o:900`)
    t.equal(await redis.hget(fifteenth, slotAt(9)), `${ver}:booked:l:o:0`)
    t.strictSame(await lease('two'), { status: 'LEASED', positions: [0] })
    await livesFor(t, fifteenth, 3_000, 60_000)
    t.strictSame(await put('two', [`1 ${slotAt(9)} ${ver + 1}:free:l::0`]), {
      status: 'FILLED',
      positions: [0]
    })
    t.equal(await redis.hget(fifteenth, slotAt(9)), `${ver + 1}:free:l::0`)
  }
)

t.test('what is no day of ours is left alone, and keeps nobody from settling', async t => {
  await redis.set(fifteenth, 'somebody wrote this')
  t.strictSame(await lease('one'), { status: 'LEASED', positions: [] })
  t.strictSame(await put('one', []), { status: 'FILLED', positions: [] })
  t.match(await settle(slotAt(9), '5:locked:l:o:900'), { status: 'SETTLED', written: 1 })
  t.equal(await redis.get(fifteenth), 'somebody wrote this')
})

t.test('days_lease, days_put, days_note LATE: nothing is written', async t => {
  t.strictSame(await lease('one', [fifteenth], past), { status: 'LATE' })
  await lease('one')
  t.strictSame(await put('one', [], [fifteenth], past), { status: 'LATE' })
  t.equal(await redis.hget(fifteenth, '='), null)
  const late = { days_max: 9, rows_max: 99, keep_ms: 60_000, deadline_ms: past, days: [] }
  const keysOfNotes = { read_key: keys.daysRead(), sizes_key: keys.daySizes(), counts_key: keys.dayCounts() }
  t.strictSame(await scripts.daysNote.run(redis, keysOfNotes, { hits: 1, misses: 1, ...late }), {
    status: 'LATE'
  })
  t.equal(await redis.exists(keys.dayCounts()), 0)
})

t.test('days_note NOTED: counts, and past a bound names what was not read the longest', async t => {
  t.strictSame(await note(['10 clinic 2026-01-15', '20 clinic 2026-01-16']), { status: 'NOTED', leaving: [] })
  await note(['12 clinic 2026-01-15'], { hits: 4 })
  t.strictSame(await redis.hgetall(keys.dayCounts()), { hits: '5', misses: '2', rows: '32' })
  await redis.zadd(keys.daysRead(), 1, 'clinic 2026-01-16')
  t.strictSame(await note(['80 barber 2026-01-15'], { rows_max: 95 }), {
    status: 'NOTED',
    leaving: ['clinic 2026-01-16']
  })
  t.equal(await redis.hget(keys.dayCounts(), 'rows'), '92')
  await redis.zadd(keys.daysRead(), 1, 'barber 2026-01-15')
  t.strictSame(await note([], { days_max: 1 }), { status: 'NOTED', leaving: ['barber 2026-01-15'] })
  t.strictSame(await redis.zrange(keys.daysRead(), 0, '-1'), ['clinic 2026-01-15'])
  t.strictSame(
    await note(['500 barber 2026-01-15'], { rows_max: 99 }),
    {
      status: 'NOTED',
      leaving: ['clinic 2026-01-15', 'barber 2026-01-15']
    },
    'one that is too large by itself goes too'
  )
  t.strictSame(await redis.hgetall(keys.daySizes()), {})
  await livesFor(t, keys.dayCounts(), 0, 60_000)
})

t.test(
  'a day that grows past the bound leaves, and a fill of it that is under way brings nothing',
  async t => {
    await lease('one')
    await put('one', [])
    for (const hour of [9, 10, 11]) await settle(slotAt(hour), '8:booked:l:o:0')
    t.equal(await redis.exists(fifteenth), 1, 'three are kept')
    await lease('two')
    for (const hour of [12, 13]) await settle(slotAt(hour), '8:booked:l:o:0')
    t.equal(await redis.exists(fifteenth), 0)
    t.strictSame(await put('two', []), { status: 'FILLED', positions: [] })
  }
)
