import t from 'tap'
import type { CalendarSnapshot, Slot } from '../../../src/browser/client/index.js'
import { OfferedSlots, viewOf } from '../../../src/browser/widget/slots.js'

const slot = (id: string, state: Slot['state'] = 'free'): [string, Slot] => [
  id,
  { slot: id, resource: id.split('/')[0]!, start: 0, state, ver: 1 }
]
const snapshot = (...slots: [string, Slot][]): CalendarSnapshot => ({
  calendar: 'demo',
  from: '2026-12-01',
  to: '2026-12-01',
  timeZone: 'UTC',
  you: undefined,
  slots: new Map(slots),
  selections: new Map(),
  state: 'live'
})
const [lee, kim] = ['lee/2026-12-01T09:00Z', 'kim/2026-12-01T09:00Z'] as const

t.test(
  'the set is the same object until a slot comes or goes, so a change of state lays nothing out anew',
  async t => {
    const offered = new OfferedSlots()
    const first = offered.of(snapshot(slot(lee), slot(kim)), 'lee', undefined)
    t.strictSame([...first], [lee])
    t.equal(offered.of(snapshot(slot(lee, 'booked'), slot(kim)), 'lee', undefined), first)
    t.not(offered.of(snapshot(slot(lee), slot('lee/2026-12-01T10:00Z')), 'lee', undefined), first)
    t.strictSame([...offered.of(snapshot(slot(lee), slot(kim)), 'kim', undefined)], [kim])
  }
)

t.test('what only the page offers is free until somebody has it', async t => {
  const offered = [lee]
  t.strictSame([...new OfferedSlots().of(snapshot(), 'lee', offered)], [lee])
  t.match(viewOf(snapshot(), offered, lee), { state: 'free' })
  t.match(viewOf(snapshot(slot(lee, 'booked')), offered, lee), { state: 'booked' })
  t.equal(viewOf(snapshot(), undefined, lee), undefined)
})
