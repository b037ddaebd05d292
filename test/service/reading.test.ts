import t from 'tap'
import type { CalendarDefinition } from '../../src/domain/calendar.js'
import { OutcomeUnknown, StoreBusy, StoreContractError, type StoreError } from '../../src/domain/errors.js'
import type { LocalDate } from '../../src/domain/ids.js'
import { CalendarDirectory } from '../../src/service/calendars.js'
import type { Caller } from '../../src/service/caller.js'
import { ChangesReader } from '../../src/service/changes.js'
import { Hovers } from '../../src/service/hovers.js'
import { SlotReader } from '../../src/service/reading.js'
import { Selecting } from '../../src/service/selecting.js'
import { viewerTag } from '../../src/service/viewer-tag.js'
import {
  connected,
  definition,
  demo,
  failing,
  grant,
  instance,
  type MemoryLane,
  release,
  replacing,
  rowOf,
  sessionId,
  sharedDatabase,
  slot
} from './live-fixture.js'

const visitor = (name?: string): Caller => ({
  session: name === undefined ? undefined : sessionId(name),
  role: 'visitor',
  calendars: undefined,
  address: '127.0.0.1',
  userAgent: undefined
})
const day = '2026-01-15'
const today = { calendar: 'demo', from: day, to: day }

async function desk(
  t: Parameters<typeof instance>[0],
  parts: NonNullable<Parameters<typeof instance>[1]> = {}
) {
  const one = await instance(t, parts)
  const { time } = one
  const alone = parts.lane === undefined && parts.path === undefined
  const calendars = new CalendarDirectory(one.store, time.monotonic)
  const shared = { ...one, calendars, tagOf: viewerTag, clock: time, timers: time, alone }
  const hovers = new Hovers(shared)
  const reader = new SlotReader({ ...shared, hovers })
  const changes = new ChangesReader({ ...shared, hovers, reader })
  const selecting = new Selecting({ ...shared, limits: { selectionTtlMs: 10_000 } })
  reader.start()
  changes.start()
  selecting.start()
  t.teardown(async () => {
    changes.stop()
    await selecting.stop()
    await reader.stop()
  })
  return {
    ...one,
    calendars,
    reader,
    changes,
    selecting,
    ...reader.handlers(),
    ...changes.handlers(),
    ...selecting.handlers()
  }
}

type Desk = Awaited<ReturnType<typeof desk>>

async function read(one: Desk, params: { from?: string; to?: string } = {}, caller = visitor()) {
  const outcome = await one.readSlots(caller, { ...today, ...params })
  if (!outcome.ok) throw new Error(outcome.refusal.message)
  return outcome.value
}

async function poll(one: Desk, params: { since?: string; wait?: number; to?: string } = {}) {
  const outcome = await one.readChanges(visitor(), { ...today, ...params })
  if (!outcome.ok) throw new Error(`${outcome.refusal.code} ${outcome.refusal.message}`)
  return outcome.value
}

t.test('a slot of the grid without a row is free, under version 0', async t => {
  const one = await desk(t)
  await grant(one, 'a', [1], { ttlMs: 60_000 })
  const answer = await read(one, {}, visitor('a'))
  t.equal(answer.slots.length, 16)
  t.same(answer.slots[0], { slot: slot(0), state: 'free', ver: 0 })
  t.match(answer.slots[1], { slot: slot(1), state: 'locked', by: answer.you, expiresInMs: 60_000 })
  t.equal(answer.timeZone, 'UTC')
  t.equal(answer.serverTime, one.time.now())
  t.notOk('you' in (await read(one)), 'who has no session has no tag')
})

t.test('a slot that was taken stays in sight when opening hours change', async t => {
  const one = await desk(t)
  await grant(one, 'a', [0])
  await release(one, await grant(one, 'b', [1]))
  const later: CalendarDefinition = structuredClone(definition)
  later.resources[0]!.hours = { thu: [['12:00', '13:00']] }
  await one.store.putCalendar(later)
  one.calendars.forget(demo)
  t.same(
    (await read(one)).slots.map(state => [state.slot, state.state]),
    [
      [slot(6), 'free'],
      [slot(7), 'free'],
      [slot(0), 'locked']
    ],
    'and one that is free again does not'
  )
})

t.test('an open grid shows only what is not free', async t => {
  const one = await desk(t)
  await one.store.putCalendar({ ...definition, grid: 'open' })
  await grant(one, 'a', [0])
  await release(one, await grant(one, 'b', [1]))
  t.same(
    (await read(one)).slots.map(state => state.slot),
    [slot(0)]
  )
})

t.test('days that cannot be read are refused with the field that is wrong', async t => {
  const one = await desk(t)
  const refused = async (params: { calendar?: string; from?: string; to?: string }) => {
    const outcome = await one.readSlots(visitor(), { ...today, ...params })
    if (outcome.ok) throw new Error('was read')
    return [outcome.refusal.code, outcome.refusal.details?.fields?.[0]?.field]
  }
  t.same(await refused({ from: '2026-02-30' }), ['INVALID_REQUEST', 'from'])
  t.same(await refused({ to: '2026-01-14' }), ['INVALID_REQUEST', 'to'])
  t.same(await refused({ to: '2026-03-18' }), ['INVALID_REQUEST', 'to'])
  t.same(await refused({ calendar: 'nobody' }), ['CALENDAR_NOT_FOUND', undefined])
  t.equal((await read(one, { to: '2026-03-17' })).slots.length, 62 * 16, '62 days are not too many')
  const elsewhere = { ...visitor('a'), calendars: [] }
  t.match(await one.readSlots(elsewhere, today), { refusal: { code: 'FORBIDDEN' } })
})

t.test(
  'a thousand who ask at once cost two readings, and nobody gets an older one than they asked for',
  async t => {
    let readings = 0
    let open = (): void => {}
    const hold = new Promise<void>(resolve => {
      open = resolve
    })
    const one = await desk(t, {
      wrap: replacing(store => ({
        readRange: async (...args) => {
          readings += 1
          await hold
          return await store.readRange(...args)
        }
      }))
    })
    const all = Promise.all(Array.from({ length: 1_000 }, () => read(one)))
    await one.time.rest()
    open()
    await all
    t.equal(readings, 2)

    // one reading is under way and has read its rows; a change after that must be in the answer of who asks now
    const { snapshot } = one.reader
    const grid = (await one.calendars.find(demo))!
    const range = {
      calendar: demo,
      grid,
      from: day as LocalDate,
      to: day as LocalDate,
      ...grid.rangeMs(day as LocalDate, day as LocalDate)
    }
    const before = snapshot.call(one.reader, range)
    await grant(one, 'a', [0])
    const after = snapshot.call(one.reader, range)
    await before
    t.equal((await after).slots[0]?.state, 'locked')
    t.match(one.reader.cacheStats, { totalKeys: 1 })
  }
)

t.test(
  'while the database is out the last reading of the same days is given, and made good later',
  async t => {
    const database = { out: false }
    const one = await desk(t, { wrap: failing(database, 'readRange') })
    one.feed.watch(demo)
    await read(one)
    // told to whoever was there; those who come during the outage get the older snapshot
    await grant(one, 'a', [0])
    database.out = true
    t.equal((await read(one)).slots[0]?.state, 'free')
    await t.rejects(
      read(one, { to: '2026-01-16' }),
      { code: 'STORE_UNAVAILABLE' },
      'days never read are not there'
    )
    one.events.length = 0
    await one.time.step(3_000)
    t.same(one.events, [])
    database.out = false
    await one.time.step(1_000)
    t.match(one.events, [{ event: { kind: 'slots', rows: [{ slot: slot(0), state: 'locked' }] } }])
    await one.time.step(5_000)
    t.equal(one.events.length, 1, 'once')
  }
)

t.test('a database without room gives the last reading too, one that answers nonsense does not', async t => {
  const database: { failure: StoreError | undefined } = { failure: undefined }
  const one = await desk(t, {
    wrap: replacing(store => ({
      readRange: async (...args) => {
        if (database.failure !== undefined) throw database.failure
        return await store.readRange(...args)
      }
    }))
  })
  await read(one)
  for (const failure of [new StoreBusy('all connections are in use'), new OutcomeUnknown('no answer')]) {
    database.failure = failure
    t.equal((await read(one)).slots.length, 16, failure.code)
  }
  database.failure = new StoreContractError('nonsense')
  await t.rejects(read(one), { code: 'STORE_CONTRACT' })
})

t.test('who asks after a calendar was defined anew shares no reading with those of the old grid', async t => {
  let open = (): void => {}
  const hold = new Promise<void>(resolve => {
    open = resolve
  })
  const one = await desk(t, {
    wrap: replacing(store => ({
      readRange: async (...args) => {
        await hold
        return await store.readRange(...args)
      }
    }))
  })
  const before = [read(one), read(one)]
  await one.time.rest()
  await one.store.putCalendar({ ...definition, slotMinutes: 60 })
  one.calendars.forget(demo)
  const after = read(one)
  await one.time.rest()
  open()
  for (const answer of await Promise.all(before)) t.equal(answer.slots.length, 16)
  t.equal((await after).slots.length, 8)
})

t.test('hovers of other instances are in the snapshot, before anything was heard from them', async t => {
  const [laneA, laneB] = connected(2) as [MemoryLane, MemoryLane]
  const path = sharedDatabase(t)
  const a = await desk(t, { lane: laneA, path })
  const b = await desk(t, { lane: laneB, path, time: a.time })
  await a.select(visitor('v'), { calendar: demo, slot: slot(3) })
  await a.time.rest()
  t.match(await read(b), { selections: [{ slot: slot(3), viewer: viewerTag(sessionId('v'), demo) }] })
})

t.test('a first poll gives everything, the next ones what changed', async t => {
  const one = await desk(t)
  const first = await poll(one)
  t.equal(first.slots.length, 16)
  const second = await poll(one, { since: first.cursor })
  t.same(second.slots, [])
  await grant(one, 'a', [2])
  const third = await poll(one, { since: second.cursor })
  t.same(
    third.slots.map(state => [state.slot, state.state]),
    [[slot(2), 'locked']]
  )
  t.same((await poll(one, { since: third.cursor })).slots, [], 'and once')
})

t.test('any number of polls at any distance adds up to what the database has', async t => {
  const one = await desk(t)
  const seen = new Map<string, { ver: number; state: string }>()
  let cursor: string | undefined
  for (let round = 0; round < 40; round++) {
    if (round % 3 !== 0) {
      const lock = await grant(one, `r${round}`, [round % 16], { ttlMs: 10_000 })
      if (round % 2 === 0) await release(one, lock)
      else await one.store.sweep(100)
    }
    await one.time.step([0, 1, 900, 4_000, 14_000, 61_000][round % 6]!)
    await one.store.sweep(100)
    const answer = await poll(one, cursor === undefined ? {} : { since: cursor })
    cursor = answer.cursor
    for (const state of answer.slots) {
      if (state.ver >= (seen.get(state.slot)?.ver ?? -1)) seen.set(state.slot, state)
    }
    const truth = await read(one)
    for (const { slot, state, ver } of truth.slots) t.match(seen.get(slot), { state, ver })
  }
})

t.test('a change that comes to light behind the newest one is not missed', async t => {
  const hidden = { slot: undefined as string | undefined }
  const one = await desk(t, {
    wrap: replacing(store => ({
      readCalendarChanges: async (...args) => {
        const read = await store.readCalendarChanges(...args)
        return { ...read, rows: read.rows.filter(row => row.slot !== hidden.slot) }
      }
    }))
  })
  const first = await poll(one)
  hidden.slot = slot(0)
  await grant(one, 'a', [0], { silent: true })
  await one.time.step(1_000)
  await grant(one, 'b', [1])
  const second = await poll(one, { since: first.cursor })
  t.same(
    second.slots.map(state => state.slot),
    [slot(1)]
  )
  hidden.slot = undefined
  const third = await poll(one, { since: second.cursor })
  t.ok(third.slots.some(state => state.slot === slot(0)))
  const fromNewest = third.slots.filter(state => state.ver > second.slots[0]!.ver)
  t.same(fromNewest, [], 'a cursor that were simply the newest version would have missed it')
})

t.test('a poll that waits is answered by the feed, without another reading', async t => {
  let readings = 0
  const one = await desk(t, {
    wrap: replacing(store => ({
      readCalendarChanges: async (...args) => {
        readings += 1
        return await store.readCalendarChanges(...args)
      }
    }))
  })
  const { cursor } = await poll(one)
  readings = 0
  const waiting = poll(one, { since: cursor, wait: 25 })
  await one.time.step(5_000)
  t.equal(one.changes.waiting, 1)
  t.ok(one.feed.isWatched(demo))
  await grant(one, 'a', [2])
  await grant(one, 'b', [3])
  await one.time.step(20)
  const answer = await waiting
  t.same(
    answer.slots.map(state => state.slot),
    [slot(2), slot(3)],
    'what came right after is in the same answer'
  )
  t.equal(readings, 1)
  t.notOk(one.feed.isWatched(demo))
  t.same((await poll(one, { since: answer.cursor })).slots, [], 'and the cursor knows of it')
})

t.test('a poll that waits in vain says so at the end, and goes on from there', async t => {
  const one = await desk(t)
  const { cursor } = await poll(one)
  await one.time.step(120_000)
  const waiting = poll(one, { since: cursor, wait: 25 })
  await one.time.step(25_000)
  const answer = await waiting
  t.same(answer.slots, [])
  t.not(answer.cursor, cursor, 'an old window is left behind')
  await grant(one, 'a', [2])
  t.equal((await poll(one, { since: answer.cursor })).slots.length, 1)
})

t.test('days that are not waited for wake nobody, hovers do', async t => {
  const one = await desk(t)
  const { cursor } = await poll(one)
  const waiting = poll(one, { since: cursor, wait: 25 })
  await one.time.step(1_000)
  one.feed.announceSlots(demo, [rowOf(48, 5)])
  await one.time.step(1_000)
  t.equal(one.changes.waiting, 1)
  await one.select(visitor('v'), { calendar: demo, slot: slot(3) })
  await one.time.step(20)
  const answer = await waiting
  t.match(answer, { slots: [], selections: [{ slot: slot(3) }] })
  t.same((await poll(one, { since: answer.cursor })).slots, [])
})

t.test('a cursor of other days, of another definition or of long ago gets everything', async t => {
  const one = await desk(t)
  const { cursor } = await poll(one)
  t.equal((await poll(one, { since: cursor, to: '2026-01-16' })).slots.length, 32)
  await one.store.putCalendar({ ...definition, slotMinutes: 60 })
  one.calendars.forget(demo)
  t.equal((await poll(one, { since: cursor })).slots.length, 8)
  const later = await poll(one)
  await one.time.step(3_700_000)
  t.equal((await poll(one, { since: later.cursor })).slots.length, 8)
})

t.test('a cursor that is none is refused', async t => {
  const one = await desk(t)
  const { cursor } = await poll(one)
  for (const since of ['', 'x', `${cursor}0`, cursor.replace(/^./, 'z')]) {
    t.match(
      await one.readChanges(visitor(), { ...today, since }),
      { refusal: { code: 'INVALID_REQUEST' } },
      since
    )
  }
})

t.test('while the database is out a poll gets the last reading, and everything when it is back', async t => {
  const database = { out: false }
  const one = await desk(t, { wrap: failing(database, 'readRange', 'readCalendarChanges') })
  const { cursor } = await poll(one)
  await grant(one, 'a', [0], { silent: true })
  database.out = true
  const during = await poll(one, { since: cursor })
  t.equal(during.slots.length, 16)
  t.equal(during.slots[0]?.state, 'free', 'as it was')
  t.equal((await poll(one)).slots.length, 16, 'a first poll too')
  await t.rejects(
    poll(one, { to: '2026-01-16' }),
    { code: 'STORE_UNAVAILABLE' },
    'days never read are not there'
  )

  const waiting = poll(one, { since: during.cursor, wait: 25 })
  await one.time.rest()
  t.equal(one.changes.waiting, 1, 'nobody polls in circles')
  database.out = false
  await one.time.step(2_000)
  const after = await waiting
  t.equal(after.slots.length, 16)
  t.equal(after.slots[0]?.state, 'locked')
  const last = await poll(one, { since: after.cursor })
  t.same((await poll(one, { since: last.cursor })).slots, [], 'and all is as ever')
})

t.test('who waits while the database goes is told what the feed brings, and loses nothing', async t => {
  const database = { out: false }
  const one = await desk(t, { wrap: failing(database, 'readRange', 'readCalendarChanges') })
  const { cursor } = await poll(one)
  await grant(one, 'a', [0], { silent: true })
  database.out = true
  const waiting = poll(one, { since: cursor, wait: 25 })
  await one.time.step(1_000)
  t.equal(one.changes.waiting, 1)
  one.feed.announceSlots(demo, [rowOf(3, 5)])
  await one.time.step(20)
  const during = await waiting
  t.match(during.slots, [{ slot: slot(3), ver: 5 }])
  database.out = false
  t.match((await poll(one, { since: during.cursor })).slots, [{ slot: slot(0), state: 'locked' }])
})

t.test('a window that comes back full may be cut off, and leads to everything', async t => {
  const read = { full: false }
  const one = await desk(t, {
    wrap: replacing(store => ({
      readCalendarChanges: async (...args) => {
        if (!read.full) return await store.readCalendarChanges(...args)
        return { rows: Array.from({ length: 20_000 }, (_, n) => rowOf(n, 1)), nowMs: store.nowMs() }
      }
    }))
  })
  const { cursor } = await poll(one)
  await grant(one, 'a', [0], { silent: true })
  read.full = true
  const answer = await poll(one, { since: cursor })
  t.equal(answer.slots.length, 16)
  t.equal(answer.slots[0]?.state, 'locked')
})

t.test('stopping answers whoever waits', async t => {
  const one = await desk(t)
  const { cursor } = await poll(one)
  const waiting = poll(one, { since: cursor, wait: 25 })
  await one.time.rest()
  one.changes.stop()
  t.same((await waiting).slots, [])
})
