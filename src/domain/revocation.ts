import type { Actor } from './audit.js'
import type { SessionId } from './ids.js'

/** A session that was ended before its time: signed out, or ended by an admin. */
export interface Revocation {
  session: SessionId
  /** Epoch milliseconds of the database's clock. */
  at: number
  /** Epoch milliseconds: by then every token that the session can have has run out by itself. */
  until: number
}

/**
 * So many revocations stand at a time, and every instance has all of them in memory: past it nobody's session can be
 * ended. Visitors, who are many and can make themselves more, may take three quarters of them, so that there is always
 * room for a stolen staff token.
 */
export const revocationsMax = 100_000
export const revocationsOfVisitorsMax = 75_000

/** The longest life that a token of ours can be given. */
export const tokenLifeMaxMs = 366 * 86_400_000
/** A revocation outlives the last token by this, for clocks that disagree. */
export const revocationMarginMs = 3_600_000

/** Where revocations are kept, beside the locks. */
export interface RevocationStore {
  /** Returns after commit. Done twice it is done once, and stands until the later end. Throws StoreError. */
  putRevocation(request: { session: SessionId; until: number; by: Actor }): Promise<Revocation>

  /**
   * Those made since (and at) `sinceMs` of the database's clock, oldest first, at most `rowsMax`. Like any row, one may
   * come to light three seconds after its time.
   */
  readRevocationsSince(
    sinceMs: number,
    rowsMax: number
  ): Promise<{ revocations: Revocation[]; nowMs: number }>

  /** All of them by session, from the one after `after` on; at most `rowsMax`. */
  readRevocations(
    after: SessionId | undefined,
    rowsMax: number
  ): Promise<{ revocations: Revocation[]; nowMs: number }>
}
