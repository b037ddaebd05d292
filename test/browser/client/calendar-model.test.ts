import fc from 'fast-check'
import t from 'tap'
import { CalendarModel } from '../../../src/browser/client/calendar-model.js'
import type { SelectionView, SlotState } from '../../../src/protocol/schemas.js'
import { slotState } from './scripted-server.js'

const nine = '2026-01-20T09:00Z'
const ten = '2026-01-20T10:00Z'

const snapshot = (slots: SlotState[], selections: SelectionView[] = [], timeZone = 'UTC') => ({
  calendar: 'demo',
  from: '2026-01-20',
  to: '2026-01-21',
  timeZone,
  you: 'me',
  slots,
  selections,
  serverTime: 0
})

const modelOf = (slots: SlotState[], timeZone?: string): CalendarModel => {
  const model = new CalendarModel('demo', '2026-01-20', '2026-01-21')
  model.asking()
  model.applySnapshot(snapshot(slots, [], timeZone), 0)
  return model
}

const shown = (model: CalendarModel) =>
  Object.fromEntries([...model.snapshot().slots].map(([id, { state }]) => [id.slice(-6, -1), state]))

t.test(
  'a slot has its resource and its start, and while locked its end, from when it was asked for',
  async t => {
    const model = modelOf([])
    model.applySlots([slotState(nine, { state: 'locked', by: 'ann', expiresInMs: 500 })], 100)
    t.match(model.snapshot().slots.get(`dr-lee/${nine}`), {
      resource: 'dr-lee',
      start: Date.parse(nine),
      endsAt: 600
    })
  }
)

t.test('the greater version counts: a change that was overtaken changes nothing', async t => {
  const model = modelOf([slotState(nine, { ver: 5, state: 'booked' })])
  const before = model.snapshot()
  t.equal(model.applySlots([slotState(nine, { ver: 4, state: 'locked' })], 0).size, 0)
  t.equal(model.applySlots([slotState(nine, { ver: 5, state: 'locked' })], 0).size, 0)
  t.equal(model.snapshot(), before, 'not even the snapshot’s identity')
  t.equal(model.applySlots([slotState(nine, { ver: 6 })], 0).size, 1)
  t.strictSame(shown(model), { '09:00': 'free' })
})

t.test(
  'changes that are doubled, shuffled, and lost but for the last, show what a fresh reading shows',
  async t => {
    const states = ['free', 'locked', 'booked', 'blocked'] as const
    const history = fc.array(fc.tuple(fc.nat(3), fc.constantFrom(...states)), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.nat(1_000)), (changes, chance) => {
        const told = changes.map(([slot, state], ver) => slotState(`2026-01-20T1${slot}:00Z`, { state, ver }))
        const last = new Map(told.map(state => [state.slot, state]))
        const kept = told.filter(state => last.get(state.slot) === state || chance.next().value % 3 > 0)
        const doubled = [...kept, ...kept].map(state => [chance.next().value, state] as const)
        const model = modelOf([])
        for (const [, state] of doubled.sort(([one], [other]) => one - other)) model.applySlots([state], 0)
        const fresh = modelOf([...last.values()])
        t.strictSame(new Map([...model.snapshot().slots].sort()), new Map([...fresh.snapshot().slots].sort()))
      }),
      { numRuns: 50 }
    )
  }
)

t.test('a snapshot also says what is no more; a change that came while it was read says more', async t => {
  const model = modelOf([slotState(nine), slotState(ten)])
  model.asking()
  model.applySlots([slotState('2026-01-20T11:00Z', { ver: 9, state: 'locked' })], 0)
  model.applySnapshot(snapshot([slotState(nine, { ver: 2 })]), 5)
  t.strictSame(shown(model), { '09:00': 'free', '11:00': 'locked' })
})

t.test(
  'a push is about the whole calendar: days that are not shown are left out, by its own time zone',
  async t => {
    const model = modelOf([], 'America/New_York')
    const at = (start: string) => model.applySlots([slotState(start)], 0).size
    t.equal(at('2026-01-20T04:59Z'), 0, 'the evening of the 19th there')
    t.equal(at('2026-01-20T05:00Z'), 1, 'midnight')
    t.equal(at('2026-01-22T04:59Z'), 1, 'the last minute of the 21st')
    t.equal(at('2026-01-22T05:00Z'), 0)
  }
)

t.test('other days: what is known of them stays, the rest goes', async t => {
  const model = modelOf([slotState(nine), slotState('2026-01-21T09:00Z')])
  model.setRange('2026-01-21', '2026-01-25')
  t.strictSame([...model.snapshot().slots.keys()], ['dr-lee/2026-01-21T09:00Z'])
  t.match(model.snapshot(), { state: 'loading', from: '2026-01-21', to: '2026-01-25' })
})

t.test('a hover: the greatest seq of a viewer counts, null ends it, and so does its time', async t => {
  const model = modelOf([])
  const hover = (seq: number, slot: string | null, expiresInMs = 10_000) =>
    model.applySelections([{ viewer: 'ann', slot, seq, expiresInMs }], 0)
  hover(2, `dr-lee/${nine}`)
  t.match(model.snapshot().selections.get('ann'), { slot: `dr-lee/${nine}`, endsAt: 10_000 })
  t.equal(hover(1, `dr-lee/${ten}`).size, 0)
  t.same(hover(3, null), new Set(['ann']))
  t.equal(model.snapshot().selections.size, 0)
  t.equal(hover(2, `dr-lee/${nine}`).size, 0, 'nor does it come back')
  hover(4, `dr-lee/${ten}`, 500)
  t.equal(model.nextSelectionEnd(), 500)
  t.same(model.endSelections(500), new Set(['ann']))
  t.equal(model.snapshot().selections.size, 0)
})

t.test(
  'the same version counted anew is news only where the old count was wrong: a machine that slept',
  async t => {
    const locked = { state: 'locked', by: 'ann' } as const
    const model = modelOf([slotState(nine, { ...locked, expiresInMs: 60_000 })])
    t.equal(model.applySlots([slotState(nine, { ...locked, expiresInMs: 59_900 })], 50).size, 0)
    t.equal(model.applySlots([slotState(nine, { ...locked, expiresInMs: 20_000 })], 50).size, 1)
    t.equal(model.snapshot().slots.get(`dr-lee/${nine}`)?.endsAt, 20_050)
  }
)

t.test('what was never read is loading, however often the connection is lost', async t => {
  const model = new CalendarModel('demo', '2026-01-20', '2026-01-21')
  model.setState('stale')
  t.equal(model.snapshot().state, 'loading')
  model.asking()
  model.applySnapshot(snapshot([]), 0)
  model.setState('stale')
  t.equal(model.snapshot().state, 'stale')
})
