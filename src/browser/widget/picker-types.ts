import type { BookingView } from '../../protocol/schemas.js'
import type { ClientErrorCode } from '../client/errors.js'

/** What the picker's decisions are about; they themselves are in picker.ts. */

export interface Hold {
  readonly id: string
  readonly slots: readonly string[]
  /** Epoch milliseconds by the server's clock; for words. What is left is counted by the client. */
  readonly expiresAt: number
  readonly extendableUntil: number
  readonly endsAt: number
}

export type Customer = BookingView['customer']

export type Notice =
  /** Somebody holds it; `until` as far as anybody knows. */
  | { readonly kind: 'taken'; readonly slots: readonly string[]; readonly until: number | undefined }
  | { readonly kind: 'gone'; readonly slots: readonly string[] }
  | { readonly kind: 'freed'; readonly slots: readonly string[] }
  | { readonly kind: 'expired'; readonly slots: readonly string[] }
  | { readonly kind: 'revoked'; readonly slots: readonly string[]; readonly reason: string | undefined }
  | { readonly kind: 'released'; readonly slots: readonly string[] }
  | { readonly kind: 'bookedElsewhere'; readonly slots: readonly string[] }
  | { readonly kind: 'lastMinute' }
  | { readonly kind: 'noLonger' }
  | { readonly kind: 'tooMany' }
  | { readonly kind: 'tooFast' }
  | { readonly kind: 'unavailable' }
  /** `customer`: of a booking that had no answer, to be asked for again. */
  | { readonly kind: 'unsure'; readonly customer: Customer | undefined }
  | { readonly kind: 'failed' }

export type Request =
  | { readonly kind: 'lock'; readonly slots: readonly string[]; readonly replaces: string | undefined }
  | { readonly kind: 'extend' | 'release' }
  /** `unsure`: it was sent before, and that may have booked already. */
  | { readonly kind: 'book'; readonly customer: Customer; readonly unsure: boolean }

export interface PickerState {
  readonly stage: 'choosing' | 'details' | 'booked'
  readonly hold: Hold | undefined
  /** Held by another tab of this visitor beside `hold`; of an exchange there it is told before the old one's end. */
  readonly elsewhere: Hold | undefined
  readonly request: Request | undefined
  /** Pressed while a request was under way. */
  readonly next: string | undefined
  /** The visitor is told when these are free. */
  readonly wish: readonly string[] | undefined
  /** The stage that the visitor was in when the hold was lost, to be brought back to with a new one. */
  readonly returnTo: 'details' | undefined
  readonly notice: Notice | undefined
  readonly booking: BookingView | undefined
  /** Fields of the form that the server did not accept. */
  readonly refusedFields: readonly string[]
}

/** Why a promise of the client was not kept. */
export interface Refused {
  readonly code: ClientErrorCode
  readonly conflicts?: readonly {
    readonly slot: string
    readonly state: string
    readonly expiresAt?: number
    readonly mine?: boolean
  }[]
  readonly fields?: readonly string[]
}

export type PickerEvent =
  /** `look`: what the grid showed. `until`: while locked, the end of that. */
  | {
      readonly type: 'press'
      readonly slot: string
      readonly look: 'free' | 'mine' | 'locked' | 'taken'
      readonly until?: number | undefined
    }
  | { readonly type: 'locked' | 'extended'; readonly lock: Hold }
  | { readonly type: 'released' }
  | { readonly type: 'booked'; readonly booking: BookingView }
  | { readonly type: 'refused'; readonly error: Refused }
  /** What the server says about a lock of this session, whichever tab asked for it. */
  | {
      readonly type: 'lock'
      readonly lock: Hold
      readonly state: 'held' | 'expired' | 'released' | 'revoked' | 'booked'
      readonly reason?: string
    }
  /** All live locks of this session in this calendar, newest last; after a reload or a reconnect. */
  | { readonly type: 'locks'; readonly locks: readonly Hold[] }
  /** By this machine's count the hold is over, and the server has not said so yet: it cannot be reached. */
  | { readonly type: 'timeUp' }
  /** A minute is left of the hold, and it can be extended. */
  | { readonly type: 'lastMinute' }
  | { readonly type: 'free'; readonly slots: readonly string[] }
  | { readonly type: 'extend' | 'release' | 'continue' | 'back' | 'again' | 'dismiss' | 'act' }
  | { readonly type: 'submit'; readonly customer: Customer }

export type LostReason = 'expired' | 'revoked' | 'released' | 'bookedElsewhere'

export type Effect =
  | { readonly do: 'lock'; readonly slots: readonly string[]; readonly replaces: string | undefined }
  | { readonly do: 'extend' | 'release'; readonly lock: string }
  | { readonly do: 'book'; readonly lock: string; readonly customer: Customer }
  /** Ask the server what this session holds. */
  | { readonly do: 'look' }
  /** `rest`: the button that had it is gone; it goes to the widget as a whole, if it went nowhere else. */
  | { readonly do: 'focus'; readonly on: 'grid' | 'form' | 'confirmation' | 'refusedField' | 'rest' }
  | { readonly do: 'tell'; readonly event: 'held' | 'extended' | 'released'; readonly hold: Hold }
  | {
      readonly do: 'tell'
      readonly event: 'lost'
      readonly hold: Hold
      readonly reason: LostReason
      readonly words: string | undefined
    }
  | { readonly do: 'tell'; readonly event: 'booked'; readonly booking: BookingView }
  | {
      readonly do: 'tell'
      readonly event: 'taken'
      readonly slots: readonly string[]
      readonly until: number | undefined
    }

export interface PickerSettings {
  readonly slotsMax: number
  readonly slotMs: number
}

export interface Reduced {
  readonly state: PickerState
  readonly effects: readonly Effect[]
}

/** What the page can say about the connection, the worst first. */
export type Trouble =
  | 'refusedHere'
  | 'noCalendar'
  | 'offline'
  | 'unreachable'
  | 'serviceUnavailable'
  | 'degraded'
