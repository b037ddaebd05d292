import type { Clock } from '../../domain/clock.js'
import { StoreError } from '../../domain/errors.js'
import type { LockId, SessionId } from '../../domain/ids.js'
import { expiringWarningMs } from '../../domain/limits.js'
import type { LockRecord } from '../../domain/lock.js'
import type { LockStore } from '../../domain/lock-store.js'
import type { FeedEvent, LiveFeed } from '../live/feed.js'
import { Cycle } from '../tools/cycle.js'
import { Deadlines } from '../tools/deadlines.js'
import type { Timers } from '../tools/timers.js'

/** Locks of connected sessions. Those past it end without a warning; their holders count down all the same. */
const locksMax = 50_000
/** Sessions whose locks are being read, and that wait for it. Past it their old locks end without a warning. */
const readsMax = 4
const sessionsWaitingMax = 10_000
/** While nothing is due soon. */
const idleMs = 60_000

/**
 * Warns the holder of a lock a minute before it ends, on the instance that the holder is connected to.
 *
 * A lock is warned of when, at its grant or its last extension, it had more than that minute to live: one of thirty
 * seconds is in its last minute from the start, and a warning would say nothing. Of a session that comes back the
 * locks are read once; if one of them is in its last minute by then, the warning comes at once.
 */
export class ExpiryWarnings {
  readonly #store: LockStore
  readonly #feed: LiveFeed
  readonly #warningMs: number
  readonly #cycle: Cycle
  readonly #deadlines = new Deadlines<LockId>(locksMax)
  readonly #locks = new Map<LockId, LockRecord>()
  readonly #waiting = new Set<SessionId>()
  readonly #reads = new Set<Promise<void>>()
  #stops: (() => void)[] = []
  #stopped = false
  warned = 0
  /** Sessions whose locks could not be read. */
  unread = 0

  constructor(parts: {
    store: LockStore
    feed: LiveFeed
    clock: Clock
    timers: Timers
    warningMs?: number | undefined
  }) {
    this.#store = parts.store
    this.#feed = parts.feed
    this.#warningMs = parts.warningMs ?? expiringWarningMs
    this.#cycle = new Cycle(parts, async () => this.#warn())
  }

  start(): void {
    this.#stops = [
      this.#feed.listen(event => this.#hear(event)),
      this.#feed.listenAttach(session => this.#comeBack(session))
    ]
    this.#cycle.start(idleMs)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const stop of this.#stops) stop()
    this.#waiting.clear()
    await Promise.all(this.#reads)
    await this.#cycle.stop()
  }

  #hear(event: FeedEvent): void {
    if (event.kind !== 'lock') return
    const { lock } = event
    if (lock.state !== 'held') this.#forget(lock.id)
    else if (this.#feed.attached(lock.owner)) {
      if (lock.expiresAt - this.#store.nowMs() > this.#warningMs) this.#remember(lock)
      else this.#forget(lock.id)
    }
  }

  #remember(lock: LockRecord): void {
    const known = this.#locks.get(lock.id)
    if (known !== undefined && known.ver > lock.ver) return
    if (!this.#deadlines.set(lock.id, lock.expiresAt - this.#warningMs)) return
    this.#locks.set(lock.id, lock)
    this.#cycle.hurry(this.#untilNextMs())
  }

  #forget(lock: LockId): void {
    this.#deadlines.delete(lock)
    this.#locks.delete(lock)
  }

  #warn(): number {
    const now = this.#store.nowMs()
    for (let id = this.#deadlines.takeDue(now); id !== undefined; id = this.#deadlines.takeDue(now)) {
      const lock = this.#locks.get(id)!
      this.#locks.delete(id)
      // A process that slept through the minute has nothing to warn of; and who left is not told, but reads it back.
      if (lock.expiresAt <= now || !this.#feed.attached(lock.owner)) continue
      this.warned += 1
      this.#feed.announceExpiring(lock)
    }
    return this.#untilNextMs()
  }

  #untilNextMs(): number {
    const next = this.#deadlines.nextAt()
    return next === undefined ? idleMs : Math.min(idleMs, Math.max(0, next - this.#store.nowMs()))
  }

  #comeBack(session: SessionId): void {
    if (this.#waiting.size >= sessionsWaitingMax) {
      this.unread += 1
      return
    }
    this.#waiting.add(session)
    if (this.#reads.size >= readsMax) return
    const reads = this.#readWaiting().finally(() => this.#reads.delete(reads))
    this.#reads.add(reads)
  }

  async #readWaiting(): Promise<void> {
    for (const session of this.#waiting) {
      this.#waiting.delete(session)
      try {
        const locks = await this.#store.readLiveLocks({ owner: session })
        if (this.#stopped) return
        if (!this.#feed.attached(session)) continue
        for (const lock of locks) {
          if (lock.expiresAt - lock.createdAt > this.#warningMs) this.#remember(lock)
        }
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        this.unread += 1
      }
    }
  }
}
