import type { SelectionView } from '../../../src/protocol/schemas.js'
import type { Pushed } from '../../helpers/ws-client.js'
import { calendar, range, type Subject, slotAt, soon } from '../clinic.js'
import type { Visitor } from '../visitor.js'

/** "Somebody is looking at this": not exclusive, best effort, and pushed both when it begins and when it ends. */
export const hovering: Subject = async (t, clinic, face) => {
  const seen = (watcher: Visitor, viewer: string, slot: string | null): Promise<Pushed> =>
    watcher.next('selections', push =>
      (push.selections as SelectionView[]).some(one => one.viewer === viewer && one.slot === slot)
    )
  const tagOf = async (visitor: Visitor): Promise<string> => (await visitor.must('readSlots', range)).you!

  await t.test('the other sees where one looks, in the push and in what is read', async t => {
    const ann = await clinic.ann(face)
    const watcher = await clinic.watcher()
    const slot = clinic.slot()
    t.match(await ann.must('select', { calendar, slot }), { slot, expiresInMs: 10_000 })
    await seen(watcher, await tagOf(ann), slot)
    await soon(async () =>
      (await clinic.read(clinic.world.b)).selections.find(selection => selection.slot === slot)
    )
    t.equal((await clinic.stateOf(slot, clinic.world.b)).state, 'free', 'and the slot stays free')
  })

  await t.test('who looks elsewhere is seen elsewhere, and who looks away nowhere', async t => {
    const ann = await clinic.ann(face)
    const watcher = await clinic.watcher()
    const [first, second] = clinic.slots(2) as [string, string]
    const you = await tagOf(ann)
    await ann.must('select', { calendar, slot: first })
    await seen(watcher, you, first)
    await ann.must('select', { calendar, slot: second })
    await seen(watcher, you, second)
    if (face === 'ws') await ann.must('select', { calendar, slot: null })
    else await ann.must('unselect', { calendar })
    await seen(watcher, you, null)
    const { selections } = await clinic.read(clinic.world.b)
    t.notOk(selections.some(selection => selection.viewer === you && selection.slot !== null))
  })

  await t.test('a hover ends when its viewer locks the slot', async t => {
    const ann = await clinic.ann(face)
    const watcher = await clinic.watcher()
    const slot = clinic.slot()
    const you = await tagOf(ann)
    await ann.must('select', { calendar, slot })
    await seen(watcher, you, slot)
    await ann.must('lock', { calendar, slots: [slot] })
    t.ok(await seen(watcher, you, null))
  })

  if (face === 'ws') {
    await t.test('a hover ends when its viewer is gone, and the lock stays', async t => {
      const ann = await clinic.ann(face)
      const watcher = await clinic.watcher()
      const [hovered, locked] = clinic.slots(2) as [string, string]
      const you = await tagOf(ann)
      await ann.must('lock', { calendar, slots: [locked] })
      await ann.must('select', { calendar, slot: hovered })
      await seen(watcher, you, hovered)
      ann.socket.socket.terminate()
      await seen(watcher, you, null)
      t.equal((await clinic.stateOf(locked)).state, 'locked')
    })
  }

  await t.test('one hovers over slots, and over nothing else', async t => {
    const ann = await clinic.ann(face)
    const codeOf = async (params: object): Promise<string> =>
      (await ann.refused('select', { calendar, slot: clinic.slot(), ...params })).code
    t.equal(await codeOf({ slot: slotAt('room-0', 2, -1) }), 'SLOT_NOT_FOUND')
    t.equal(await codeOf({ slot: 'room-0' }), 'INVALID_REQUEST')
    t.equal(await codeOf({ calendar: 'nowhere' }), 'CALENDAR_NOT_FOUND')
  })
}
