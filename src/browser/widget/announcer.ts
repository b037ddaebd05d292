/**
 * What a reader of the screen is told of its own accord, and how seldom. Pure; the clock is passed in.
 *
 * Between two announcements there is a pause; of what comes meanwhile only the last is said, for the others are old by
 * then. What is urgent does not wait. The same words are not repeated within a while, or a slot that two people
 * want would talk without an end.
 */

export const pauseMs = 2_500
export const sameAgainMs = 15_000

export class Announcer {
  #waiting: string | undefined
  #saidMs = Number.NEGATIVE_INFINITY
  #last = ''

  /** Answers what is to be said now; undefined: nothing, or not yet. */
  say(text: string, nowMs: number, urgent = false): string | undefined {
    if (text === this.#last && nowMs - this.#saidMs < sameAgainMs) {
      // The newest is what was said last; what waits is older than that.
      this.#waiting = undefined
      return undefined
    }
    if (!urgent && nowMs - this.#saidMs < pauseMs) {
      this.#waiting = text
      return undefined
    }
    this.#waiting = undefined
    this.#last = text
    this.#saidMs = nowMs
    return text
  }

  /** What has waited for long enough. */
  due(nowMs: number): string | undefined {
    return this.#waiting === undefined ? undefined : this.say(this.#waiting, nowMs)
  }

  /** Milliseconds until something is due; undefined: nothing waits. */
  dueInMs(nowMs: number): number | undefined {
    return this.#waiting === undefined ? undefined : Math.max(0, this.#saidMs + pauseMs - nowMs)
  }
}
