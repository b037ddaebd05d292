import type { SessionId } from '../../domain/ids.js'

interface Claim {
  slots: number
  /** Resolves when the grant has its answer, whichever. */
  settled: Promise<void>
}

/** What a session's earlier grants may yet take. */
export interface Earlier {
  locks: number
  slots: number
  settled: Promise<unknown>
}

/**
 * Counts the grants that are under way, by session.
 *
 * A session's limits are judged by the rows that are committed, and two grants at once do not see each other's. So
 * each grant is judged as if those that began before it on this instance had succeeded already; only where that
 * refuses it does it wait for them and is judged by what really came of them. Several instances do not know of each
 * other: a session that sends to all of them at the same moment may get past its limits by as many locks as there are
 * other instances. The limits are there against hoarding, so that is no harm. There are never more claims than
 * grants under way, whose number the database's queue bounds.
 */
export class OwnerClaims {
  readonly #byOwner = new Map<SessionId, Set<Claim>>()

  /** Runs `grant` with what began before it; it asks again, later, by calling it once more. */
  async during<T>(
    owner: SessionId,
    slots: number,
    grant: (earlier: () => Earlier) => Promise<T>
  ): Promise<T> {
    const claims = this.#byOwner.get(owner) ?? new Set<Claim>()
    this.#byOwner.set(owner, claims)
    const before = [...claims]
    let settle = (): void => undefined
    const claim: Claim = {
      slots,
      settled: new Promise(resolve => {
        settle = resolve
      })
    }
    claims.add(claim)
    try {
      return await grant(() => {
        const open = before.filter(earlier => claims.has(earlier))
        return {
          locks: open.length,
          slots: open.reduce((sum, earlier) => sum + earlier.slots, 0),
          settled: Promise.all(open.map(earlier => earlier.settled))
        }
      })
    } finally {
      claims.delete(claim)
      if (claims.size === 0) this.#byOwner.delete(owner)
      settle()
    }
  }
}
