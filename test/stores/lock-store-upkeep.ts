import type { CalendarDefinition } from '../../src/domain/calendar.js'
import type { ViewerTag } from '../../src/domain/ids.js'
import type { LockRecord } from '../../src/domain/lock.js'
import type { LockStore } from '../../src/domain/lock-store.js'
import {
  bookOf,
  calendar,
  type Declare,
  day,
  granted,
  grantOf,
  minute,
  newLock,
  newSession,
  otherCalendar,
  slot,
  slots,
  startOf
} from './lock-store-fixture.js'

/** What reads promise, what is kept beside locks, and what several instances may rely on. */
export function readPromises(promise: Declare): void {
  promise(
    'a range is the slots that start in it, the first moment counted and the last not',
    async (t, { store }) => {
      await granted(store, { slots: slots(1, 2, 3, 4) })
      await granted(store, { calendar: otherCalendar, slots: slots(2) })
      const rows = await store.readRange(calendar, startOf(slot(2)), startOf(slot(4)))
      t.strictSame(
        rows.map(row => row.slot),
        slots(2, 3)
      )
      t.strictSame(await store.readRange(calendar, 0, 1), [])
    }
  )

  promise(
    'a range comes in the order of the starts, whatever the resources are called',
    async (t, { store }) => {
      for (const one of [slot(2, 'amy'), slot(1, 'zoe'), slot(3, 'ben')])
        await granted(store, { slots: [one] })
      t.strictSame(
        (await store.readRange(calendar, 0, 1e15)).map(row => row.slot),
        [slot(1, 'zoe'), slot(2, 'amy'), slot(3, 'ben')]
      )
    }
  )

  promise('free slots that were touched are in the range, for their version', async (t, { store }) => {
    const { request } = await granted(store)
    const released = await store.release({ lock: request.lock, owner: request.owner })
    t.ok(released.status === 'ENDED')
    if (released.status === 'ENDED') t.strictSame(await store.readRange(calendar, 0, 1e15), released.rows)
  })

  promise('live locks are read by session and by calendar', async (t, { store, age }) => {
    const owner = newSession()
    const gone = await granted(store, { owner, slots: slots(1), ttlMs: minute })
    await age(2 * minute)
    const released = await granted(store, { owner, slots: slots(2) })
    await store.release({ lock: released.request.lock, owner })
    const here = await granted(store, { owner, slots: slots(3), address: '2001:db8::1' })
    const there = await granted(store, { owner, calendar: otherCalendar, slots: slots(3) })
    const others = await granted(store, { slots: slots(4) })
    const ids = async (of: Parameters<LockStore['readLiveLocks']>[0]): Promise<Set<string>> =>
      new Set((await store.readLiveLocks(of)).map(lock => lock.id))
    t.strictSame(await ids({ owner }), new Set([here.request.lock, there.request.lock]))
    t.strictSame(await ids({ calendar }), new Set([here.request.lock, others.request.lock]))
    t.match(await store.readLock(gone.request.lock), { state: 'expired' })
    t.equal(await store.readLock(newLock()), undefined)
    const byId = (a: LockRecord, b: LockRecord): number => (a.id < b.id ? -1 : 1)
    t.strictSame(
      (await store.readLiveLocks({ calendar })).sort(byId),
      [here.outcome.lock, others.outcome.lock].sort(byId)
    )
  })

  promise('changes are read from a moment on, oldest first, up to a number', async (t, { store, age }) => {
    await granted(store, { slots: slots(1) })
    await age(10_000)
    const { nowMs: since } = await store.readChanges(0, 1)
    const two = await granted(store, { slots: slots(2) })
    const three = await granted(store, { slots: slots(3) })
    const changes = await store.readChanges(since - 5000, 10)
    t.strictSame(
      changes.rows.map(({ updatedAt, ...row }) => row),
      [...two.outcome.rows, ...three.outcome.rows]
    )
    t.strictSame(new Set(changes.locks.map(lock => lock.id)), new Set([two.request.lock, three.request.lock]))
    t.ok(changes.rows.every(row => row.updatedAt >= since - 5000 && row.updatedAt <= changes.nowMs))
    t.equal((await store.readChanges(0, 2)).rows.length, 2)
    t.equal((await store.readChanges(0, 2)).rows[0]!.slot, slot(1))
    t.strictSame((await store.readChanges(changes.nowMs + 60_000, 10)).rows, [])
  })

  promise('changes are read up to a moment, that moment not counted', async (t, { store, age }) => {
    const early = await granted(store, { slots: slots(1) })
    await age(10_000)
    await granted(store, { slots: slots(2) })
    const { rows: all } = await store.readChanges(0, 10)
    const [first, second] = all.map(row => row.updatedAt)
    const before = await store.readChanges(0, 10, second)
    t.strictSame(
      before.rows.map(row => row.slot),
      slots(1)
    )
    // a lock's row is written by another statement of the packet, which may be a millisecond earlier
    const longBefore = await store.readChanges(0, 10, second! - 1_000)
    t.strictSame(
      longBefore.locks.map(lock => lock.id),
      [early.request.lock]
    )
    t.match(await store.readChanges(0, 10, first! - 1_000), { rows: [], locks: [] })
    t.equal((await store.readChanges(0, 10, second! + 1)).rows.length, 2)
  })

  promise('changes of one calendar are read for a range of starts', async (t, { store, age }) => {
    await granted(store, { slots: slots(1) })
    await age(10_000)
    const { nowMs: since } = await store.readChanges(0, 1)
    const { outcome } = await granted(store, { slots: slots(2, 3) })
    await granted(store, { calendar: otherCalendar, slots: slots(2) })
    const changes = await store.readCalendarChanges(calendar, since - 5000, 0, startOf(slot(3)))
    t.strictSame(changes.rows, outcome.rows.slice(0, 1))
    t.ok(changes.nowMs >= since)
  })
}

export function keepingPromises(promise: Declare): void {
  const definition: CalendarDefinition = {
    id: calendar,
    name: "Zahnärztin O'Neill",
    timeZone: 'Europe/Berlin',
    slotMinutes: 30,
    grid: 'hours',
    resources: [],
    exceptions: []
  }

  promise('calendars are kept, replaced and listed', async (t, { store }) => {
    t.equal(await store.readCalendar(calendar), undefined)
    await store.putCalendar(definition)
    await store.putCalendar({ ...definition, id: otherCalendar })
    await store.putCalendar({ ...definition, slotMinutes: 20 })
    t.strictSame(await store.readCalendar(calendar), { ...definition, slotMinutes: 20 })
    t.strictSame(
      (await store.listCalendars()).map(({ id }) => id),
      [otherCalendar, calendar]
    )
  })

  promise(
    'of the hovers of one viewer the greatest seq stands, whatever order they come in',
    async (t, subject) => {
      const { store, age } = subject
      const viewer = 'tag' as ViewerTag
      const hover = { calendar, viewer, expiresAt: store.nowMs() + 8_000 }
      await store.putSelection({ ...hover, slot: slot(2), seq: 7 })
      await store.putSelection({ ...hover, slot: slot(1), seq: 6 })
      t.strictSame(await store.readSelections(calendar), [{ ...hover, slot: slot(2), seq: 7 }])
      await store.putSelection({ ...hover, slot: null, seq: 9 })
      await store.putSelection({ ...hover, slot: slot(3), seq: 8 })
      t.strictSame(await store.readSelections(calendar), [], 'an end is kept as well')
      t.match((await store.readSelectionChanges(0, 10)).selections, [{ viewer, slot: null, seq: 9 }])
      await store.putSelection({ ...hover, slot: slot(3), seq: store.nextVersion() })
      t.equal((await store.readSelections(calendar)).length, 1)
      t.strictSame(await store.readSelections(otherCalendar), [])
      await age(9_000)
      t.strictSame(await store.readSelections(calendar), [], 'one that ran out is gone')
    }
  )

  promise('a hover lives so long in the database and no longer', async (t, { store }) => {
    await store.putSelection({
      calendar,
      viewer: 'tag' as ViewerTag,
      slot: slot(1),
      seq: 1,
      expiresAt: store.nowMs() + day
    })
    const [kept] = await store.readSelections(calendar)
    t.ok(kept!.expiresAt <= store.nowMs() + 301_000)
  })

  promise('the purge deletes what nobody can ask for, and nothing else', async (t, { store, age }) => {
    const past = '2020-01-15T08:00Z'
    const old = await granted(store, { slots: [`dr-lee/${past}` as ReturnType<typeof slot>] })
    await store.release({ lock: old.request.lock, owner: old.request.owner })
    const booked = await granted(store, { slots: slots(1) })
    const book = bookOf(booked.request)
    await store.book(book)
    const blocked = await store.setBlocked({ calendar, slots: slots(6), blocked: true })
    await store.putSelection({
      calendar,
      viewer: 'v' as ViewerTag,
      slot: slot(1),
      seq: 1,
      expiresAt: store.nowMs()
    })
    t.strictSame(await store.purge(100), { deleted: 0 }, 'not at once')
    await age(26 * 3_600_000)
    const fresh = await granted(store, { slots: slots(2) })
    t.strictSame(await store.purge(100), { deleted: 3 }, 'the lock, the hover, the slot of long ago')
    t.equal(await store.readLock(old.request.lock), undefined)
    t.match(await store.readLock(booked.request.lock), { state: 'booked' })
    t.match(await store.readBooking(book.booking), { state: 'booked' })
    t.strictSame(await store.readLock(fresh.request.lock), fresh.outcome.lock)
    t.strictSame(await store.readSlots(calendar, slots(6)), blocked.rows)
    t.strictSame((await store.readSelectionChanges(0, 10)).selections, [])
    t.strictSame(await store.purge(100), { deleted: 0 })
    const again = await granted(store, { slots: old.request.slots })
    t.ok(again.outcome.lock.fence > old.outcome.lock.fence, 'a purged slot does not go back in version')
  })

  promise('the purge does not stand still behind what stays for good', async (t, { store, age }) => {
    const at = (time: string) => `dr-lee/2020-01-15T${time}Z` as ReturnType<typeof slot>
    for (const time of ['08:00', '08:30', '09:00']) {
      const { request } = await granted(store, { slots: [at(time)] })
      await store.book(bookOf(request))
    }
    const { request } = await granted(store, { slots: [at('09:30')] })
    await store.release({ lock: request.lock, owner: request.owner })
    await age(26 * 3_600_000)
    t.strictSame(
      await store.purge(2),
      { deleted: 2 },
      'the lock, and the slot that lies behind three booked ones'
    )
    const stayed = await store.readRange(calendar, 0, startOf(at('10:00')))
    t.strictSame(
      stayed.map(row => row.state),
      ['booked', 'booked', 'booked']
    )
  })

  promise('the database answers a ping with its clock, and versions only grow', async (t, { store }) => {
    const { nowMs, latencyMs } = await store.ping()
    t.ok(Math.abs(nowMs - store.nowMs()) < 5000)
    t.ok(latencyMs >= 0)
    const first = store.nextVersion()
    t.ok(store.nextVersion() > first)
    store.receiveVersion(first + 1e12)
    t.ok(store.nextVersion() > first + 1e12)
  })

  promise('migrating again changes nothing', async (t, { store }) => {
    const { request, outcome } = await granted(store)
    await store.migrate()
    t.strictSame(await store.readLock(request.lock), outcome.lock)
  })

  promise(
    'a store whose versions lag behind those of the rows catches up by itself',
    async (t, { store, another }) => {
      const ahead = another === undefined ? store : await another()
      const race = (): void => ahead.receiveVersion(store.nextVersion() + 3_600_000_000)
      const passed = async (over: Parameters<typeof granted>[1]): Promise<number> => {
        race()
        const { request, outcome } = await granted(ahead, over)
        await ahead.release({ lock: request.lock, owner: request.owner })
        return outcome.lock.fence
      }

      const fence = await passed({ slots: slots(1, 2) })
      const next = await granted(store, { slots: slots(2, 3) })
      t.ok(next.outcome.lock.fence > fence, 'a grant')

      race()
      const foreign = await granted(ahead, { slots: slots(4) })
      const { lock, owner } = foreign.request
      t.match(await store.extend({ lock, owner, ttlMs: 700_000, lockLifeMaxMs: day }), { status: 'EXTENDED' })
      race()
      await ahead.extend({ lock, owner, ttlMs: 700_000, lockLifeMaxMs: day })
      t.match(await store.book(bookOf(foreign.request)), { status: 'BOOKED' })

      race()
      const blocked = await ahead.setBlocked({ calendar, slots: slots(5), blocked: true })
      const opened = await store.setBlocked({ calendar, slots: slots(5), blocked: false })
      t.ok(opened.rows[0]!.ver > blocked.rows[0]!.ver, 'an opening')

      const mine = await granted(store, { slots: slots(6) })
      await store.release({ lock: mine.request.lock, owner: mine.request.owner })
      const between = await passed({ slots: slots(6) })
      const late = await store.book(bookOf(mine.request, { ifStillFree: true }))
      t.ok(
        late.status === 'BOOKED' && late.lock.fence > between && late.rows[0]!.ver > between,
        'a late booking'
      )
    }
  )
}

export function instancePromises(promise: Declare): void {
  promise(
    'two instances that want one slot at once: one gets it, every time',
    async (t, { store, another }) => {
      const other = another === undefined ? store : await another()
      for (let round = 0; round < 20; round += 1) {
        const wanted = slots(round, round + 40)
        const outcomes = await Promise.all([
          store.grant(grantOf({ slots: wanted })),
          other.grant(grantOf({ slots: wanted })),
          store.grant(grantOf({ slots: wanted.slice(1) })),
          other.grant(grantOf({ slots: wanted.slice(1) }))
        ])
        const winners = outcomes.filter(({ status }) => status === 'GRANTED')
        t.equal(winners.length, 1)
        t.ok(outcomes.every(({ status }) => status === 'GRANTED' || status === 'CONFLICT'))
      }
    }
  )

  promise('what one instance did the other can end, extend and book', async (t, { store, another }) => {
    const other = another === undefined ? store : await another()
    const one = await granted(store, { slots: slots(1) })
    t.match(await other.grant(one.request), { status: 'REPLAYED' })
    t.match(
      await other.extend({
        lock: one.request.lock,
        owner: one.request.owner,
        ttlMs: 900_000,
        lockLifeMaxMs: day
      }),
      { status: 'EXTENDED' }
    )
    const moved = await other.grant(
      grantOf({ owner: one.request.owner, slots: slots(2), replaces: one.request.lock })
    )
    t.match(moved, { status: 'GRANTED' })
    t.match(await store.release({ lock: one.request.lock, owner: one.request.owner }), { rows: [] })
    if (moved.status !== 'GRANTED') return
    const book = bookOf({ lock: moved.lock.id, owner: one.request.owner })
    t.match(await store.book(book), { status: 'BOOKED' })
    t.match(await other.book(book), { status: 'REPLAYED' })
    t.match(await other.cancel({ booking: book.booking }), { status: 'CANCELLED' })
  })
}
