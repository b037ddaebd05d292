import type { Call } from './history.js'
import { unknownOutcome } from './lock-stories.js'

/** One slot that staff closed, for as long as it was certain to be closed. */
export interface Closing {
  slot: string
  /** Arrival of the answer that said so. */
  from: number
  /** When anybody first asked to open it. */
  to: number
  calls: Call[]
}

/**
 * What an answer to `block` names as blocked is closed until somebody asks to open it. A closing has no id, so an
 * `unblock` whose outcome nobody knows may open the next one too: after it nothing is certain of that slot any more.
 */
export function closingsOf(calls: readonly Call[]): Closing[] {
  const closings: Closing[] = []
  const open = new Map<string, Closing>()
  const uncertain = new Set<string>()
  for (const call of calls) {
    if (call.op === 'unblock') {
      for (const slot of call.slots ?? []) {
        const closing = open.get(slot)
        if (closing !== undefined) {
          closing.to = call.sentAt
          closing.calls.push(call)
        }
        open.delete(slot)
        if (unknownOutcome(call)) uncertain.add(slot)
      }
    }
    if (call.op !== 'block' || call.answer !== 'OK') continue
    for (const { slot, state } of call.result?.slots ?? []) {
      if (state !== 'blocked' || open.has(slot) || uncertain.has(slot)) continue
      const closing = { slot, from: call.receivedAt, to: Number.POSITIVE_INFINITY, calls: [call] }
      open.set(slot, closing)
      closings.push(closing)
    }
  }
  return closings
}
