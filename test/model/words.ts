/** The words that the model is told in. */

/** How far the model goes. Every number bounds the whole story unless it says otherwise. */
export interface Bounds {
  users: number
  slots: 1 | 2
  /** Lock requests, each with its own requestId, per user. */
  attempts: number
  /** Requests of any kind, resends included, per user. */
  sends: number
  /** Packets on their way to the database at the same time. */
  packets: number
  /** Requests whose answer does not come in time; the packet stays on its way. */
  timeouts: number
  /** How often the time of some lock goes on by one period; a grant lasts one, an extended lock two. */
  periods: number
  /** Packets that arrive after their deadline. */
  lates: number
  sweeps: number
  revokes: number
  /** Instances that crash and come back with a clock that knows nothing. */
  crashes: number
  replaces: boolean
  extends: boolean
  books: boolean
  /**
   * How far versions are followed. `clocks`: each instance numbers its changes by its own clock, which may lag; a
   * change that comes with too small a version is sent again. `counted`: rows count their changes. `none`: not at
   * all; states that differ only in versions are then one state, and longer stories fit in.
   */
  versions: 'clocks' | 'counted' | 'none'
  /** What the one watching screen may meet; absent: nobody watches. */
  screen?: { events: number; losses: number; doubles: number; reads: number }
}

/** Where no lock is meant. */
export const none = -1

export const Slot = { free: 0, locked: 1, booked: 2 } as const

/** A lock's row. `unknown`: there is none. A row that is `held` with no period left is over as well. */
export const Lock = { unknown: 0, held: 1, released: 2, expired: 3, booked: 4 } as const

/** What a user was told about a lock, or may believe. */
export const Told = {
  /** Not asked for yet. */
  nothing: 0,
  /** Asked for; no answer. */
  asked: 1,
  /** Acknowledged. It counts as a promise while the user's own countdown runs. */
  held: 2,
  /** Asked to be replaced by a newer lock; which of the two is held is not known yet. */
  ceding: 3,
  refused: 4,
  /** Known to be over. */
  over: 5,
  booked: 6,
  /** Its user has asked to release it and counts on it no more, whatever is answered to a resend. */
  givenBack: 7
} as const

export const Kind = {
  lock: 1,
  extend: 2,
  release: 3,
  book: 4,
  bookIfStillFree: 5,
  sweep: 6,
  revoke: 7,
  /** Second halves of changes that broken variants make in two transactions. */
  lockSecondHalf: 8
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

export const promises = [
  'ONE_HOLDER',
  'HOLDER_KEPT',
  'BOOKED_BY_HOLDER',
  'BOOKED_STAYS',
  'ALL_OR_NOTHING',
  'RESENT_ONCE',
  'ANSWER_TRUE',
  'FENCE_GROWS',
  'VERSION_GROWS',
  'LATE_DOES_NOTHING',
  'REFUSED_STAYS_REFUSED',
  'SCREEN_AGREES'
] as const
export type PromiseName = (typeof promises)[number]

export interface Packet {
  kind: Kind
  lock: number
  instance: number
  /** Its sender still waits for the answer. */
  awaited: boolean
  /** The deadline that it carries has passed. */
  late: boolean
  ver: number
}
