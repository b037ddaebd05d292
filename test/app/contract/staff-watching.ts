import type { PushOf } from '../../../src/protocol/messages.js'
import { calendar, type Subject, soon } from '../clinic.js'
import type { Visitor } from '../visitor.js'

type StaffPush = PushOf<'staff'>
const pushesOf = (staff: Visitor): StaffPush[] => staff.socket.pushes('staff') as unknown as StaffPush[]

/** What staff are told while they watch. */
export const staffWatching: Subject = async (t, clinic) => {
  const at = (which: 'ann' | 'bob', calendars?: readonly string[]): Promise<Visitor> =>
    clinic[which]('ws', clinic.world.tokenOf('staff', calendars))
  const hears = (staff: Visitor, what: (push: StaffPush) => boolean): Promise<unknown> =>
    staff.next('staff', push => what(push as unknown as StaffPush))
  const hearsOf = (staff: Visitor, lock: string, type: string): Promise<unknown> =>
    hears(staff, ({ feed }) => feed.some(entry => entry.lock === lock && entry.type === type))

  await t.test('staff on both instances are told who locks, extends, loses and books what', async t => {
    const watching = [await at('ann'), await at('bob')]
    for (const staff of watching) await staff.must('staffLocks', { calendar })
    const ann = await clinic.ann('ws')
    const slots = clinic.slots(2)
    const { lock } = await ann.must('lock', { calendar, slots })
    for (const staff of watching) {
      await hearsOf(staff, lock.id, 'locked')
      t.match(
        pushesOf(staff)
          .flatMap(({ locks }) => locks)
          .find(({ id }) => id === lock.id),
        {
          slots,
          state: 'held',
          by: lock.by,
          session: ann.session.session,
          since: lock.createdAt,
          address: '127.0.0.1'
        }
      )
    }
    const { lock: longer } = await ann.must('extend', { lock: lock.id, ttlMs: 700_000 })
    for (const staff of watching)
      await hears(staff, ({ locks }) =>
        locks.some(({ id, expiresAt }) => id === lock.id && expiresAt === longer.expiresAt)
      )
    await ann.must('book', { lock: lock.id, requestId: 'b', customer: { name: 'Ann Unheard-of' } })
    const { lock: lapsing } = await ann.must('lock', { calendar, slots: [clinic.slot()], ttlMs: 300 })
    for (const staff of watching) {
      await hearsOf(staff, lock.id, 'booked')
      await hearsOf(staff, lapsing.id, 'expired')
      const ended = pushesOf(staff).flatMap(push => push.ended)
      t.ok(ended.includes(lock.id) && ended.includes(lapsing.id), 'neither lives any more')
      t.notMatch(JSON.stringify(pushesOf(staff)), /nheard/, 'what she said about herself is not told')
    }
  })

  await t.test('the list comes first, and with the pushes it is the list read anew', async t => {
    const staff = await at('bob')
    const ann = await clinic.ann('ws')
    const bystander = await clinic.bob('ws')
    const before = (await ann.must('lock', { calendar, slots: [clinic.slot()] })).lock
    const asked = staff.must('staffLocks', { calendar })
    const during = (await ann.must('lock', { calendar, slots: [clinic.slot()] })).lock
    const { locks } = await asked
    const after = (await bystander.must('lock', { calendar, slots: [clinic.slot()] })).lock
    await ann.must('release', { lock: before.id })
    const apply = (): string[] => {
      const live = new Map(locks.map(lock => [lock.id, lock]))
      for (const push of pushesOf(staff)) {
        for (const id of push.ended) live.delete(id)
        for (const lock of push.locks) live.set(lock.id, lock)
      }
      return [...live.keys()].sort()
    }
    await soon(async () => {
      const anew = (await staff.must('staffLocks', { calendar })).locks.map(({ id }) => id).sort()
      return JSON.stringify(apply()) === JSON.stringify(anew) || undefined
    })
    t.ok(apply().includes(during.id) && apply().includes(after.id) && !apply().includes(before.id))
    const frames = staff.socket.frames as { type?: string; result?: { locks?: unknown } }[]
    const list = frames.findIndex(({ result }) => result?.locks !== undefined)
    const push = frames.findIndex(({ type }) => type === 'staff')
    t.ok(list >= 0 && (push === -1 || push > list), 'no push overtakes the list')
  })

  await t.test('who is no staff, or staff of another calendar, is told nothing', async t => {
    const visitor = await clinic.bob('ws')
    const elsewhere = await at('bob', ['elsewhere'])
    const host = await clinic.bob('ws', clinic.world.tokenOf('host'))
    const staff = await at('bob', [calendar])
    t.strictSame(staff.session.calendars, [calendar])
    t.equal(staff.session.role, 'staff')
    await staff.must('staffLocks', { calendar })
    const ann = await clinic.ann('ws')
    for (let round = 0; round < 5; round++) {
      const listed = host.must('staffLocks', { calendar })
      const refused = [visitor, elsewhere].map(stranger => stranger.refused('staffLocks', { calendar }))
      const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()] })
      for (const error of await Promise.all(refused)) t.equal(error.code, 'FORBIDDEN')
      t.ok((await listed).locks.length >= 0, 'a host reads the list, and is told no more')
      await hearsOf(staff, lock.id, 'locked')
    }
    for (const stranger of [visitor, elsewhere, host]) {
      await stranger.socket.request('ping')
      t.strictSame(pushesOf(stranger), [])
    }
  })

  await t.test('who no longer watches as staff is left in peace', async t => {
    const [bored, staff] = [await at('bob'), await at('bob')]
    for (const one of [bored, staff]) await one.must('staffLocks', { calendar })
    t.match(await bored.socket.request('staff-unwatch', { calendar }), {
      ok: true,
      result: { unwatched: true }
    })
    const count = pushesOf(bored).length
    const ann = await clinic.ann('ws')
    const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()] })
    await hearsOf(staff, lock.id, 'locked')
    await bored.socket.request('ping')
    t.equal(pushesOf(bored).length, count)
  })

  await t.test('what staff do is told to the others, with who and why', async t => {
    const [one, other] = [await at('ann'), await at('bob')]
    await other.must('staffLocks', { calendar })
    const ann = await clinic.ann('ws')
    const slot = clinic.slot()
    const { lock } = await ann.must('lock', { calendar, slots: [slot] })
    await one.must('revoke', { lock: lock.id, reason: 'the doctor is ill' })
    await one.must('block', { calendar, slots: [slot] })
    await hears(other, ({ feed }) => feed.some(entry => entry.type === 'blocked' && entry.slots[0] === slot))
    const feed = pushesOf(other).flatMap(push => push.feed)
    t.match(
      feed.find(entry => entry.lock === lock.id && entry.type === 'revoked'),
      { actor: { role: 'staff', session: one.session.session }, reason: 'the doctor is ill', by: lock.by }
    )
    await one.must('unblock', { calendar, slots: [slot] })
  })
}
