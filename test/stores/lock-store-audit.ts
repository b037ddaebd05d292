import type { AuditEntry } from '../../src/domain/audit.js'
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
  slots
} from './lock-store-fixture.js'

const always = { calendar, fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, entriesMax: 500 }
/** Oldest first, as it happened. */
const trail = async (store: LockStore): Promise<AuditEntry[]> => (await store.readAudit(always)).reverse()
const types = async (store: LockStore): Promise<string[]> => (await trail(store)).map(({ type }) => type)
const life = { lockLifeMaxMs: 7_200_000 }

/** What the audit trail promises. */
export function auditPromises(promise: Declare): void {
  promise('every change is in the audit trail: who, what and when', async (t, { store }) => {
    const { request, outcome } = await granted(store, { slots: slots(1, 2), address: '192.0.2.7' })
    const { lock, owner } = request
    await store.extend({ lock, owner, ttlMs: 900_000, ...life })
    const booking = bookOf({ lock, owner })
    await store.book(booking)
    const staff = { role: 'staff', session: newSession(), address: '192.0.2.9' } as const
    await store.cancel({ booking: booking.booking, by: staff })
    await store.setBlocked({ calendar, slots: slots(1, 3), blocked: true, by: staff })
    await store.setBlocked({ calendar, slots: slots(1, 3), blocked: false, by: staff })
    const { request: second } = await granted(store)
    await store.revoke({ lock: second.lock, reason: 'the doctor’s ill', by: staff })
    const { request: third } = await granted(store)
    await store.release({ lock: third.lock, owner: third.owner })

    const entries = await trail(store)
    const holder = { owner, lock, slots: slots(1, 2), by: { role: 'visitor', session: owner } }
    t.match(entries.slice(0, 4), [
      { type: 'locked', ...holder, fence: outcome.lock.fence, expiresAt: outcome.lock.expiresAt },
      { type: 'extended', ...holder, fence: outcome.lock.fence },
      { type: 'booked', ...holder, booking: booking.booking },
      { type: 'cancelled', owner, lock, booking: booking.booking, by: staff }
    ])
    t.match(entries.slice(4), [
      { type: 'blocked', slots: slots(1, 3), by: staff },
      { type: 'unblocked', slots: slots(1, 3), by: staff },
      { type: 'locked', lock: second.lock },
      { type: 'revoked', lock: second.lock, owner: second.owner, reason: 'the doctor’s ill', by: staff },
      { type: 'locked', lock: third.lock },
      { type: 'released', lock: third.lock, by: { role: 'visitor', session: third.owner } }
    ])
    t.strictSame(
      entries.map(({ id }) => id),
      entries.map(({ id }) => id).sort((a, b) => a - b),
      'ids grow'
    )
    t.ok(entries.every(({ at }) => Math.abs(at - outcome.lock.createdAt) < 60_000))
    t.ok(entries.every(({ ver }, index) => index === 0 || ver > entries[index - 1]!.ver))
    const text = JSON.stringify(entries)
    t.notMatch(text, /Ada/, 'what a visitor said about herself is in none of it')
    t.notMatch(text, /192\.0\.2\.7/, 'nor where she came from')
  })

  promise('what changes nothing leaves no trace in the audit trail', async (t, { store }) => {
    const { request } = await granted(store)
    const { lock, owner } = request
    const other = newSession()
    const count = (await trail(store)).length
    t.match(await store.grant(grantOf()), { status: 'CONFLICT' })
    t.match(await store.grant(grantOf({ slots: slots(1, 2) })), { status: 'CONFLICT' })
    t.match(await store.grant(grantOf({ owner, slots: slots(5), locksMax: 1 })), { status: 'LIMIT' })
    t.match(await store.grant(request), { status: 'REPLAYED' })
    t.match(await store.release({ lock, owner: other }), { status: 'NOT_FOUND' })
    t.match(await store.extend({ lock, owner, ttlMs: 600_000, lockLifeMaxMs: 1 }), { status: 'LIFE_LIMIT' })
    t.match(await store.setBlocked({ calendar, slots: slots(1), blocked: true }), { changed: [] })
    t.match(await store.setBlocked({ calendar, slots: slots(2), blocked: false }), { changed: [] })
    t.match(await store.revoke({ lock: newLock(), reason: '' }), { status: 'NOT_FOUND' })
    t.equal((await trail(store)).length, count)

    const booking = bookOf({ lock, owner })
    t.match(await store.book(booking), { status: 'BOOKED' })
    t.match(await store.book(booking), { status: 'REPLAYED' })
    t.match(await store.book(bookOf({ lock, owner })), { status: 'REPLAYED' })
    t.match(await store.cancel({ booking: booking.booking }), { status: 'CANCELLED' })
    t.match(await store.cancel({ booking: booking.booking }), { status: 'CANCELLED' })
    t.match(await store.release({ lock, owner }), { status: 'ENDED', rows: [] })
    t.strictSame(await types(store), ['locked', 'booked', 'cancelled'])
  })

  promise('a change that is rolled back after its first rows leaves no trace', async (t, { store }) => {
    // one wins; of the others some get as far as the lock's row and are taken back when they come to the slot
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, index) => store.grant(grantOf({ slots: slots(0, 1, 2 + (index % 3)) })))
    )
    t.equal(outcomes.filter(({ status }) => status === 'GRANTED').length, 1)
    t.strictSame(await types(store), ['locked'])
  })

  promise('a lock that gives way to another is released in the same step', async (t, { store }) => {
    const { request: old } = await granted(store, { slots: slots(1, 2) })
    const { request } = await granted(store, { owner: old.owner, slots: slots(2, 3), replaces: old.lock })
    t.match(await trail(store), [
      { type: 'locked', lock: old.lock },
      { type: 'released', lock: old.lock, slots: slots(1, 2) },
      { type: 'locked', lock: request.lock, slots: slots(2, 3) }
    ])
  })

  promise(
    'a lock whose time ran out expires once, whoever has its slot by then',
    async (t, { store, age }) => {
      const { request } = await granted(store, { slots: slots(1, 2), ttlMs: minute })
      await age(2 * minute)
      t.strictSame(await types(store), ['locked'], 'nobody has looked yet')
      await granted(store, { slots: slots(1) })
      await Promise.all([store.sweep(100), store.sweep(100)])
      await store.sweep(100)
      const entries = await trail(store)
      t.strictSame(entries.map(({ type }) => type).sort(), ['expired', 'locked', 'locked'])
      t.match(
        entries.find(({ type }) => type === 'expired'),
        { lock: request.lock, owner: request.owner, slots: slots(1, 2), by: { role: 'slotlock' } }
      )
    }
  )

  promise('a lock that is booked after its end was not lost', async (t, { store, age }) => {
    const { request } = await granted(store, { ttlMs: minute })
    await age(2 * minute)
    t.match(await store.book(bookOf(request, { ifStillFree: true })), { status: 'BOOKED' })
    await store.sweep(100)
    t.strictSame(await types(store), ['locked', 'booked'])
  })

  promise(
    'two hundred and fifty-six slots that are closed at once are one entry, and whole',
    async (t, { store }) => {
      const many = Array.from({ length: 256 }, (_, index) => slot(index, `room-${'n'.repeat(50)}`)).sort()
      await store.setBlocked({ calendar, slots: many, blocked: true })
      const entries = await trail(store)
      t.equal(entries.length, 1)
      t.strictSame(entries[0]!.slots, many)
    }
  )

  promise(
    'pages of the audit trail are newest first, of one calendar, and miss nothing',
    async (t, { store, age }) => {
      for (const index of [1, 2, 3, 4, 5]) await granted(store, { slots: slots(index) })
      await granted(store, { calendar: otherCalendar })
      const all = await store.readAudit(always)
      t.equal(all.length, 5)
      const paged: AuditEntry[] = []
      for (let before: { at: number; id: number } | undefined; ; ) {
        const page = await store.readAudit({ ...always, before, entriesMax: 2 })
        paged.push(...page)
        const last = page.at(-1)
        if (last === undefined) break
        before = { at: last.at, id: last.id }
      }
      t.strictSame(paged, all)
      await age(day)
      const { nowMs } = await store.ping()
      t.match(await store.readAudit({ ...always, fromMs: nowMs - minute }), { length: 0 }, 'from is a bound')
      t.equal((await store.readAudit({ ...always, toMs: nowMs - minute })).length, 5)
    }
  )

  promise('who follows the audit trail gets each entry with its lock as it is now', async (t, { store }) => {
    const { request } = await granted(store)
    const follow = (sinceMs: number, known: number[] = [], entriesMax = 500) =>
      store.readAuditSince({ calendar, sinceMs, entriesMax, known: new Set(known) })
    const first = await follow(0)
    t.match(first, {
      entries: [{ type: 'locked' }],
      locks: [{ id: request.lock, state: 'held' }],
      full: false
    })
    await store.release({ lock: request.lock, owner: request.owner })
    const known = first.entries.map(({ id }) => id)
    t.match(await follow(first.entries[0]!.at, known), {
      entries: [{ type: 'released' }],
      locks: [{ id: request.lock, state: 'released' }]
    })
    t.match(await follow(0, [], 1), {
      entries: [{ type: 'locked' }],
      locks: [{ state: 'released' }],
      full: true,
      reachedMs: first.entries[0]!.at
    })
  })

  promise(
    'the audit trail outlives the locks it speaks of, and is purged after its time',
    async (t, { store, age }) => {
      const { request } = await granted(store)
      await store.release({ lock: request.lock, owner: request.owner })
      await age(2 * day)
      await store.purge(100)
      t.equal(await store.readLock(request.lock), undefined)
      t.strictSame(await types(store), ['locked', 'released'])
      await age(89 * day)
      await granted(store)
      await store.purge(1)
      t.strictSame(await types(store), ['released', 'locked'], 'so many at a time')
      await store.purge(100)
      t.strictSame(await types(store), ['locked'])
      const [last] = await store.readAudit(always)
      await age(91 * day)
      await store.purge(100)
      await granted(store, { slots: slots(2) })
      const [next] = await store.readAudit(always)
      t.ok(next!.id > last!.id, 'an id is never given again')
    }
  )
}
