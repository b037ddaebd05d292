import { resourceOf, startOf } from './grid.js'
import type {
  Customer,
  Effect,
  Hold,
  LostReason,
  Notice,
  PickerEvent,
  PickerSettings,
  PickerState,
  Reduced,
  Refused
} from './picker-types.js'

/**
 * What a visitor is doing, and what is to happen next. Pure: `reduce` answers the new state and what to do about it.
 *
 * A visitor CHOOSES in the grid. A press on a free slot asks the server for a lock at once; while one is held, a press
 * on its neighbour makes it longer, on its end makes it shorter, and elsewhere exchanges it, in one step of the server's,
 * so that a refusal leaves what one has. From there it goes to the DETAILS, and with a name to BOOKED.
 *
 * One request is under way at a time; a press meanwhile waits, and only the last one, for that is what the visitor
 * wants by then.
 *
 * A hold may end at any moment, and not only by the visitor: its time is over, staff take it back, another tab gives it
 * back or books it. Wherever the visitor is, that leads back to CHOOSING and is said in words, with the way back
 * where there is one. What was typed stays typed.
 *
 * What somebody else holds can be wished for. When it becomes free that is said, with a button that takes it.
 */

export const initial: PickerState = {
  stage: 'choosing',
  hold: undefined,
  elsewhere: undefined,
  request: undefined,
  next: undefined,
  wish: undefined,
  returnTo: undefined,
  notice: undefined,
  booking: undefined,
  refusedFields: []
}

export function reduce(state: PickerState, event: PickerEvent, settings: PickerSettings): Reduced {
  switch (event.type) {
    case 'press':
      return press(state, event, settings)
    case 'locked':
      return answered(
        {
          ...state,
          stage: state.returnTo ?? state.stage,
          hold: event.lock,
          wish: undefined,
          returnTo: undefined,
          notice: undefined
        },
        [
          { do: 'tell', event: 'held', hold: event.lock },
          ...(state.returnTo === undefined ? [] : [{ do: 'focus', on: 'form' } as const])
        ],
        settings
      )
    case 'extended':
      return answered(
        { ...state, hold: event.lock, notice: undefined },
        [
          { do: 'tell', event: 'extended', hold: event.lock },
          { do: 'focus', on: 'rest' }
        ],
        settings
      )
    case 'released':
      return answered(
        { ...state, hold: undefined, stage: 'choosing' },
        state.hold === undefined
          ? []
          : [
              { do: 'tell', event: 'released', hold: state.hold },
              { do: 'focus', on: 'grid' }
            ],
        settings
      )
    case 'booked':
      return {
        state: { ...initial, stage: 'booked', booking: event.booking },
        effects: [
          { do: 'tell', event: 'booked', booking: event.booking },
          { do: 'focus', on: 'confirmation' }
        ]
      }
    case 'refused':
      return refused(state, event.error, settings)
    case 'lock':
      return lockChanged(state, event)
    case 'locks':
      return reconciled(state, event.locks)
    case 'timeUp':
      // A request that is under way decides: a booking goes through if nobody else was quicker.
      return state.hold === undefined || state.request !== undefined
        ? same(state)
        : lost(state, state.hold, 'expired')
    case 'lastMinute':
      return same(state.hold === undefined ? state : { ...state, notice: { kind: 'lastMinute' } })
    case 'free':
      if (state.wish === undefined || state.request !== undefined) return same(state)
      return {
        state: { ...state, notice: { kind: 'freed', slots: state.wish } },
        effects: []
      }
    case 'extend':
      if (state.hold === undefined || state.request !== undefined) return same(state)
      return {
        state: { ...state, request: { kind: 'extend' } },
        effects: [{ do: 'extend', lock: state.hold.id }]
      }
    case 'release':
      if (state.hold === undefined || state.request !== undefined) return same(state)
      return {
        state: { ...state, request: { kind: 'release' }, notice: undefined },
        effects: [{ do: 'release', lock: state.hold.id }]
      }
    case 'continue':
      if (state.hold === undefined || state.request !== undefined) return same(state)
      return {
        state: { ...state, stage: 'details', wish: undefined, notice: lastMinuteOnly(state.notice) },
        effects: [{ do: 'focus', on: 'form' }]
      }
    case 'back':
      if (state.request?.kind === 'book') return same(state)
      return {
        state: { ...state, stage: 'choosing', refusedFields: [] },
        effects: [{ do: 'focus', on: 'grid' }]
      }
    case 'again':
      return { state: initial, effects: [{ do: 'look' }, { do: 'focus', on: 'grid' }] }
    case 'dismiss':
      return {
        state: { ...state, notice: undefined, wish: undefined, returnTo: undefined },
        effects: [{ do: 'focus', on: 'rest' }]
      }
    case 'act':
      return act(state)
    case 'submit':
      if (state.hold === undefined || state.request !== undefined) return same(state)
      return book(state, state.hold, event.customer)
    default:
      return event satisfies never
  }
}

const same = (state: PickerState): Reduced => ({ state, effects: [] })

const lastMinuteOnly = (notice: Notice | undefined): Notice | undefined =>
  notice?.kind === 'lastMinute' ? notice : undefined

function press(
  state: PickerState,
  { slot, look, until }: Extract<PickerEvent, { type: 'press' }>,
  settings: PickerSettings
): Reduced {
  if (look === 'locked') {
    return {
      state: { ...state, wish: [slot], notice: { kind: 'taken', slots: [slot], until } },
      effects: [{ do: 'tell', event: 'taken', slots: [slot], until }]
    }
  }
  if (look === 'taken') return same(state)
  if (state.request !== undefined) {
    // Who presses again what is being asked for is impatient, and does not want it given back.
    const asked = state.request.kind === 'lock' && state.request.slots.includes(slot)
    return same({ ...state, next: asked ? undefined : slot })
  }
  const wanted = wantedSlots(state.hold?.slots ?? [], slot, settings)
  if (wanted.length === 0) return reduce(state, { type: 'release' }, settings)
  return ask({ ...state, returnTo: undefined }, wanted)
}

function ask(state: PickerState, slots: readonly string[]): Reduced {
  const replaces = state.hold?.id
  return {
    state: { ...state, request: { kind: 'lock', slots, replaces }, notice: undefined, wish: undefined },
    effects: [{ do: 'lock', slots, replaces }]
  }
}

/** What a press on `slot` makes of what is held. Empty: it is given back. */
export function wantedSlots(
  held: readonly string[],
  slot: string,
  { slotsMax, slotMs }: PickerSettings
): string[] {
  const run = [...held].sort((one, other) => startOf(one) - startOf(other))
  const [first, last] = [run[0], run.at(-1)]
  if (first === undefined || last === undefined || resourceOf(first) !== resourceOf(slot)) return [slot]
  const at = run.indexOf(slot)
  if (at >= 0) {
    if (run.length === 1) return []
    if (at === 0) return run.slice(1)
    // In the middle: up to here, for a hold has no holes.
    return at === run.length - 1 ? run.slice(0, -1) : run.slice(0, at + 1)
  }
  if (run.length < slotsMax) {
    if (startOf(slot) === startOf(last) + slotMs) return [...run, slot]
    if (startOf(slot) + slotMs === startOf(first)) return [slot, ...run]
  }
  return [slot]
}

function book(state: PickerState, hold: Hold, customer: Customer): Reduced {
  const unsure = state.notice?.kind === 'unsure' && state.notice.customer !== undefined
  return {
    state: { ...state, request: { kind: 'book', customer, unsure }, refusedFields: [], notice: undefined },
    effects: [{ do: 'book', lock: hold.id, customer }]
  }
}

/** A request has come to its end; what was pressed meanwhile is next. */
function answered(state: PickerState, effects: readonly Effect[], settings: PickerSettings): Reduced {
  const settled = { ...state, request: undefined, next: undefined, refusedFields: [] }
  if (state.next === undefined) return { state: settled, effects }
  const next = press(settled, { type: 'press', slot: state.next, look: 'free' }, settings)
  return { state: next.state, effects: [...effects, ...next.effects] }
}

function refused(state: PickerState, error: Refused, settings: PickerSettings): Reduced {
  const { request } = state
  if (request === undefined) return same(state)
  const settled: PickerState = { ...state, request: undefined, next: undefined }
  // Whoever pressed another time meanwhile does not want this one any more.
  if (request.kind === 'lock' && state.next !== undefined) return answered(state, [], settings)
  const said = (notice: Notice, ...effects: Effect[]): Reduced => ({ state: { ...settled, notice }, effects })
  // What the first sending of a booking came to is still not known.
  const unsure: Notice | undefined =
    request.kind === 'book' && request.unsure ? { kind: 'unsure', customer: request.customer } : undefined
  switch (error.code) {
    case 'SLOT_UNAVAILABLE': {
      if (request.kind === 'book') return lost(settled, state.hold, 'expired')
      const conflicts = error.conflicts ?? []
      // Held by this visitor already, in another tab: then that is the hold.
      if (conflicts.some(({ mine }) => mine)) return { state: settled, effects: [{ do: 'look' }] }
      const slots = conflicts.map(({ slot }) => slot)
      const wanted = request.kind === 'lock' ? request.slots : slots
      if (conflicts.some(({ state }) => state !== 'locked')) {
        return said({ kind: 'gone', slots: slots.length > 0 ? slots : wanted })
      }
      const until = Math.max(...conflicts.map(({ expiresAt }) => expiresAt ?? 0)) || undefined
      const result = said(
        { kind: 'taken', slots: slots.length > 0 ? slots : wanted, until },
        { do: 'tell', event: 'taken', slots, until }
      )
      return { ...result, state: { ...result.state, wish: wanted } }
    }
    case 'LOCK_EXPIRED':
    case 'LOCK_NOT_FOUND':
      // What was to be exchanged is over, and the visitor wants something else anyway.
      if (request.kind === 'lock') return ask({ ...settled, hold: undefined }, request.slots)
      if (request.kind === 'release') return reduce(state, { type: 'released' }, settings)
      return lost(settled, state.hold, 'expired')
    case 'LIMIT_EXCEEDED':
      return said({ kind: request.kind === 'extend' ? 'noLonger' : 'tooMany' })
    case 'RATE_LIMITED':
    case 'BUSY':
      return said(unsure ?? { kind: 'tooFast' })
    case 'STORE_UNAVAILABLE':
    case 'UNREACHABLE':
      return said(unsure ?? { kind: 'unavailable' })
    case 'OUTCOME_UNKNOWN':
      return said(
        { kind: 'unsure', customer: request.kind === 'book' ? request.customer : undefined },
        { do: 'look' }
      )
    case 'INVALID_REQUEST':
      if (request.kind === 'book' && error.fields !== undefined && error.fields.length > 0) {
        return {
          state: { ...settled, refusedFields: error.fields },
          effects: [{ do: 'focus', on: 'refusedField' }]
        }
      }
      return said({ kind: 'failed' })
    default:
      return said({ kind: 'failed' })
  }
}

function lost(state: PickerState, hold: Hold | undefined, reason: LostReason, words?: string): Reduced {
  if (hold === undefined) return same(state)
  const { slots } = hold
  const notice: Notice =
    reason === 'revoked' ? { kind: 'revoked', slots, reason: words } : { kind: reason, slots }
  return {
    state: {
      ...state,
      stage: 'choosing',
      hold: undefined,
      request: undefined,
      wish: undefined,
      returnTo: state.stage === 'details' ? 'details' : undefined,
      notice
    },
    effects: [
      { do: 'tell', event: 'lost', hold, reason, words },
      ...(state.stage === 'details' ? [{ do: 'focus', on: 'grid' } as const] : [])
    ]
  }
}

/** The server says that it is over. A booking that had no answer may be why: sent again it is answered with itself. */
function ended(
  state: PickerState,
  hold: Hold,
  reason: Exclude<LostReason, 'released'>,
  words?: string
): Reduced {
  const { notice } = state
  return notice?.kind === 'unsure' && notice.customer !== undefined
    ? book(state, hold, notice.customer)
    : lost(state, hold, reason, words)
}

function lockChanged(state: PickerState, event: Extract<PickerEvent, { type: 'lock' }>): Reduced {
  const { lock } = event
  const ours = state.hold?.id === lock.id
  if (event.state !== 'held' && state.elsewhere?.id === lock.id)
    return same({ ...state, elsewhere: undefined })
  switch (event.state) {
    case 'held':
      // The answer to the own request says the same a moment later, with its effects.
      if (state.request?.kind === 'lock' && !ours) return same(state)
      if (ours) {
        return same({ ...state, hold: lock })
      }
      // A confirmation stays until it was read; what is held elsewhere is looked up then.
      if (state.stage === 'booked') return same(state)
      return state.hold === undefined ? adopted(state, lock) : same({ ...state, elsewhere: lock })
    case 'expired':
      // A booking under way goes through if nobody else was quicker; its answer decides.
      return ours && state.request?.kind !== 'book' ? ended(state, lock, 'expired') : same(state)
    case 'revoked':
      return ours ? ended(state, lock, 'revoked', event.reason) : same(state)
    case 'released': {
      // One that is being given back or exchanged right now is no news.
      if (!ours || state.request?.kind === 'release' || state.request?.kind === 'lock') return same(state)
      const left = lost(state, lock, 'released')
      // Another tab has exchanged it, and the new one was told of before the old one's end.
      if (state.elsewhere === undefined) return left
      const { state: after, effects } = adopted({ ...left.state, notice: state.notice }, state.elsewhere)
      return { state: after, effects: [...left.effects, ...effects] }
    }
    case 'booked':
      return ours && state.request?.kind !== 'book' ? ended(state, lock, 'bookedElsewhere') : same(state)
    default:
      return event.state satisfies never
  }
}

const losses: readonly (Notice['kind'] | undefined)[] = ['expired', 'revoked', 'released', 'bookedElsewhere']

function adopted(state: PickerState, lock: Hold): Reduced {
  return {
    state: {
      ...state,
      stage: 'choosing',
      hold: lock,
      elsewhere: undefined,
      booking: undefined,
      // How the last one was lost is still to be read.
      notice: losses.includes(state.notice?.kind) ? state.notice : undefined,
      wish: undefined
    },
    effects: [{ do: 'tell', event: 'held', hold: lock }]
  }
}

function reconciled(state: PickerState, locks: readonly Hold[]): Reduced {
  if (state.request !== undefined) return same(state)
  const { hold } = state
  const live = hold && locks.find(({ id }) => id === hold.id)
  if (live !== undefined) return same({ ...state, hold: live })
  const newest = locks.at(-1)
  if (newest !== undefined) return state.stage === 'booked' ? same(state) : adopted(state, newest)
  return hold === undefined ? same(state) : ended(state, hold, 'expired')
}

/** The button of the notice. */
function act(state: PickerState): Reduced {
  const { notice } = state
  switch (notice?.kind) {
    case 'freed':
    case 'expired':
      return state.request === undefined ? ask(state, notice.slots) : same(state)
    case 'lastMinute':
      if (state.hold === undefined || state.request !== undefined) return same(state)
      return {
        state: { ...state, request: { kind: 'extend' } },
        effects: [{ do: 'extend', lock: state.hold.id }]
      }
    default:
      return same(state)
  }
}
