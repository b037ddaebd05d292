import type { LockView } from '../../protocol/schemas.js'
import type { Lock, LockChange } from './types.js'

/** So many locks that are over are remembered, so that news which comes late does not bring them back. */
const endedMax = 256

/**
 * The live locks of this session, from whatever tells of them: answers, pushes, and readings of all. News may come
 * twice and in any order, and a lock has no version: but one that is over stays over, and the end of one that is held
 * only ever moves on. So of two states the one that is over counts, else the one that ends later.
 *
 * A reading tells of a lock that ended by not having it. That counts only if the lock was known before it was asked for.
 */
export class OwnLocks {
  /** Another map after each change. */
  live: ReadonlyMap<string, Lock> = new Map()
  readonly #ended = new Set<string>()
  /** When each was last told of; monotonic. */
  readonly #heardAt = new Map<string, number>()

  /** `countedFrom`: since when its `expiresInMs` is counted. Undefined: it is no news. */
  apply(
    view: LockView,
    countedFrom: number,
    nowMs: number,
    more: Pick<LockChange, 'reason' | 'expiring'> = {}
  ): LockChange | undefined {
    const { id } = view
    if (this.#ended.has(id)) return undefined
    let endsAt = countedFrom + view.expiresInMs
    if (view.state !== 'held') {
      this.#end(id)
      return { lock: { ...view, endsAt }, ...more }
    }
    this.#heardAt.set(id, nowMs)
    const known = this.live.get(id)
    if (known && view.expiresAt < known.expiresAt) return undefined
    const same = view.expiresAt === known?.expiresAt
    if (known && same) endsAt = Math.min(endsAt, known.endsAt)
    const lock = { ...view, endsAt }
    if (endsAt !== known?.endsAt) this.live = new Map(this.live).set(id, lock)
    return same && !more.expiring ? undefined : { lock, ...more }
  }

  /** Those that a reading, asked for at `sentAt`, should have had and has not. They stay until `apply` ends them. */
  missingIn(views: readonly LockView[], sentAt: number): Lock[] {
    const listed = new Set(views.map(({ id }) => id))
    return [...this.live.values()].filter(({ id }) => !listed.has(id) && this.#heardAt.get(id)! < sentAt)
  }

  /** Another session has none of these. */
  clear(): void {
    this.live = new Map()
    this.#ended.clear()
    this.#heardAt.clear()
  }

  #end(id: string): void {
    this.#heardAt.delete(id)
    this.#ended.add(id)
    if (this.#ended.size > endedMax) this.#ended.delete(this.#ended.values().next().value!)
    if (!this.live.has(id)) return
    const live = new Map(this.live)
    live.delete(id)
    this.live = live
  }
}
