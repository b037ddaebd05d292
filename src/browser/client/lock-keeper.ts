import type { LockView } from '../../protocol/schemas.js'
import type { Connection } from './connection.js'
import type { Link } from './link.js'
import { OwnLocks } from './own-locks.js'
import type { Answered } from './requests.js'
import type { Clock, Lock, LockChange, SlotId } from './types.js'

/** Without pushes the locks are read so often. */
const pollEveryMs = 10_000
/** After a lock's end; by then its last state was pushed, or has to be asked for. */
const endGraceMs = 1_500
/** After a reading that failed; jittered by half. */
const retryMs = 3_000
/** Requests that are remembered to ask with what became of their locks. */
const requestsKeptMax = 64

export interface LockKeeperParts {
  clock: Clock
  random: () => number
  connection: Connection
  /** Sends a lock request again. */
  repeat(params: object): Promise<Answered<{ lock: LockView }>>
  changed(): void
  told(change: LockChange): void
}

/**
 * Keeps the session's own locks up to date: from answers and pushes; and reads them all when a connection is new, when
 * the outcome of something was unknown, when one's time is over and nobody said so, and while polling when a slot of
 * one changed and every ten seconds.
 *
 * A reading has the live ones only. What became of one that is missing: its time was over; or it was ended, and the
 * request that made it, sent again, says how, for it never locks anew; or, where that request is not known because an
 * earlier page made it, somebody else has ended it: `revoked`.
 */
export class LockKeeper {
  readonly #parts: LockKeeperParts
  readonly #locks = new OwnLocks()
  readonly #requests = new Map<string, object>()
  /** A request that ends it is under way: what is missing then is that one's to tell. */
  readonly #ending = new Set<string>()
  #round = 0
  #cancelRetry = (): void => {}
  #cancelReread = (): void => {}

  constructor(parts: LockKeeperParts) {
    this.#parts = parts
  }

  get live(): ReadonlyMap<string, Lock> {
    return this.#locks.live
  }

  /** Another session. */
  clear(): void {
    this.#locks.clear()
    this.#requests.clear()
    this.#parts.changed()
  }

  heard(view: LockView, countedFrom: number, more: Pick<LockChange, 'reason' | 'expiring'> = {}): Lock {
    const before = this.live
    const change = this.#locks.apply(view, countedFrom, this.#parts.clock.monotonic(), more)
    if (before !== this.live) this.#parts.changed()
    if (change) this.#parts.told(change)
    this.#rereadLater()
    return this.live.get(view.id) ?? { ...view, endsAt: countedFrom + view.expiresInMs }
  }

  granted(view: LockView, sentAt: number, request: object): Lock {
    this.#requests.set(view.id, request)
    if (this.#requests.size > requestsKeptMax) this.#requests.delete(this.#requests.keys().next().value!)
    return this.heard(view, sentAt)
  }

  /** It was ended by ourselves, and the answer has no lock in it. */
  ended(id: string, state: LockView['state']): void {
    const known = this.live.get(id)
    if (known) this.heard({ ...known, state, expiresInMs: 0 }, this.#parts.clock.monotonic())
  }

  /** While this is under way, a reading that misses the lock says nothing. */
  async ending<T>(id: string | undefined, act: () => Promise<T>): Promise<T> {
    if (!id) return act()
    this.#ending.add(id)
    try {
      return await act()
    } finally {
      this.#ending.delete(id)
    }
  }

  /** Without pushes this is how one hears of what staff or another tab did. */
  slotsChanged(slots: ReadonlySet<SlotId>): void {
    if (this.#parts.connection.link?.kind !== 'polling') return
    const mine = [...this.live.values()].flatMap(lock => lock.slots)
    if (mine.some(slot => slots.has(slot))) this.reread()
  }

  reread(): void {
    this.#round++
    this.#cancelRetry()
    this.#cancelReread()
    const link = this.#parts.connection.link
    if (link) void this.#ask(link, this.#round)
  }

  async read(views: readonly LockView[], sentAt: number): Promise<void> {
    for (const view of views) this.heard(view, sentAt)
    const missing = this.#locks.missingIn(views, sentAt).filter(({ id }) => !this.#ending.has(id))
    await Promise.all(missing.map(lock => this.#settle(lock)))
  }

  async #ask(link: Link, round: number): Promise<void> {
    const outcome = await link.ask('locks')
    if (round !== this.#round) return
    if (outcome.status === 'ANSWERED') {
      const { locks } = outcome.result as { locks: LockView[] }
      void this.read(locks, outcome.sentAt)
      this.#rereadLater()
    } else {
      const { clock, random } = this.#parts
      this.#cancelRetry = clock.after((0.5 + random()) * retryMs, () => this.reread())
    }
  }

  #rereadLater(): void {
    const { clock, connection } = this.#parts
    const { link } = connection
    this.#cancelReread()
    const ends = [...this.live.values()].map(({ endsAt }) => endsAt + endGraceMs)
    if (link?.kind === 'polling') ends.push(clock.monotonic() + pollEveryMs)
    if (ends.length === 0 || !link) return
    // One that is over and is not told to be over is asked for again and again, but not in a circle.
    const delayMs = Math.max(endGraceMs, Math.min(...ends) - clock.monotonic())
    this.#cancelReread = clock.after(delayMs, () => this.reread())
  }

  async #settle(lock: Lock): Promise<void> {
    const { clock, repeat } = this.#parts
    let state: LockView['state'] = lock.endsAt <= clock.monotonic() ? 'expired' : 'revoked'
    const request = this.#requests.get(lock.id)
    if (state === 'revoked' && request !== undefined) {
      try {
        const { result } = await repeat(request)
        state = result.lock.state
      } catch {
        // the next reading tries again
        return
      }
    }
    if (state !== 'held') this.ended(lock.id, state)
  }
}
