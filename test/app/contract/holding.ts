import { calendar, type Subject, soon } from '../clinic.js'

/** What the holder of a lock may do with it, and nobody else. */
export const holding: Subject = async (t, clinic, face) => {
  await t.test('a lock is extended from now, also at the other instance', async t => {
    const ann = await clinic.ann(face)
    const elsewhere = await clinic.bob(face, ann.token)
    const slots = clinic.slots(2)
    const { lock } = await ann.must('lock', { calendar, slots, ttlMs: 20_000 })
    const longer = (await elsewhere.must('extend', { lock: lock.id, ttlMs: 60_000 })).lock
    t.match(longer, { id: lock.id, state: 'held', fence: lock.fence, createdAt: lock.createdAt })
    t.ok(longer.expiresAt >= lock.expiresAt + 40_000)
    const whole = (await ann.must('extend', { lock: lock.id })).lock
    t.ok(whole.expiresInMs > 590_000, 'by the default, when nothing is said')
    const state = await soon(async () => {
      const one = await clinic.stateOf(slots[1]!, clinic.world.b)
      return one.expiresAt === whole.expiresAt ? one : undefined
    })
    t.equal(state.state, 'locked', 'and everybody sees the new end')
  })

  await t.test('an extension never takes time away', async t => {
    const ann = await clinic.ann(face)
    const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()], ttlMs: 60_000 })
    const { expiresAt } = (await ann.must('extend', { lock: lock.id, ttlMs: 10_000 })).lock
    t.ok(expiresAt >= lock.expiresAt)
  })

  await t.test('no lock outlives its whole life', async t => {
    const ann = await clinic.ann(face)
    const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()] })
    // the longest extension is as long as the whole life here, and the lock has lived a little of it
    await soon(async () => (await clinic.read()).serverTime > lock.createdAt || undefined)
    const { code, details } = await ann.refused('extend', { lock: lock.id, ttlMs: 1_800_000 })
    t.equal(code, 'LIMIT_EXCEEDED')
    t.match(details, { limit: 'LOCK_LIFE_MAX_MS', max: 1_800_000, extendableUntil: lock.extendableUntil })
    t.match(await ann.must('listLocks'), { locks: [{ expiresAt: lock.expiresAt }] })
    t.equal((await ann.refused('extend', { lock: lock.id, ttlMs: 1_800_001 })).code, 'INVALID_REQUEST')
    t.equal((await ann.refused('extend', { lock: lock.id, ttlMs: 1 })).code, 'INVALID_REQUEST')
  })

  await t.test('what has lapsed cannot be extended', async t => {
    const ann = await clinic.ann(face)
    const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()], ttlMs: 300 })
    await soon(async () => ((await ann.must('listLocks')).locks.length === 0 ? true : undefined))
    t.equal((await ann.refused('extend', { lock: lock.id })).code, 'LOCK_EXPIRED')
    await ann.must('release', { lock: lock.id })
  })

  await t.test(
    'released slots are free for the other at once, and to release again is a success',
    async t => {
      const ann = await clinic.ann(face)
      const bob = await clinic.bob(face)
      const slots = clinic.slots(3)
      const { lock } = await ann.must('lock', { calendar, slots })
      await ann.must('release', { lock: lock.id })
      const got = (await bob.must('lock', { calendar, slots })).lock
      t.strictSame(got.slots, slots)
      await ann.must('release', { lock: lock.id })
      t.match(
        await bob.must('listLocks'),
        { locks: [{ id: got.id, slots }] },
        'and takes nothing from the next'
      )
    }
  )

  await t.test('a lock of another session is not found, whatever one wants of it', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const { lock } = await ann.must('lock', { calendar, slots: [clinic.slot()] })
    const customer = { name: 'Bob' }
    for (const id of [lock.id, 'a'.repeat(22), 'short']) {
      t.equal((await bob.refused('extend', { lock: id })).code, 'LOCK_NOT_FOUND')
      t.equal((await bob.refused('release', { lock: id })).code, 'LOCK_NOT_FOUND')
      t.equal((await bob.refused('book', { lock: id, requestId: 'b', customer })).code, 'LOCK_NOT_FOUND')
    }
    t.match(await ann.must('listLocks'), { locks: [{ id: lock.id, state: 'held' }] })
  })
}
