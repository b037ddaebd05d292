import { slotAt } from './slots.js'
import { type Answer, WsClient } from './ws-driver.js'

/** Below LOCKS_PER_SESSION_MAX of a cluster. */
const locksPerSession = 60
/** A minute apart, a resource has room for so many slots within 60 days. */
const slotsPerResource = 80_000
const openingMax = 32

/**
 * Sockets that lock, each lock on a slot of its own and never given back, so that an operation is a lock and nothing
 * else. A session takes so many and makes way for a fresh one, before its limit is reached. Neighbouring locks are of
 * different people: a session's requests are taken one after the other.
 */
export class LockerCrowd {
  static readonly resources = ['r0', 'r1', 'r2', 'r3', 'r4']
  readonly #urls: readonly string[]
  readonly #calendars: readonly string[]
  #lockers: { client: WsClient; locks: number }[] = []
  #opened = 0
  #next = 0
  #slot: number

  /** Each lock is of the next calendar. `firstSlot`: where slots begin that nobody else takes. */
  constructor(urls: readonly string[], calendars: readonly string[], firstSlot = 0) {
    this.#urls = urls
    this.#calendars = calendars
    this.#slot = firstSlot
  }

  /** Locks that may still be asked for. */
  get left(): number {
    return this.#lockers.reduce((sum, { locks }) => sum + locksPerSession - locks, 0)
  }

  /** Room for so many locks at least, by so many sockets at least. */
  async fill(locks: number, socketsMin = 64): Promise<void> {
    for (const { client, locks: taken } of this.#lockers) if (taken >= locksPerSession) client.close()
    this.#lockers = this.#lockers.filter(({ locks: taken }) => taken < locksPerSession)
    const missing = Math.max(
      socketsMin - this.#lockers.length,
      Math.ceil((locks - this.left) / locksPerSession)
    )
    for (let done = 0; done < missing; done += openingMax) {
      const some = Array.from({ length: Math.min(openingMax, missing - done) }, () =>
        WsClient.open({ url: this.#urls[this.#opened++ % this.#urls.length]! })
      )
      this.#lockers.push(...(await Promise.all(some)).map(client => ({ client, locks: 0 })))
    }
  }

  /** Throws when `fill` has not made room enough. */
  async lock(
    dueMs: number
  ): Promise<{ calendar: string; slot: string; answer: Answer & { tookMs: number } }> {
    const locker = this.#pick()
    locker.locks += 1
    const index = this.#slot++
    const resource = LockerCrowd.resources[Math.floor(index / slotsPerResource)]
    if (resource === undefined) throw new Error('every slot has been locked once')
    const slot = slotAt(resource, index % slotsPerResource)
    const calendar = this.#calendars[index % this.#calendars.length]!
    const answer = await locker.client.timed('lock', { calendar, slots: [slot] }, dueMs)
    return { calendar, slot, answer }
  }

  close(): void {
    for (const { client } of this.#lockers) client.close()
  }

  #pick(): { client: WsClient; locks: number } {
    for (let tries = 0; tries < this.#lockers.length; tries++) {
      const locker = this.#lockers[this.#next++ % this.#lockers.length]!
      if (locker.locks < locksPerSession) return locker
    }
    throw new Error('more locks were asked for than there was room for')
  }
}
