import { closeCodes } from '../../protocol/codes.js'

/** When to try again. Pure; chance is passed in. */

/** Full jitter: anywhere from now to a bound that doubles. So ten thousand clients of one server come back spread out. */
export const fullJitterMs = (attempt: number, random: () => number, baseMs: number, maxMs: number): number =>
  random() * Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30))

const reconnectBaseMs = 500
const reconnectMsMax = 30_000
/** What a server may ask for; more would be a page that is dead for all its reader knows. */
const goodbyeMsMax = 60_000

export interface Ended {
  /** Close code; 1006 where nobody said one. */
  code: number
  /** Of the server's goodbye, or of a refusal's retryAfterMs. */
  reconnectInMs?: number | undefined
}

/** After a connection, or an attempt at one, that ended so. `attempt`: how many before it did not last. */
export function reconnectDelayMs(
  { code, reconnectInMs }: Ended,
  attempt: number,
  random: () => number
): number {
  // The server gives each client its own moment; the second on top is for what it says to all of an address at once.
  if (reconnectInMs !== undefined) return Math.min(reconnectInMs, goodbyeMsMax) + random() * 1_000
  const jitter = (from: number): number =>
    fullJitterMs(Math.max(attempt, from), random, reconnectBaseMs, reconnectMsMax)
  switch (code) {
    case closeCodes.restart:
      return jitter(3)
    case closeCodes.overloaded:
      return 1_000 + jitter(5)
    // We did something that this server does not allow; it will not allow it a moment later.
    case closeCodes.policy:
    case closeCodes.tooLarge:
    case closeCodes.binaryFrame:
      return 5_000 + jitter(6)
    default:
      return jitter(0)
  }
}

/** While polling works, how long until a WebSocket is tried again. */
export const socketRetryMs = (attempt: number, random: () => number): number =>
  (0.5 + random() / 2) * Math.min(300_000, 5_000 * 2 ** Math.min(attempt, 10))
