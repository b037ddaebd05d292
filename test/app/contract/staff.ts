import type { ResultOf } from '../../../src/protocol/operations.js'
import type { SlotState } from '../../../src/protocol/schemas.js'
import { calendar, day, type Subject, slotAt, soon } from '../clinic.js'

/** What staff may see and do, and visitors may not. */
export const staff: Subject = async (t, clinic, face) => {
  const openStaff = (calendars?: readonly string[]) =>
    clinic.bob(face, clinic.world.tokenOf('staff', calendars))

  await t.test('staff end a lock: its holder hears why, and everybody else sees free slots', async t => {
    const ann = await clinic.ann('ws')
    const watcher = await clinic.watcher()
    const bob = await openStaff()
    const slots = clinic.slots(2)
    const { lock } = await ann.must('lock', { calendar, slots })
    await bob.must('revoke', { lock: lock.id, reason: 'the doctor is ill' })
    const push = await ann.next('lock', ({ lock: told }) => (told as { state: string }).state !== 'held')
    t.match(push, { lock: { id: lock.id, state: 'revoked', expiresInMs: 0 }, reason: 'the doctor is ill' })
    await watcher.next('slots', push =>
      slots.every(slot => (push.slots as SlotState[]).some(one => one.slot === slot && one.state === 'free'))
    )
    t.notOk(JSON.stringify(watcher.socket.frames).includes('doctor'), 'the reason is for the holder alone')
    const customer = { name: 'Ann' }
    t.equal((await ann.refused('book', { lock: lock.id, requestId: 'r', customer })).code, 'LOCK_EXPIRED')
    t.equal((await ann.refused('extend', { lock: lock.id })).code, 'LOCK_EXPIRED')
    await ann.must('lock', { calendar, slots })
  })

  await t.test('a booking is not revoked by ending the lock that it came from', async t => {
    const ann = await clinic.ann(face)
    const bob = await openStaff()
    const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()] })
    await ann.must('book', { lock: lock.id, requestId: 'r', customer: { name: 'Ann' } })
    t.equal((await bob.refused('revoke', { lock: lock.id })).code, 'LOCK_NOT_FOUND')
    t.equal((await bob.refused('revoke', { lock: 'a'.repeat(22) })).code, 'LOCK_NOT_FOUND')
    t.equal((await bob.refused('revoke', { lock: lock.id, reason: 'a'.repeat(501) })).code, 'INVALID_REQUEST')
  })

  await t.test('staff see who holds what, and from where', async t => {
    const ann = await clinic.ann(face)
    const bob = await openStaff()
    const slot = clinic.slot()
    const { lock } = await ann.must('lock', { calendar, slots: [slot] })
    const { locks } = await bob.must('staffLocks', { calendar })
    t.match(
      locks.find(({ id }) => id === lock.id),
      {
        slots: [slot],
        session: ann.session.session,
        since: lock.createdAt,
        address: '127.0.0.1'
      }
    )
  })

  await t.test('the audit trail tells who did what, and nothing of what visitors said', async t => {
    const ann = await clinic.ann(face)
    const bob = await openStaff()
    const [first, second, third] = clinic.slots(3) as [string, string, string]
    const { lock } = await ann.must('lock', { calendar, slots: [first], requestId: 'a' })
    t.equal((await ann.must('lock', { calendar, slots: [first], requestId: 'a' })).lock.id, lock.id)
    await ann.refused('lock', { calendar, slots: [first, second] })
    await ann.must('extend', { lock: lock.id })
    const customer = { name: 'Ann Unheard-of', email: 'ann@unheard-of.example' }
    const { booking } = await ann.must('book', { lock: lock.id, requestId: 'b', customer })
    const { lock: freed } = await ann.must('lock', { calendar, slots: [second] })
    await bob.must('revoke', { lock: freed.id, reason: 'the doctor is ill' })
    const { lock: lapsed } = await ann.must('lock', { calendar, slots: [third], ttlMs: 300 })
    await soon(async () => (await clinic.stateOf(third)).state === 'free' || undefined)
    await bob.must('cancelBooking', { booking: booking.id })
    await bob.must('block', { calendar, slots: [first] })
    await bob.must('unblock', { calendar, slots: [first] })

    const mine = new Set([first, second, third])
    const all: ResultOf<'readAudit'>['entries'] = []
    for (let cursor: string | undefined; ; ) {
      const page = await bob.must('readAudit', { calendar, limit: 3, ...(cursor && { cursor }) })
      t.ok(page.entries.length <= 3)
      all.push(...page.entries.filter(({ slots }) => slots.some(slot => mine.has(slot))))
      cursor = page.cursor
      if (cursor === undefined || all.length > 20) break
    }
    const byAnn = { actor: { role: 'visitor', session: ann.session.session }, session: ann.session.session }
    const byBob = { actor: { role: 'staff', session: bob.session.session, address: '127.0.0.1' } }
    const told = all.reverse().filter(({ type }) => type !== 'expired')
    t.match(told, [
      { type: 'locked', lock: lock.id, slots: [first], by: lock.by, fence: lock.fence, ...byAnn },
      { type: 'extended', lock: lock.id, ...byAnn },
      { type: 'booked', lock: lock.id, booking: booking.id, ...byAnn },
      { type: 'locked', lock: freed.id, slots: [second], ...byAnn },
      {
        type: 'revoked',
        lock: freed.id,
        reason: 'the doctor is ill',
        session: ann.session.session,
        ...byBob
      },
      { type: 'locked', lock: lapsed.id },
      { type: 'cancelled', booking: booking.id, session: ann.session.session, ...byBob },
      { type: 'blocked', slots: [first], ...byBob },
      { type: 'unblocked', slots: [first], ...byBob }
    ])
    t.equal(told.length, 9, 'no repetition and no refusal among them')
    t.match(
      all.filter(({ type }) => type === 'expired'),
      [{ lock: lapsed.id, actor: { role: 'slotlock' }, session: ann.session.session }]
    )
    t.notMatch(JSON.stringify(all), /nheard/)

    const ask = (params: object) => bob.must('readAudit', { calendar, ...params })
    t.ok((await ask({ from: day(0), to: day(1) })).entries.length > 0)
    t.strictSame((await ask({ to: day(-2) })).entries, [])
    for (const params of [
      { cursor: 'x' },
      { from: '2026-02-30' },
      { from: day(1), to: day(0) },
      { limit: 501 }
    ])
      t.equal((await bob.refused('readAudit', { calendar, ...params })).code, 'INVALID_REQUEST')
    t.equal((await bob.refused('readAudit', { calendar: 'nowhere' })).code, 'CALENDAR_NOT_FOUND')
  })

  await t.test('closed slots cannot be had until they are opened, and nobody loses one by it', async t => {
    const ann = await clinic.ann(face)
    const bob = await openStaff()
    const watcher = await clinic.watcher()
    const [held, closed] = clinic.slots(2) as [string, string]
    await ann.must('lock', { calendar, slots: [held] })
    const { slots } = await bob.must('block', { calendar, slots: [held, closed] })
    t.match(slots, [
      { slot: held, state: 'locked' },
      { slot: closed, state: 'blocked' }
    ])
    const sees = (state: string) =>
      watcher.next('slots', push =>
        (push.slots as SlotState[]).some(one => one.slot === closed && one.state === state)
      )
    await sees('blocked')
    t.match(await ann.refused('lock', { calendar, slots: [closed] }), {
      code: 'SLOT_UNAVAILABLE',
      details: { conflicts: [{ slot: closed, state: 'blocked' }] }
    })
    t.match(await bob.must('unblock', { calendar, slots: [held, closed] }), {
      slots: [{ state: 'locked' }, { slot: closed, state: 'free' }]
    })
    await sees('free')
    await ann.must('lock', { calendar, slots: [closed] })
    t.equal(
      (await bob.refused('block', { calendar, slots: [slotAt('nobody', 2, 0)] })).code,
      'SLOT_NOT_FOUND'
    )
  })

  await t.test('visitors, hosts and the staff of other calendars may do nothing of it', async t => {
    const ann = await clinic.ann(face)
    const slot = clinic.slot()
    const { lock } = await ann.must('lock', { calendar, slots: [slot] })
    const host = await clinic.bob(face, clinic.world.tokenOf('host'))
    for (const stranger of [ann, host, await openStaff(['elsewhere'])]) {
      t.equal((await stranger.refused('revoke', { lock: lock.id })).code, 'FORBIDDEN')
      t.equal((await stranger.refused('block', { calendar, slots: [slot] })).code, 'FORBIDDEN')
      t.equal((await stranger.refused('unblock', { calendar, slots: [slot] })).code, 'FORBIDDEN')
      if (stranger !== host) t.equal((await stranger.refused('staffLocks', { calendar })).code, 'FORBIDDEN')
      t.equal((await stranger.refused('readAudit', { calendar })).code, 'FORBIDDEN')
    }
    const ofTheClinic = await openStaff([calendar])
    await ofTheClinic.must('revoke', { lock: lock.id })
    await soon(async () => (await clinic.stateOf(slot)).state === 'free' || undefined)
  })
}
