import { type ClientErrorCode, SlotlockError } from './errors.js'

/** A way to the server: a WebSocket after its hello, or HTTP. */
export interface Link {
  readonly kind: 'live' | 'polling'
  /** Never rejects. */
  ask(type: string, params?: object, withinMs?: number): Promise<Outcome>
  close(): void
}

/** What became of one message. */
export type Outcome =
  /** `sentAt` is monotonic: what the answer says is left is counted from there. */
  | { status: 'ANSWERED'; result: unknown; sentAt: number }
  | { status: 'REFUSED'; error: SlotlockError }
  /** It was sent and no answer came: it may have been carried out or not. */
  | { status: 'LOST' }
  /** It never left. */
  | { status: 'UNSENT' }

/** The service answers or refuses well within this, whatever is broken behind it. */
export const answerWithinMs = 10_000

/** Refused by ourselves. */
export const refused = (code: ClientErrorCode, message: string, retryable = false): Outcome => ({
  status: 'REFUSED',
  error: new SlotlockError({ code, message, retryable })
})
