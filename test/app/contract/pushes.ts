import type { LockView, SlotState } from '../../../src/protocol/schemas.js'
import type { Pushed } from '../../helpers/ws-client.js'
import { calendar, range, type Subject } from '../clinic.js'
import type { Visitor } from '../visitor.js'

const lockIn = (push: Pushed): LockView => push.lock as LockView
const statesIn = (push: Pushed): SlotState[] => push.slots as SlotState[]

/** What comes without being asked for. */
export const pushes: Subject = async (t, clinic, face) => {
  const watcherAt = async (which: 'ann' | 'bob'): Promise<Visitor> => {
    const watcher = await clinic[which](face)
    await watcher.must('readSlots', range)
    return watcher
  }
  const sees = async (watcher: Visitor, slot: string, state: string): Promise<SlotState> => {
    const is = (one: SlotState): boolean => one.slot === slot && one.state === state
    const push = await watcher.next('slots', push => statesIn(push).some(is))
    return statesIn(push).find(is)!
  }

  await t.test(
    'each change of a slot reaches watchers on both instances, with a greater version',
    async t => {
      const ann = await clinic.ann(face)
      const watchers = [await watcherAt('ann'), await watcherAt('bob')]
      const slots = clinic.slots(2)
      const { lock } = await ann.must('lock', { calendar, slots })
      for (const watcher of watchers) {
        const push = await watcher.next('slots', push => statesIn(push).some(({ slot }) => slot === slots[0]))
        const told = statesIn(push).filter(({ slot }) => slots.includes(slot))
        t.match(
          told,
          slots.map(slot => ({ slot, state: 'locked', by: lock.by })),
          'both slots in one push'
        )
      }
      await ann.must('release', { lock: lock.id })
      for (const watcher of watchers) await sees(watcher, slots[0]!, 'free')
      const again = (await ann.must('lock', { calendar, slots })).lock
      for (const watcher of watchers) await sees(watcher, slots[0]!, 'locked')
      await ann.must('book', { lock: again.id, requestId: 'b', customer: { name: 'Ann' } })
      for (const watcher of watchers) {
        await sees(watcher, slots[1]!, 'booked')
        const versions = watcher.socket
          .pushes('slots')
          .flatMap(statesIn)
          .filter(({ slot }) => slot === slots[1])
          .map(({ ver }) => ver)
        const grown = [...versions].sort((one, other) => one - other)
        t.strictSame(versions, grown, 'versions only grow; a state may be told twice')
        t.ok(new Set(versions).size >= 4, 'each change has its own')
        t.notOk(JSON.stringify(watcher.socket.frames).includes(lock.id), 'whose it is, is a tag')
      }
    }
  )

  await t.test(
    'every connection of the holder hears of the lock, on both instances, and nobody else',
    async t => {
      const ann = await clinic.ann(face)
      const others = [await clinic.ann(face, ann.token), await clinic.bob(face, ann.token)]
      const bob = await clinic.bob(face)
      const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()], ttlMs: 20_000 })
      const hear = async (matches: (told: LockView) => boolean): Promise<void> => {
        for (const one of [ann, ...others])
          await one.next('lock', push => lockIn(push).id === lock.id && matches(lockIn(push)))
      }
      await hear(({ state }) => state === 'held')
      const extended = (await others[1]!.must('extend', { lock: lock.id, ttlMs: 40_000 })).lock
      await hear(({ expiresAt }) => expiresAt === extended.expiresAt)
      await others[0]!.must('book', { lock: lock.id, requestId: 'b', customer: { name: 'Ann' } })
      await hear(({ state }) => state === 'booked')
      const second = (await ann.must('lock', { calendar, slots: [clinic.slot()] })).lock
      await others[1]!.must('release', { lock: second.id })
      for (const one of [ann, ...others])
        await one.next('lock', push => lockIn(push).id === second.id && lockIn(push).state === 'released')
      t.strictSame(bob.socket.pushes('lock'), [])
    }
  )

  await t.test(
    'the end of a lock is pushed to everybody on both instances, without anyone asking',
    async t => {
      const ann = await clinic.ann(face)
      const elsewhere = await clinic.bob(face, ann.token)
      const watchers = [await watcherAt('ann'), await watcherAt('bob')]
      const slots = clinic.slots(2)
      const { lock } = await ann.must('lock', { calendar, slots, ttlMs: 400 })
      // an instance that stood still for so short a life tells its end alone
      for (const watcher of watchers) t.ok((await sees(watcher, slots[0]!, 'free')).ver > lock.fence)
      for (const one of [ann, elsewhere]) {
        const push = await one.next('lock', push => lockIn(push).state === 'expired')
        t.match(lockIn(push), { id: lock.id, expiresInMs: 0 })
      }
    }
  )

  await t.test('a minute before the end the holder is warned, wherever connected', async t => {
    const ann = await clinic.ann(face)
    const elsewhere = await clinic.bob(face, ann.token)
    const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()], ttlMs: 60_800 })
    for (const one of [ann, elsewhere]) {
      const push = await one.next('lock', ({ expiring }) => expiring === true)
      t.match(lockIn(push), { id: lock.id, state: 'held' })
      t.ok(lockIn(push).expiresInMs <= 60_000)
    }
    await ann.must('extend', { lock: lock.id })
  })

  await t.test('who no longer watches is left in peace', async t => {
    const ann = await clinic.ann(face)
    const [bored, watcher] = [await watcherAt('bob'), await watcherAt('bob')]
    t.match(await bored.socket.request('unwatch', { calendar }), { ok: true, result: { unwatched: true } })
    const before = bored.socket.pushes('slots').length
    const slot = clinic.slot()
    await ann.must('lock', { calendar, slots: [slot] })
    await sees(watcher, slot, 'locked')
    await bored.socket.request('ping')
    t.equal(bored.socket.pushes('slots').length, before)
  })
}
