import t from 'tap'
import { initial, reduce, wantedSlots } from '../../../src/browser/widget/picker.js'
import type {
  Effect,
  Hold,
  PickerEvent,
  PickerSettings,
  PickerState
} from '../../../src/browser/widget/picker-types.js'
import type { BookingView } from '../../../src/protocol/schemas.js'

const settings: PickerSettings = { slotsMax: 3, slotMs: 1_800_000 }
const at = (time: string, resource = 'lee'): string => `${resource}/2026-12-01T${time}Z`
const [nine, half, ten, halfTen] = ['09:00', '09:30', '10:00', '10:30'].map(time => at(time)) as [
  string,
  string,
  string,
  string
]
const holdOn = (...slots: string[]): Hold => ({
  id: `lock of ${slots.join()}`,
  slots,
  expiresAt: 1_000_000,
  extendableUntil: 9_000_000,
  endsAt: 1_000_000
})
const booking: BookingView = {
  id: 'b',
  calendar: 'demo',
  slots: [nine],
  customer: { name: 'Ann' },
  state: 'booked',
  bookedAt: 0
}

/** One event after the other; what is to be done is that of the last one. */
function after(...events: PickerEvent[]): { state: PickerState; effects: readonly Effect[] } {
  let result: { state: PickerState; effects: readonly Effect[] } = { state: initial, effects: [] }
  for (const event of events) result = reduce(result.state, event, settings)
  return result
}
const press = (slot: string): PickerEvent => ({ type: 'press', slot, look: 'free' })
const held = (...slots: string[]): PickerEvent[] => [
  press(slots[0]!),
  { type: 'locked', lock: holdOn(...slots) }
]
const refusal = (code: string, more: object = {}): PickerEvent =>
  ({ type: 'refused', error: { code, ...more } }) as PickerEvent

t.test('a press on a free slot asks for it, and the answer is the hold', async t => {
  const asked = after(press(nine))
  t.strictSame(asked.effects, [{ do: 'lock', slots: [nine], replaces: undefined }])
  const { state, effects } = after(...held(nine))
  t.match(state, { stage: 'choosing', hold: { slots: [nine] }, request: undefined })
  t.match(effects, [{ do: 'tell', event: 'held' }])
})

t.test(
  'a neighbour makes it longer up to the maximum, an end makes it shorter, elsewhere exchanges it',
  async t => {
    const wanted = (run: string[], slot: string) => wantedSlots(run, slot, settings)
    t.strictSame(wanted([nine], half), [nine, half])
    t.strictSame(wanted([half], nine), [nine, half])
    t.strictSame(wanted([nine, half, ten], halfTen), [halfTen], 'full: this one instead')
    t.strictSame(wanted([nine, half, ten], ten), [nine, half])
    t.strictSame(wanted([nine, half, ten], nine), [half, ten])
    t.strictSame(wanted([nine, half, ten], half), [nine, half], 'a hold has no holes')
    t.strictSame(wanted([nine], ten), [ten])
    t.strictSame(wanted([nine], at('09:30', 'kim')), [at('09:30', 'kim')], 'not of somebody else')
    t.strictSame(wanted([nine], nine), [])
  }
)

t.test('an exchange names the old lock, so that a refusal leaves it', async t => {
  const { effects } = after(...held(nine), press(half))
  t.match(effects, [{ do: 'lock', slots: [nine, half], replaces: holdOn(nine).id }])
  const { state } = after(
    ...held(nine),
    press(half),
    refusal('SLOT_UNAVAILABLE', { conflicts: [{ slot: half, state: 'locked', expiresAt: 5 }] })
  )
  t.match(state, { hold: { slots: [nine] }, notice: { kind: 'taken', slots: [half], until: 5 } })
})

t.test('the only slot pressed again is given back', async t => {
  const { effects } = after(...held(nine), { type: 'press', slot: nine, look: 'mine' })
  t.match(effects, [{ do: 'release', lock: holdOn(nine).id }])
})

t.test('while a request is under way the last press waits and is next', async t => {
  const waiting = after(press(nine), press(ten), press(halfTen))
  t.strictSame(waiting.effects, [])
  const { effects } = after(press(nine), press(ten), press(halfTen), { type: 'locked', lock: holdOn(nine) })
  t.match(effects, [
    { do: 'tell', event: 'held' },
    { do: 'lock', slots: [halfTen], replaces: holdOn(nine).id }
  ])
})

t.test('pressing again what is being asked for does not give it back', async t => {
  t.match(after(press(nine), press(nine), { type: 'locked', lock: holdOn(nine) }), {
    state: { hold: { slots: [nine] }, request: undefined },
    effects: [{ do: 'tell', event: 'held' }]
  })
})

t.test('a press that waits is next also when the one before it is refused', async t => {
  const { state, effects } = after(
    press(nine),
    press(ten),
    refusal('SLOT_UNAVAILABLE', { conflicts: [{ slot: nine, state: 'locked' }] })
  )
  t.match(effects, [{ do: 'lock', slots: [ten] }])
  t.match(state, { notice: undefined, wish: undefined })
})

t.test('what somebody else holds is wished for, and offered when it is free', async t => {
  const wish = after({ type: 'press', slot: nine, look: 'locked', until: 7 })
  t.match(wish.state, { wish: [nine], notice: { kind: 'taken', until: 7 } })
  t.match(wish.effects, [{ do: 'tell', event: 'taken' }], 'without asking the server')
  const events: PickerEvent[] = [
    { type: 'press', slot: nine, look: 'locked', until: 7 },
    { type: 'free', slots: [nine] }
  ]
  t.match(after(...events).state.notice, { kind: 'freed', slots: [nine] })
  t.match(after(...events, { type: 'act' }).effects, [{ do: 'lock', slots: [nine] }])
  t.equal(after(...events, { type: 'dismiss' }).state.wish, undefined)
})

t.test('what is booked or past is not asked for', async t => {
  t.strictSame(after({ type: 'press', slot: nine, look: 'taken' }), { state: initial, effects: [] })
})

t.test('a slot that was lost to somebody is told apart from one that may come back', async t => {
  const conflict = (state: string) =>
    after(press(nine), refusal('SLOT_UNAVAILABLE', { conflicts: [{ slot: nine, state }] })).state
  t.match(conflict('booked'), { notice: { kind: 'gone' }, wish: undefined })
  t.match(conflict('locked'), { notice: { kind: 'taken', until: undefined }, wish: [nine] })
})

t.test('what this visitor holds in another tab is looked up rather than refused', async t => {
  const { effects } = after(
    press(nine),
    refusal('SLOT_UNAVAILABLE', { conflicts: [{ slot: nine, state: 'locked', mine: true }] })
  )
  t.strictSame(effects, [{ do: 'look' }])
})

t.test('every refusal ends the waiting and says something', async t => {
  for (const code of [
    'LIMIT_EXCEEDED',
    'RATE_LIMITED',
    'BUSY',
    'STORE_UNAVAILABLE',
    'UNREACHABLE',
    'FORBIDDEN',
    'INTERNAL',
    'OUTCOME_UNKNOWN',
    'INVALID_REQUEST'
  ]) {
    const { state } = after(press(nine), refusal(code))
    t.equal(state.request, undefined, code)
    t.ok(state.notice, code)
  }
})

t.test('an exchange whose old lock is over is asked for without it', async t => {
  const { effects } = after(...held(nine), press(ten), refusal('LOCK_EXPIRED'))
  t.match(effects, [{ do: 'lock', slots: [ten], replaces: undefined }])
})

t.test('the details are left when the hold ends, and found again with a new one', async t => {
  const lost = after(
    ...held(nine),
    { type: 'continue' },
    { type: 'lock', lock: holdOn(nine), state: 'expired' }
  )
  t.match(lost.state, { stage: 'choosing', hold: undefined, notice: { kind: 'expired', slots: [nine] } })
  t.match(lost.effects, [
    { do: 'tell', event: 'lost', reason: 'expired' },
    { do: 'focus', on: 'grid' }
  ])
  const again = after(
    ...held(nine),
    { type: 'continue' },
    { type: 'lock', lock: holdOn(nine), state: 'expired' },
    { type: 'act' },
    { type: 'locked', lock: holdOn(nine) }
  )
  t.match(again.state, { stage: 'details', hold: { slots: [nine] } })
})

t.test('staff who take a hold back are quoted', async t => {
  const { state, effects } = after(...held(nine), {
    type: 'lock',
    lock: holdOn(nine),
    state: 'revoked',
    reason: 'Dr. Lee is ill'
  })
  t.match(state.notice, { kind: 'revoked', reason: 'Dr. Lee is ill' })
  t.match(effects, [{ do: 'tell', event: 'lost', words: 'Dr. Lee is ill' }])
})

t.test('the end of a lock that is not this one is nobody’s loss', async t => {
  const { state } = after(...held(nine), { type: 'lock', lock: holdOn(ten), state: 'expired' })
  t.match(state, { hold: { slots: [nine] }, notice: undefined })
})

t.test('the own exchange ends the old lock, and that is no news', async t => {
  const { state } = after(...held(nine), press(ten), { type: 'lock', lock: holdOn(nine), state: 'released' })
  t.match(state, { hold: { slots: [nine] }, request: { kind: 'lock' }, notice: undefined })
})

t.test('another tab’s hold is shown here too, and so is its end', async t => {
  const other: PickerEvent = { type: 'lock', lock: holdOn(ten), state: 'held' }
  t.match(after(other).state.hold, { slots: [ten] })
  t.match(after(other, { type: 'lock', lock: holdOn(ten), state: 'released' }).state, {
    hold: undefined,
    notice: { kind: 'released', slots: [ten] }
  })
  t.match(after(other, { type: 'lock', lock: holdOn(ten), state: 'booked' }).state.notice, {
    kind: 'bookedElsewhere'
  })
})

t.test('an exchange in another tab is followed, whichever of its two messages is first', async t => {
  const [granted, freed]: PickerEvent[] = [
    { type: 'lock', lock: holdOn(ten), state: 'held' },
    { type: 'lock', lock: holdOn(nine), state: 'released' }
  ]
  for (const events of [
    [granted!, freed!],
    [freed!, granted!]
  ]) {
    const { state } = after(...held(nine), ...events)
    t.match(state, { hold: { slots: [ten] }, elsewhere: undefined, stage: 'choosing' })
  }
  t.match(after(...held(nine), { type: 'continue' }, granted!, freed!).effects, [
    { do: 'tell', event: 'lost', reason: 'released' },
    { do: 'focus', on: 'grid' },
    { do: 'tell', event: 'held', hold: { slots: [ten] } }
  ])
  const over: PickerEvent = { type: 'lock', lock: holdOn(ten), state: 'expired' }
  t.equal(
    after(...held(nine), granted!, over, freed!).state.hold,
    undefined,
    'what ended meanwhile is not taken up'
  )
})

t.test('how a hold was lost stays to be read when another one is taken up', async t => {
  const revoked: PickerEvent = { type: 'lock', lock: holdOn(nine), state: 'revoked', reason: 'ill' }
  t.match(after(...held(nine), revoked, { type: 'locks', locks: [holdOn(ten)] }).state, {
    hold: { slots: [ten] },
    notice: { kind: 'revoked', reason: 'ill' }
  })
})

t.test('after a reload the newest live lock is the hold', async t => {
  t.match(after({ type: 'locks', locks: [holdOn(nine), holdOn(ten)] }).state.hold, { slots: [ten] })
  const kept = after(...held(nine), { type: 'locks', locks: [{ ...holdOn(nine), expiresAt: 77 }] })
  t.equal(kept.state.hold?.expiresAt, 77)
  t.match(after(...held(nine), { type: 'locks', locks: [] }).state, {
    hold: undefined,
    notice: { kind: 'expired' }
  })
})

t.test('in the last minute more time is offered, once it is given the offer is gone', async t => {
  const warned: PickerEvent[] = [...held(nine), { type: 'lastMinute' }]
  t.match(after(...warned).state.notice, { kind: 'lastMinute' })
  t.match(after(...warned, { type: 'act' }).effects, [{ do: 'extend', lock: holdOn(nine).id }])
  t.equal(after(...warned, { type: 'act' }, { type: 'extended', lock: holdOn(nine) }).state.notice, undefined)
  t.match(after(...warned, { type: 'act' }, refusal('LIMIT_EXCEEDED')).state.notice, { kind: 'noLonger' })
})

t.test('a name books, and what is typed wrong is said at its field', async t => {
  const filled: PickerEvent[] = [
    ...held(nine),
    { type: 'continue' },
    { type: 'submit', customer: { name: 'Ann' } }
  ]
  t.match(after(...filled).effects, [{ do: 'book', customer: { name: 'Ann' } }])
  t.match(after(...filled, { type: 'booked', booking }).state, { stage: 'booked', hold: undefined, booking })
  t.match(after(...filled, refusal('INVALID_REQUEST', { fields: ['customer.email'] })), {
    state: { stage: 'details', refusedFields: ['customer.email'] },
    effects: [{ do: 'focus', on: 'refusedField' }]
  })
  t.match(after(...filled, refusal('STORE_UNAVAILABLE')).state, {
    stage: 'details',
    notice: { kind: 'unavailable' }
  })
  t.match(after(...filled, refusal('SLOT_UNAVAILABLE')).state, {
    stage: 'choosing',
    notice: { kind: 'expired' }
  })
})

t.test('a booking that is under way when the time is up decides by itself', async t => {
  const filled: PickerEvent[] = [
    ...held(nine),
    { type: 'continue' },
    { type: 'submit', customer: { name: 'Ann' } }
  ]
  t.match(after(...filled, { type: 'timeUp' }).state, { stage: 'details', request: { kind: 'book' } })
  const over: PickerEvent = { type: 'lock', lock: holdOn(nine), state: 'expired' }
  t.match(after(...filled, over).state, { stage: 'details', request: { kind: 'book' } })
  t.match(after(...filled, over, { type: 'booked', booking }).state, { stage: 'booked' })
  t.match(after(...filled, over, refusal('SLOT_UNAVAILABLE')).state.notice, { kind: 'expired' })
  t.match(after(...held(nine), { type: 'timeUp' }).state, { hold: undefined, notice: { kind: 'expired' } })
})

t.test('a confirmation stays until it was read, and then what another tab holds is looked up', async t => {
  const confirmed: PickerEvent[] = [
    ...held(nine),
    { type: 'continue' },
    { type: 'submit', customer: { name: 'Ann' } },
    { type: 'booked', booking }
  ]
  t.match(after(...confirmed, { type: 'lock', lock: holdOn(ten), state: 'held' }).state, {
    stage: 'booked',
    booking
  })
  t.match(after(...confirmed, { type: 'again' }).effects, [{ do: 'look' }, { do: 'focus', on: 'grid' }])
})

t.test(
  'a booking without an answer is asked for again once its lock is over, and not said to be lost',
  async t => {
    const unsure: PickerEvent[] = [
      ...held(nine),
      { type: 'continue' },
      { type: 'submit', customer: { name: 'Ann' } },
      refusal('OUTCOME_UNKNOWN')
    ]
    const again = [{ do: 'book', lock: holdOn(nine).id, customer: { name: 'Ann' } }]
    const ends: PickerEvent[] = [
      { type: 'lock', lock: holdOn(nine), state: 'booked' },
      { type: 'lock', lock: holdOn(nine), state: 'revoked' },
      { type: 'locks', locks: [] }
    ]
    for (const end of ends) {
      t.match(after(...unsure, end).effects, again)
      t.match(after(...unsure, end, { type: 'booked', booking }).state, { stage: 'booked', booking })
      t.match(after(...unsure, end, refusal('LOCK_EXPIRED')).state, {
        stage: 'choosing',
        notice: { kind: 'expired' }
      })
    }
    t.match(
      after(...unsure, { type: 'submit', customer: { name: 'Ann' } }, refusal('UNREACHABLE')).state.notice,
      { kind: 'unsure' },
      'that nothing was booked nobody knows'
    )
  }
)

t.test('while something is under way no button does a second thing', async t => {
  const releasing: PickerEvent[] = [...held(nine), { type: 'release' }]
  t.match(after(...releasing, { type: 'continue' }), { state: { stage: 'choosing' }, effects: [] })
  const booking: PickerEvent[] = [
    ...held(nine),
    { type: 'continue' },
    { type: 'submit', customer: { name: 'Ann' } }
  ]
  t.match(after(...booking, { type: 'back' }), { state: { stage: 'details' }, effects: [] })
  t.match(after(...booking, { type: 'submit', customer: { name: 'Ann' } }).effects, [])
})
