import type { Cell } from './grid-model.js'

/**
 * What a member of staff is doing, and what is to happen next. Pure: `reduce` answers the new state and what to do.
 *
 * SIGNED_OUT shows the form, with a word about why. SIGNING_IN: a token is being tried. It leads to WATCHING when the
 * server says that the token is one of staff, and back with the reason when not; a sign-in whose time is over, or which
 * was taken back, leads there from WATCHING too.
 *
 * While WATCHING, cells are selected like those of a spreadsheet, and what can be done follows from what is selected:
 * free slots can be closed, closed ones opened, and holds freed, which asks for a reason first. One request is under way
 * at a time. Whatever comes of it is said in words.
 */

export type SignInProblem =
  | 'notOurs'
  | 'expired'
  | 'notStaff'
  | 'ended'
  | 'unreachable'
  | 'empty'
  /** Signed out here, and the server could not be told. */
  | 'onlyHere'

export interface Place {
  readonly row: number
  readonly column: number
}

export type Notice =
  | { readonly kind: 'freed'; readonly count: number; readonly gone: number }
  | { readonly kind: 'closed' | 'opened'; readonly count: number; readonly left: number }
  | { readonly kind: 'failed'; readonly code: string }

export interface BoardState {
  readonly stage: 'signedOut' | 'signingIn' | 'watching'
  readonly problem: SignInProblem | undefined
  readonly at: Place
  readonly anchor: Place
  readonly selected: ReadonlySet<string>
  /** Ids of the locks that are about to be freed. */
  readonly freeing: readonly string[] | undefined
  readonly busy: boolean
  readonly notice: Notice | undefined
}

export const initial: BoardState = {
  stage: 'signedOut',
  problem: undefined,
  at: { row: 0, column: 0 },
  anchor: { row: 0, column: 0 },
  selected: new Set(),
  freeing: undefined,
  busy: false,
  notice: undefined
}

export type BoardEvent =
  | { type: 'signIn'; token: string }
  | { type: 'signedIn' }
  | { type: 'signedOut'; problem?: SignInProblem }
  /** Of the sign-out the server was not told. */
  | { type: 'notTold' }
  /** `how`: one: this alone; toggle: this too, or no longer; range: all from where the last one was chosen. */
  | { type: 'choose'; at: Place; how: 'one' | 'toggle' | 'range' }
  /** Only the cursor moves. */
  | { type: 'move'; at: Place }
  | { type: 'clear' }
  | { type: 'askFree'; locks: readonly string[] }
  | { type: 'dontFree' }
  | { type: 'free'; reason: string }
  | { type: 'close' | 'open' }
  | { type: 'done'; notice: Notice }
  | { type: 'dismiss' }
  /** Other rows or columns are shown. */
  | { type: 'shown' }

export type Effect =
  | { do: 'signIn'; token: string }
  /** `everywhere`: the person wants it so, and the server is to be told. */
  | { do: 'signOut'; everywhere: boolean }
  | { do: 'free'; locks: readonly string[]; reason: string }
  | { do: 'close' | 'open'; slots: readonly string[] }
  | { do: 'focus'; on: 'grid' | 'token' }

/** What is on the screen: a rectangle of cells. */
export interface Shown {
  readonly rows: number
  readonly columns: number
  cell(place: Place): Cell | undefined
  /** Also where it has been scrolled or filtered away. */
  find(slot: string): Cell | undefined
}

type Reduced = { state: BoardState; effects: readonly Effect[] }
const to = (state: BoardState, ...effects: Effect[]): Reduced => ({ state, effects })

export function reduce(state: BoardState, event: BoardEvent, shown: Shown): Reduced {
  switch (event.type) {
    case 'signIn': {
      const token = event.token.trim()
      if (token === '') return to({ ...state, problem: 'empty' }, { do: 'focus', on: 'token' })
      return to({ ...initial, stage: 'signingIn' }, { do: 'signIn', token })
    }
    case 'signedIn':
      return to({ ...initial, stage: 'watching' })
    case 'signedOut':
      return to(
        { ...initial, problem: event.problem },
        { do: 'signOut', everywhere: event.problem === undefined && state.stage === 'watching' },
        { do: 'focus', on: 'token' }
      )
    case 'notTold':
      // who has begun to sign in again is not held up
      return to(state.stage === 'signedOut' ? { ...state, problem: 'onlyHere' } : state)
    case 'move':
      return to({ ...state, at: inside(event.at, shown), anchor: inside(event.at, shown) })
    case 'choose':
      return to(choose(state, inside(event.at, shown), event.how, shown))
    case 'clear':
      return to({ ...state, selected: new Set(), anchor: state.at })
    case 'askFree':
      if (event.locks.length === 0 || state.busy) return to(state)
      return to({ ...state, freeing: event.locks, notice: undefined })
    case 'dontFree':
      // what was sent cannot be called back
      if (state.busy) return to(state)
      return to({ ...state, freeing: undefined }, { do: 'focus', on: 'grid' })
    case 'free':
      if (state.freeing === undefined || state.busy) return to(state)
      return to({ ...state, busy: true }, { do: 'free', locks: state.freeing, reason: event.reason.trim() })
    case 'close':
    case 'open': {
      const slots = able(state, shown)[event.type]
      if (slots.length === 0 || state.busy) return to(state)
      return to({ ...state, busy: true, notice: undefined }, { do: event.type, slots })
    }
    case 'done':
      return to(
        {
          ...state,
          busy: false,
          freeing: undefined,
          notice: event.notice,
          selected: event.notice.kind === 'failed' ? state.selected : new Set()
        },
        { do: 'focus', on: 'grid' }
      )
    case 'dismiss':
      return to({ ...state, notice: undefined })
    case 'shown':
      return to({
        ...state,
        at: inside(state.at, shown),
        anchor: inside(state.anchor, shown),
        selected: new Set([...state.selected].filter(slot => shown.find(slot) !== undefined))
      })
    default:
      return event satisfies never
  }
}

function choose(state: BoardState, at: Place, how: 'one' | 'toggle' | 'range', shown: Shown): BoardState {
  const slot = slotAt(at, shown)
  switch (how) {
    case 'one':
      return {
        ...state,
        at,
        anchor: at,
        selected: new Set(slot === undefined ? [] : [slot]),
        notice: undefined
      }
    case 'toggle': {
      const selected = new Set(state.selected)
      if (slot !== undefined && !selected.delete(slot)) selected.add(slot)
      return { ...state, at, anchor: at, selected, notice: undefined }
    }
    case 'range': {
      const selected = new Set<string>()
      const [rows, columns] = [span(state.anchor.row, at.row), span(state.anchor.column, at.column)]
      for (const row of rows)
        for (const column of columns) {
          const inside = slotAt({ row, column }, shown)
          if (inside !== undefined) selected.add(inside)
        }
      return { ...state, at, selected, notice: undefined }
    }
    default:
      return how satisfies never
  }
}

/** What can be done with what is selected, as it is now. */
export function able(
  { selected }: Pick<BoardState, 'selected'>,
  shown: Shown
): { close: string[]; open: string[]; free: string[] } {
  const cells = [...selected].flatMap(slot => shown.find(slot) ?? [])
  const slots = (state: Cell['state']): string[] =>
    cells.filter(cell => cell.state === state).map(({ slot }) => slot)
  const locks = new Set(cells.flatMap(({ lock }) => lock?.id ?? []))
  return { close: slots('free'), open: slots('blocked'), free: [...locks] }
}

/** Where a key leads from here, by the grid pattern; undefined: it is none of ours. */
export function keyed(
  at: Place,
  { key, control, rtl }: { key: string; control: boolean; rtl: boolean },
  shown: Shown
): Place | undefined {
  const [lastRow, lastColumn] = [shown.rows - 1, shown.columns - 1]
  const forwards = rtl ? -1 : 1
  switch (key) {
    case 'ArrowRight':
      return inside({ ...at, column: at.column + forwards }, shown)
    case 'ArrowLeft':
      return inside({ ...at, column: at.column - forwards }, shown)
    case 'ArrowDown':
      return inside({ ...at, row: at.row + 1 }, shown)
    case 'ArrowUp':
      return inside({ ...at, row: at.row - 1 }, shown)
    case 'PageDown':
      return inside({ ...at, row: at.row + 10 }, shown)
    case 'PageUp':
      return inside({ ...at, row: at.row - 10 }, shown)
    case 'Home':
      return control ? { row: 0, column: 0 } : { ...at, column: 0 }
    case 'End':
      return control ? { row: lastRow, column: lastColumn } : { ...at, column: lastColumn }
    default:
      return undefined
  }
}

const slotAt = (at: Place, shown: Shown): string | undefined => {
  const cell = shown.cell(at)
  return cell === undefined || cell.state === 'none' ? undefined : cell.slot
}

const clamp = (value: number, max: number): number => Math.max(0, Math.min(value, max))

const inside = ({ row, column }: Place, { rows, columns }: Shown): Place => ({
  row: clamp(row, rows - 1),
  column: clamp(column, columns - 1)
})

const span = (one: number, other: number): number[] =>
  Array.from({ length: Math.abs(one - other) + 1 }, (_, index) => Math.min(one, other) + index)
