import type { GrantOutcome } from '../../src/domain/lock-store.js'
import {
  bookOf,
  calendar,
  type Declare,
  granted,
  grantOf,
  newSession,
  slot,
  statesOf
} from './lock-store-fixture.js'

/** What is promised of grants that arrive in one moment, whether or not a store carries them out together. */
export function togetherPromises(promise: Declare): void {
  promise(
    'grants that come together are granted each by itself, with an end and an audit entry of its own',
    async (t, { store }) => {
      const requests = Array.from({ length: 40 }, (_, index) =>
        grantOf({ slots: [slot(index)], ttlMs: 100_000 + index * 1_000, userAgent: `agent ${index}` })
      )
      const outcomes = await Promise.all(requests.map(request => store.grant(request)))
      const rows = await store.readSlots(
        calendar,
        requests.flatMap(({ slots }) => slots)
      )
      const entries = await store.readAudit({ calendar, fromMs: 0, toMs: 1e15, entriesMax: 100 })
      t.equal(entries.length, requests.length)
      for (const [index, request] of requests.entries()) {
        const outcome = outcomes[index]!
        if (outcome.status !== 'GRANTED') return void t.fail(outcome.status)
        const { lock } = outcome
        t.match(lock, {
          id: request.lock,
          owner: request.owner,
          slots: request.slots,
          state: 'held',
          userAgent: `agent ${index}`
        })
        t.equal(lock.expiresAt - lock.createdAt, request.ttlMs)
        t.strictSame(await store.readLock(request.lock), lock, 'as it is in the database')
        const row = rows.find(one => one.slot === request.slots[0])
        t.strictSame(outcome.rows, [row])
        t.match(row, { state: 'locked', token: request.lock, ver: lock.fence, expiresAt: lock.expiresAt })
        t.match(
          entries.filter(entry => entry.lock === request.lock),
          [{ type: 'locked', by: { role: 'visitor', session: request.owner }, fence: lock.fence }]
        )
      }
    }
  )

  promise(
    'of those that come together for one slot one gets it, and the others are told whose it is',
    async (t, { store }) => {
      const requests = Array.from({ length: 30 }, (_, index) => grantOf({ slots: [slot(index % 3)] }))
      const outcomes = await Promise.all(requests.map(request => store.grant(request)))
      for (const index of [0, 1, 2]) {
        const mine = outcomes.filter((_, asked) => asked % 3 === index)
        const winners = mine.filter(({ status }) => status === 'GRANTED')
        t.equal(winners.length, 1, 'one winner')
        const winner = winners[0] as GrantOutcome & { status: 'GRANTED' }
        for (const loser of mine.filter(outcome => outcome !== winner)) {
          t.match(loser, { status: 'CONFLICT', rows: [{ token: winner.lock.id }] })
        }
      }
    }
  )

  promise(
    'two instances that grant the same slots in opposite orders give none twice and refuse none that is free',
    async (t, { store, another }) => {
      if (another === undefined) return void t.pass('one instance has the database to itself')
      const other = await another()
      const wanted = Array.from({ length: 30 }, (_, index) => slot(index))
      const ask = (of: typeof store, slots: typeof wanted) =>
        Promise.all(
          slots.map(async one => ({ slot: one, outcome: await of.grant(grantOf({ slots: [one] })) }))
        )
      const [here, there] = await Promise.all([ask(store, wanted), ask(other, [...wanted].reverse())])
      for (const one of wanted) {
        const outcomes = [...here, ...there].flatMap(answer => (answer.slot === one ? [answer.outcome] : []))
        t.equal(outcomes.filter(({ status }) => status === 'GRANTED').length, 1, `${one} has one holder`)
        t.equal(outcomes.filter(({ status }) => status === 'CONFLICT').length, 1, 'and one who lost')
      }
    }
  )

  promise(
    'a session that sends more at once than it may have gets as many as it may have',
    async (t, { store }) => {
      const owner = newSession()
      const requests = Array.from({ length: 12 }, (_, index) =>
        grantOf({ slots: [slot(index)], locksMax: 3, ...(index % 2 === 0 ? { owner } : {}) })
      )
      const outcomes = await Promise.all(requests.map(request => store.grant(request)))
      const statuses = (mine: boolean): string[] =>
        outcomes.filter((_, index) => (requests[index]!.owner === owner) === mine).map(({ status }) => status)
      t.strictSame(statuses(true).sort(), ['GRANTED', 'GRANTED', 'GRANTED', 'LIMIT', 'LIMIT', 'LIMIT'])
      t.ok(
        statuses(false).every(status => status === 'GRANTED'),
        'its neighbours feel nothing of it'
      )
      t.equal((await store.readLiveLocks({ owner })).length, 3)
    }
  )

  promise(
    'a request that is sent twice in one moment is one grant, and another one under its id is none',
    async (t, { store }) => {
      const request = grantOf({ slots: [slot(1)] })
      const neighbours = [2, 3, 4].map(index => grantOf({ slots: [slot(index)] }))
      const [first, second, third] = await Promise.all(
        [request, request, { ...request, fingerprint: 'asked for something else' }, ...neighbours].map(one =>
          store.grant(one)
        )
      )
      t.strictSame([first!.status, second!.status, third!.status], ['GRANTED', 'REPLAYED', 'MISMATCH'])
      t.equal((await store.readAudit({ calendar, fromMs: 0, toMs: 1e15, entriesMax: 100 })).length, 4)
    }
  )

  promise('what stands in the way of one takes nothing from those beside it', async (t, { store, age }) => {
    const booked = await granted(store, { slots: [slot(0)] })
    await store.book(bookOf({ lock: booked.request.lock, owner: booked.request.owner }))
    await store.setBlocked({ calendar, slots: [slot(1)], blocked: true })
    const lapsed = await granted(store, { slots: [slot(2)], ttlMs: 1_000 })
    await age(2_000)
    const held = await granted(store, { slots: [slot(3)] })
    const outcomes = await Promise.all(
      [0, 1, 2, 3, 4, 5].map(index => store.grant(grantOf({ slots: [slot(index)] })))
    )
    t.strictSame(
      outcomes.map(({ status }) => status),
      ['CONFLICT', 'CONFLICT', 'GRANTED', 'CONFLICT', 'GRANTED', 'GRANTED']
    )
    t.match(outcomes[3], { rows: [{ token: held.request.lock }] })
    const rows = await store.readSlots(
      calendar,
      [0, 1, 2, 3].map(index => slot(index))
    )
    t.match(statesOf(rows), {
      [slot(0)]: 'booked',
      [slot(1)]: 'blocked',
      [slot(2)]: 'locked',
      [slot(3)]: 'locked'
    })
    t.not(
      rows.find(row => row.slot === slot(2))?.token,
      lapsed.request.lock,
      "what had lapsed is somebody else's"
    )
  })
}
