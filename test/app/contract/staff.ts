import type { SlotState } from '../../../src/protocol/schemas.js'
import { calendar, type Subject, slotAt, soon } from '../clinic.js'

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
      t.equal((await stranger.refused('staffLocks', { calendar })).code, 'FORBIDDEN')
    }
    const ofTheClinic = await openStaff([calendar])
    await ofTheClinic.must('revoke', { lock: lock.id })
    await soon(async () => (await clinic.stateOf(slot)).state === 'free' || undefined)
  })
}
