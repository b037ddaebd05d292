import t from 'tap'
import type { CalendarDefinition } from '../../../src/domain/calendar.js'
import { OutcomeUnknown, StoreBusy, StoreContractError, type StoreError } from '../../../src/domain/errors.js'
import type { LocalDate } from '../../../src/domain/ids.js'
import { viewerTag } from '../../../src/service/callers/viewer-tag.js'
import {
  connected,
  definition,
  demo,
  failing,
  grant,
  type MemoryLane,
  release,
  replacing,
  sessionId,
  sharedDatabase,
  slot
} from '../live-fixture.js'
import { day, desk, read, today, visitor } from '../reading-desk.js'

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
    t.match(one.reader.own, { keys: 1 })
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
