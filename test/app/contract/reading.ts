import { calendar, day, range, type Subject, slotAt, soon } from '../clinic.js'

/** The slots of some days, and what changes in them. */
export const reading: Subject = async (t, clinic, face) => {
  await t.test('everybody sees the same slots, and only their holder sees them as his', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const slots = clinic.slots(2)
    const { lock } = await ann.must('lock', { calendar, slots })
    const ofAnn = await ann.must('readSlots', range)
    const ofBob = await soon(async () => {
      const read = await bob.must('readSlots', range)
      return read.slots.some(({ slot, state }) => slot === slots[0] && state === 'locked') ? read : undefined
    })
    for (const read of [ofAnn, ofBob]) {
      t.match(read, { calendar, from: range.from, to: range.to, timeZone: 'UTC' })
      const held = read.slots.filter(({ slot }) => slots.includes(slot))
      t.match(
        held,
        slots.map(slot => ({ slot, state: 'locked', by: lock.by, expiresAt: lock.expiresAt }))
      )
      t.ok(held.every(({ expiresInMs }) => expiresInMs! > 500_000 && expiresInMs! <= 600_000))
    }
    t.equal(ofAnn.you, lock.by)
    t.not(ofBob.you, lock.by)
    t.equal(ofAnn.slots.length, ofBob.slots.length)
    t.ok(!JSON.stringify(ofBob).includes(ann.session.session), 'nobody learns another’s session')
    t.ok(!JSON.stringify(ofBob).includes(lock.id), 'nor the id of the lock')
  })

  await t.test('days are the calendar’s own, both ends counted, 62 at most', async t => {
    const ann = await clinic.ann(face)
    const { slots } = await ann.must('readSlots', { calendar, from: day(3), to: day(4) })
    t.equal(slots.length, 2 * 24 * 40)
    t.ok(slots.some(({ slot }) => slot === slotAt('room-0', 3, 0)))
    t.ok(slots.some(({ slot }) => slot === slotAt('room-39', 4, 23)))
    const codeOf = async (params: object): Promise<unknown> => {
      const { code, details } = await ann.refused('readSlots', { ...range, ...params })
      return [code, details?.fields?.[0]?.field]
    }
    t.strictSame(await codeOf({ from: day(3), to: day(2) }), ['INVALID_REQUEST', 'to'], 'backwards')
    t.strictSame(await codeOf({ from: day(0), to: day(62) }), ['INVALID_REQUEST', 'to'], '63 days')
    t.strictSame(await codeOf({ from: '2030-02-30' }), ['INVALID_REQUEST', 'from'], 'no such day')
    t.strictSame(await codeOf({ to: 'tomorrow' }), ['INVALID_REQUEST', 'to'])
    t.strictSame(await codeOf({ calendar: 'Nobody' }), ['INVALID_REQUEST', 'calendar'])
    t.strictSame(await codeOf({ calendar: 'nobody' }), ['CALENDAR_NOT_FOUND', undefined])
    t.equal((await ann.must('readSlots', { calendar, from: day(0), to: day(11) })).slots.length, 12 * 24 * 40)
  })

  await t.test('what has begun can be read', async t => {
    const ann = await clinic.ann(face)
    const { slots } = await ann.must('readSlots', { calendar, from: day(-1), to: day(-1) })
    t.equal(slots.length, 24 * 40)
  })
}

/** For those who cannot use WebSockets: a cursor, and an answer that waits for news. */
export const polling: Subject = async (t, clinic, face) => {
  await t.test('a poll that waits is answered by the change, made at the other instance', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const slot = clinic.slot()
    let { slots, cursor } = await bob.must('readChanges', range)
    t.equal(slots.find(one => one.slot === slot)?.state, 'free', 'the first poll has everything')

    let ver = slots.find(one => one.slot === slot)!.ver
    /** Polls on until the slot's state is this one; a poll that did not wait would turn in circles here. */
    const until = async (state: string): Promise<void> => {
      for (let polls = 0; polls < 10; polls++) {
        ;({ slots, cursor } = await bob.must('readChanges', { ...range, since: cursor, wait: 20 }))
        const seen = slots.find(one => one.slot === slot)
        if (seen?.state === state) {
          t.ok(seen.ver > ver, 'with a greater version')
          ver = seen.ver
          return
        }
      }
      t.fail(`it never became ${state}`)
    }
    const [, { lock }] = await Promise.all([until('locked'), ann.must('lock', { calendar, slots: [slot] })])
    await Promise.all([until('free'), ann.must('release', { lock: lock.id })])
  })

  await t.test('a hover is news as well', async t => {
    const ann = await clinic.ann(face)
    const bob = await clinic.bob(face)
    const slot = clinic.slot()
    let { cursor, selections } = await bob.must('readChanges', range)
    const seen = await soon(async () => {
      // best effort, so it may be lost on a busy machine; a browser says it again too
      await ann.must('select', { calendar, slot })
      ;({ cursor, selections } = await bob.must('readChanges', { ...range, since: cursor, wait: 3 }))
      return selections.find(selection => selection.slot === slot)
    })
    t.ok(seen.expiresInMs > 0)
  })

  await t.test('a poll without news is answered with nothing when its time is up', async t => {
    const bob = await clinic.bob(face)
    const first = await bob.must('readChanges', { calendar, from: day(30), to: day(30) })
    const since = { calendar, from: day(30), to: day(30), since: first.cursor }
    t.match(await bob.must('readChanges', { ...since, wait: 0.2 }), { slots: [] })
    t.match(await bob.must('readChanges', since), { slots: [] })
  })

  await t.test('a cursor of nobody and a wait without end are refused', async t => {
    const bob = await clinic.bob(face)
    for (const wrong of [
      { since: 'yesterday' },
      { since: '' },
      { since: 'a'.repeat(129) },
      { wait: 26 },
      { wait: -1 }
    ])
      t.equal((await bob.refused('readChanges', { ...range, ...wrong })).code, 'INVALID_REQUEST')
  })
}
