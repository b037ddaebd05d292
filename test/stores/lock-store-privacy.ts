import { randomBytes } from 'node:crypto'
import type { Actor } from '../../src/domain/audit.js'
import type { SlotId } from '../../src/domain/ids.js'
import { bookOf, calendar, type Declare, day, granted, newBooking, newSession } from './lock-store-fixture.js'

/** What is promised about people: encrypted at rest, erased when asked, forgotten in time. */

const key = randomBytes(32)
const nextKey = randomBytes(32)
const ada = { name: 'Ada Lovelace', email: 'Ada@example.org', phone: '1815', note: 'by the window' }
const staff: Actor = { role: 'staff', session: newSession(), address: '192.0.2.9' }
/** Long over. */
const past = (hour: number): SlotId => `dr-lee/2020-01-15T${hour}:00Z` as SlotId

export function privacyPromises(promise: Declare): void {
  promise('with a key customer data is there for who has it, and for nobody else', async (t, { another }) => {
    if (another === undefined) return
    const store = await another({ customerKeys: [key] })
    await store.migrate()
    const { request } = await granted(store)
    const book = bookOf(request, { customer: ada, meta: { visit: 'first' } })
    t.match(await store.book(book), { status: 'BOOKED', booking: { customer: ada } })
    t.match(await store.readBooking(book.booking), { customer: ada, meta: { visit: 'first' } })
    t.match(
      await store.book(book),
      { status: 'REPLAYED', booking: { customer: ada } },
      'by its keyed fingerprint'
    )
    t.match(await store.book({ ...book, fingerprint: 'another' }), { status: 'MISMATCH' })

    const without = await another()
    await t.rejects(without.migrate(), { code: 'STORE_CONTRACT', message: /CUSTOMER_KEY is not set/ })
    const wrong = await another({ customerKeys: [nextKey] })
    await t.rejects(wrong.migrate(), { message: /encrypted under the key [0-9a-f]{8}, and CUSTOMER_KEY has/ })
    for (const other of [without, wrong]) {
      await t.rejects(other.readBooking(book.booking), {
        code: 'STORE_CONTRACT',
        message: /which CUSTOMER_KEY/
      })
    }
    t.match(await store.readBooking(book.booking), { customer: ada }, 'and nothing is lost by it')
    t.match(await store.cancel({ booking: book.booking }), {
      status: 'CANCELLED',
      booking: { customer: ada }
    })
  })

  promise(
    'rows from before the key stay readable, and are encrypted by command',
    async (t, { store, another }) => {
      if (another === undefined) return
      const { request } = await granted(store)
      const book = bookOf(request, { customer: ada, meta: [1] })
      await store.book(book)
      const keyed = await another({ customerKeys: [key] })
      await keyed.migrate()
      t.match(await keyed.readBooking(book.booking), { customer: ada, meta: [1] })
      t.match(await keyed.book(book), { status: 'REPLAYED' })
      t.strictSame(await keyed.encryptAll(), { found: 1, encrypted: 1 })
      t.strictSame(await keyed.encryptAll(), { found: 1, encrypted: 0 })
      t.match(await keyed.readBooking(book.booking), { customer: ada, meta: [1] })
      t.match(await keyed.book(book), { status: 'REPLAYED' }, 'the same request is still the same')
      await t.rejects(store.readBooking(book.booking), { code: 'STORE_CONTRACT' })
    }
  )

  promise(
    'a key is exchanged: both are given, all is encrypted anew, the old one goes',
    async (t, { another }) => {
      if (another === undefined) return
      const old = await another({ customerKeys: [key] })
      await old.migrate()
      const { request } = await granted(old)
      const book = bookOf(request, { customer: ada })
      await old.book(book)
      const both = await another({ customerKeys: [nextKey, key] })
      await both.migrate()
      t.match(await both.readBooking(book.booking), { customer: ada })
      t.match(await both.book(book), { status: 'REPLAYED' })
      await t.rejects((await another({ customerKeys: [nextKey] })).migrate(), { code: 'STORE_CONTRACT' })
      t.strictSame(await both.encryptAll(), { found: 1, encrypted: 1 })
      const young = await another({ customerKeys: [nextKey] })
      await young.migrate()
      t.match(await young.readBooking(book.booking), { customer: ada })
    }
  )

  promise(
    'erased by booking, address or date: the person goes, the booking stays',
    async (t, { another }) => {
      if (another === undefined) return
      const store = await another({ customerKeys: [key] })
      await store.migrate()
      const made = []
      for (const [hour, customer] of [
        [10, ada],
        [11, { name: 'Charles', email: 'charles@example.org' }],
        [12, { ...ada, email: ' ada@EXAMPLE.org ' }]
      ] as const) {
        const { request } = await granted(store, {
          slots: [past(hour)],
          address: '192.0.2.1',
          userAgent: 'a browser'
        })
        const book = bookOf(request, { customer, meta: { hour } })
        await store.book(book)
        made.push(book)
      }
      const [first, second, third] = made as [(typeof made)[0], (typeof made)[0], (typeof made)[0]]
      t.strictSame(await store.erase({ email: 'ADA@example.org' }, true), { found: 2, erased: 2 })
      t.match(await store.readBooking(first.booking), { customer: ada }, 'a dry run changes nothing')
      t.strictSame(await store.erase({ booking: first.booking }), { found: 1, erased: 1 })
      t.strictSame(await store.erase({ booking: newBooking() }), { found: 0, erased: 0 })
      const erased = await store.readBooking(first.booking)
      t.strictSame([erased?.customer, erased?.meta, erased?.state], [{ name: '' }, undefined, 'booked'])
      t.match(await store.readSlots(calendar, [past(10)]), [{ state: 'booked' }])
      const lock = await store.readLock(first.lock)
      t.strictSame([lock?.address, lock?.userAgent], [undefined, undefined])
      t.match(await store.book(first), { status: 'REPLAYED', booking: { customer: { name: '' } } })

      t.strictSame(await store.erase({ email: 'ADA@example.org' }), { found: 1, erased: 1 })
      t.match(await store.readBooking(third.booking), { customer: { name: '' } })
      t.match(await store.readBooking(second.booking), { customer: { name: 'Charles' } })
      t.strictSame(await store.erase({ beforeMs: Date.parse('2020-01-15T11:00Z') }), { found: 1, erased: 0 })
      const without = await another()
      t.strictSame(
        await without.erase({ beforeMs: Date.parse('2021-01-01') }),
        { found: 3, erased: 1 },
        'without a key'
      )
      t.match(await store.readBooking(second.booking), { customer: { name: '' } })
    }
  )

  promise(
    'what the database carries out too late is no success, and is done the next time',
    async (t, { another }) => {
      if (another === undefined) return
      const store = await another({ customerKeys: [key] })
      await store.migrate()
      const { request } = await granted(store, { slots: [past(10)] })
      const book = bookOf(request, { customer: ada })
      await store.book(book)
      const late = await another({ customerKeys: [nextKey, key], customerRetentionMs: day, deadlineMs: -1 })
      const busy = { code: 'STORE_BUSY', message: /too late/ }
      await t.rejects(late.erase({ booking: book.booking }), busy)
      await t.rejects(late.forgetOld(), busy)
      await t.rejects(late.encryptAll(), busy)
      t.match(await store.readBooking(book.booking), { customer: ada })
      t.strictSame(await store.erase({ booking: book.booking }), { found: 1, erased: 1 })
    }
  )

  promise('customer data is forgotten after its time, and no sooner', async (t, { store, another }) => {
    if (another === undefined) return
    const [over, toCome] = [await granted(store, { slots: [past(10)] }), await granted(store)]
    const books = [over, toCome].map(({ request }) => bookOf(request, { customer: ada }))
    for (const book of books) await store.book(book)
    t.match(await store.forgetOld(), { forgotten: 0 }, 'unless a time is set it stays')
    const forgetful = await another({ customerRetentionMs: 30 * day })
    t.strictSame(await forgetful.forgetOld(), { forgotten: 1, more: false })
    t.match(await store.readBooking(books[0]!.booking), { customer: { name: '' }, state: 'booked' })
    t.match(await store.readBooking(books[1]!.booking), { customer: ada })
  })

  promise(
    'addresses of those who booked, and of staff in the trail, are forgotten after a time',
    async (t, subject) => {
      const { store, age } = subject
      const from = { address: '192.0.2.1', userAgent: 'a browser' }
      const [booked, revoked] = [
        await granted(store, from),
        await granted(store, { ...from, slots: [past(9)] })
      ]
      await store.book(bookOf(booked.request))
      await store.revoke({ lock: revoked.request.lock, reason: 'closed', by: staff })
      await store.forgetOld()
      t.match(await store.readLock(booked.request.lock), from)
      await age(31 * day)
      t.strictSame(await store.forgetOld(), { forgotten: 2, more: false })
      const lock = await store.readLock(booked.request.lock)
      t.strictSame([lock?.state, lock?.address, lock?.userAgent], ['booked', undefined, undefined])
      const all = { calendar, fromMs: 0, toMs: 9_999_999_999_999, entriesMax: 10 }
      const entries = await store.readAudit(all)
      t.match(
        entries.find(({ type }) => type === 'revoked'),
        { by: { role: 'staff', session: staff.session } }
      )
      t.notOk(entries.some(({ by }) => by.address !== undefined))
    }
  )
}
