import type { SessionId } from '../../domain/ids.js'
import type { Revocation } from '../../domain/revocation.js'

/**
 * The sessions that were ended before their time, as far as this instance knows. It knows all that are in the database
 * (see upkeep/revocation-watch.ts), so that a request asks nobody. Whoever makes one sees to the bound, `revocationsMax`.
 */
export class RevokedSessions {
  readonly #bySession = new Map<SessionId, Revocation>()
  readonly #listeners = new Set<() => void>()

  get size(): number {
    return this.#bySession.size
  }

  has(session: SessionId): boolean {
    return this.#bySession.has(session)
  }

  /** When that was; undefined: it was not. Epoch milliseconds. */
  revokedAt(session: SessionId): number | undefined {
    return this.#bySession.get(session)?.at
  }

  learn(revocations: readonly Revocation[]): void {
    let news = false
    for (const revocation of revocations) {
      const known = this.#bySession.get(revocation.session)
      if (known !== undefined && known.at >= revocation.at) continue
      this.#bySession.set(revocation.session, revocation)
      news = true
    }
    if (news) for (const listener of this.#listeners) listener()
  }

  /** Of those no token can be good any more. */
  forgetOver(nowMs: number): void {
    for (const { session, until } of this.#bySession.values())
      if (until < nowMs) this.#bySession.delete(session)
  }

  /** Told when there are more of them than before; the answer ends that. Must not throw. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}
