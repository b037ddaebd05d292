import t from 'tap'
import {
  able,
  type BoardEvent,
  type BoardState,
  initial,
  keyed,
  reduce,
  type Shown
} from '../../../src/browser/board/board.js'
import type { Cell } from '../../../src/browser/board/grid-model.js'

const states: Cell['state'][][] = [
  ['free', 'free', 'locked', 'none'],
  ['free', 'blocked', 'locked', 'booked']
]
const cells = states.map((row, r) =>
  row.map(
    (state, c): Cell => ({
      slot: `room-${r}/${c}`,
      resource: `room-${r}`,
      start: c,
      state,
      looking: 0,
      ...(state === 'locked' ? { lock: { id: `lock-${c}` } as NonNullable<Cell['lock']> } : {})
    })
  )
)
const shown: Shown = {
  rows: 2,
  columns: 4,
  cell: ({ row, column }) => cells[row]?.[column],
  find: slot => cells.flat().find(cell => cell.slot === slot)
}
const watching: BoardState = { ...initial, stage: 'watching' }

const after = (...events: BoardEvent[]) =>
  events.reduce((last, event) => reduce(last.state, event, shown), reduce(watching, { type: 'clear' }, shown))
const choose = (row: number, column: number, how: 'one' | 'toggle' | 'range'): BoardEvent => ({
  type: 'choose',
  at: { row, column },
  how
})

t.test('cells are selected like those of a spreadsheet: alone, one by one, and as a rectangle', async t => {
  const selected = (...events: BoardEvent[]): string[] => [...after(...events).state.selected].sort()
  t.strictSame(selected(choose(0, 0, 'one'), choose(1, 1, 'one')), ['room-1/1'])
  t.strictSame(selected(choose(0, 0, 'one'), choose(1, 1, 'toggle')), ['room-0/0', 'room-1/1'])
  t.strictSame(selected(choose(0, 0, 'one'), choose(1, 1, 'toggle'), choose(0, 0, 'toggle')), ['room-1/1'])
  t.strictSame(selected(choose(1, 1, 'one'), choose(0, 0, 'range')), [
    'room-0/0',
    'room-0/1',
    'room-1/0',
    'room-1/1'
  ])
  t.strictSame(
    selected(choose(0, 2, 'one'), choose(0, 9, 'range')),
    ['room-0/2'],
    'what is not open cannot be selected'
  )
  t.strictSame(selected(choose(0, 0, 'one'), { type: 'clear' }), [])
  const walked: BoardEvent = { type: 'move', at: { row: 1, column: 1 } }
  t.strictSame(
    selected(choose(0, 0, 'one'), walked, choose(1, 0, 'range')),
    ['room-1/0', 'room-1/1'],
    'a range begins where the cursor was'
  )
})

t.test('what can be done follows from what the slots are now, not from what they were', async t => {
  const { state } = after(choose(0, 0, 'one'), choose(1, 3, 'range'))
  t.strictSame(able(state, shown), {
    close: ['room-0/0', 'room-0/1', 'room-1/0'],
    open: ['room-1/1'],
    free: ['lock-2']
  })
  const taken: Shown = {
    ...shown,
    find: slot => ({ ...shown.find(slot)!, state: 'booked', lock: undefined })
  }
  t.strictSame(able(state, taken), { close: [], open: [], free: [] })
})

t.test('freeing asks first, is sent once, and is told in words', async t => {
  const asked = after(choose(0, 2, 'one'), { type: 'askFree', locks: ['lock-2'] })
  t.strictSame(asked.effects, [], 'nothing is done yet')
  t.strictSame(asked.state.freeing, ['lock-2'])
  t.match(reduce(asked.state, { type: 'dontFree' }, shown), {
    state: { freeing: undefined },
    effects: [{ do: 'focus', on: 'grid' }]
  })
  const sent = reduce(asked.state, { type: 'free', reason: '  ill ' }, shown)
  t.strictSame(sent.effects, [{ do: 'free', locks: ['lock-2'], reason: 'ill' }])
  t.strictSame(reduce(sent.state, { type: 'free', reason: 'ill' }, shown).effects, [], 'not twice')
  const late = reduce(sent.state, { type: 'dontFree' }, shown)
  t.strictSame(late, { state: sent.state, effects: [] }, 'what was sent cannot be called back')
  const done = reduce(sent.state, { type: 'done', notice: { kind: 'freed', count: 1, gone: 0 } }, shown)
  t.match(done.state, { busy: false, freeing: undefined, notice: { kind: 'freed' } })
  t.equal(done.state.selected.size, 0)
  const failed = reduce(sent.state, { type: 'done', notice: { kind: 'failed', code: 'BUSY' } }, shown)
  t.equal(failed.state.selected.size, 1, 'what failed can be tried again')
  t.strictSame(after({ type: 'askFree', locks: [] }).state.freeing, undefined, 'there is nothing to free')
})

t.test('closing and opening send what can be closed or opened, and one request at a time', async t => {
  const chosen = after(choose(0, 0, 'one'), choose(1, 3, 'range')).state
  const sent = reduce(chosen, { type: 'close' }, shown)
  t.strictSame(sent.effects, [{ do: 'close', slots: ['room-0/0', 'room-0/1', 'room-1/0'] }])
  t.strictSame(reduce(sent.state, { type: 'open' }, shown).effects, [])
  const asked = reduce(sent.state, { type: 'askFree', locks: ['lock-2'] }, shown)
  t.equal(asked.state.freeing, undefined, 'nothing else is begun meanwhile')
  t.strictSame(reduce(chosen, { type: 'open' }, shown).effects, [{ do: 'open', slots: ['room-1/1'] }])
  t.strictSame(after(choose(1, 3, 'one'), { type: 'close' }).effects, [], 'a booked slot cannot be closed')
})

t.test('a token is tried before anything is shown, and why it failed is said', async t => {
  t.match(reduce(initial, { type: 'signIn', token: '  ' }, shown), {
    state: { stage: 'signedOut', problem: 'empty' }
  })
  const trying = reduce(initial, { type: 'signIn', token: ' abc ' }, shown)
  t.match(trying, { state: { stage: 'signingIn' }, effects: [{ do: 'signIn', token: 'abc' }] })
  t.match(reduce(trying.state, { type: 'signedIn' }, shown).state, { stage: 'watching', problem: undefined })
  const ended = reduce(after(choose(0, 0, 'one')).state, { type: 'signedOut', problem: 'expired' }, shown)
  t.match(ended, {
    state: { stage: 'signedOut', problem: 'expired' },
    effects: [
      { do: 'signOut', everywhere: false },
      { do: 'focus', on: 'token' }
    ]
  })
  t.equal(ended.state.selected.size, 0)
})

t.test('another day keeps the cursor inside and forgets what is not there any more', async t => {
  const { state } = after(choose(1, 3, 'one'))
  const smaller = reduce(
    state,
    { type: 'shown' },
    { ...shown, rows: 1, columns: 2, find: () => undefined }
  ).state
  t.strictSame(smaller.at, { row: 0, column: 1 })
  t.equal(smaller.selected.size, 0)
  t.equal(
    reduce(state, { type: 'shown' }, shown).state.selected.size,
    1,
    'what is still there stays selected'
  )
  const none = reduce(state, { type: 'shown' }, { ...shown, rows: 0, columns: 0 }).state
  t.strictSame(none.at, { row: 0, column: 0 })
})

t.test('keys move by the grid pattern, in the direction of reading, and never out of it', async t => {
  const at = { row: 0, column: 1 }
  const go = (key: string, more: { control?: boolean; rtl?: boolean } = {}) =>
    keyed(at, { key, control: false, rtl: false, ...more }, shown)
  t.strictSame(go('ArrowRight'), { row: 0, column: 2 })
  t.strictSame(go('ArrowRight', { rtl: true }), { row: 0, column: 0 })
  t.strictSame(go('ArrowLeft'), { row: 0, column: 0 })
  t.strictSame(go('ArrowUp'), at)
  t.strictSame(go('ArrowDown'), { row: 1, column: 1 })
  t.strictSame(go('PageDown'), { row: 1, column: 1 })
  t.strictSame(go('Home'), { row: 0, column: 0 })
  t.strictSame(go('End'), { row: 0, column: 3 })
  t.strictSame(go('End', { control: true }), { row: 1, column: 3 })
  t.strictSame(go('Home', { control: true }), { row: 0, column: 0 })
  t.equal(go('a'), undefined)
})
