import t from 'tap'
import { definition, demo, failing, grant, release, replacing, rowOf, slot } from '../live-fixture.js'
import { desk, poll, read, today, visitor } from '../reading-desk.js'

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

t.test('a poll whose client hangs up gives its place back at once', async t => {
  const one = await desk(t)
  const { cursor } = await poll(one)
  const client = new AbortController()
  const waiting = poll(one, { since: cursor, wait: 25 }, client.signal)
  await one.time.step(1_000)
  t.equal(one.changes.waiting, 1)
  const { timers } = one.time
  client.abort()
  await waiting
  t.equal(one.changes.waiting, 0)
  t.notOk(one.feed.isWatched(demo), 'nothing is listened to for it any more')
  t.equal(one.time.timers, timers - 1, 'and no timer runs')
  const gone = await poll(one, { since: cursor, wait: 25 }, client.signal)
  t.same(gone.slots, [], 'one that had hung up before it began to wait never waits')
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
