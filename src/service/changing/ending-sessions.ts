import type { Actor } from '../../domain/audit.js'
import { StoreError } from '../../domain/errors.js'
import { parseSessionId, type SessionId } from '../../domain/ids.js'
import { sessionTtlMs } from '../../domain/limits.js'
import type { LockStore } from '../../domain/lock-store.js'
import {
  type RevocationStore,
  revocationMarginMs,
  revocationsMax,
  revocationsOfVisitorsMax,
  tokenLifeMaxMs
} from '../../domain/revocation.js'
import { sessionOf } from '../answers/access.js'
import { done, type Handlers, invalid, type Outcome, refuse } from '../answers/refusal.js'
import { actorOf, type Caller } from '../callers/caller.js'
import type { RevokedSessions } from '../callers/revoked-sessions.js'
import { type Announcer, announceChange } from '../live/announcer.js'
import type { Gate } from './gate.js'

export interface EndingSessionsDeps {
  store: LockStore & RevocationStore
  gate: Pick<Gate, 'learn'>
  announcer: Announcer
  revoked: RevokedSessions
  maxima?: { all: number; ofVisitors: number }
}

const reason = 'the session was ended'

/** Ends the locks of a session one by one, by itself or by somebody else. Throws StoreError. */
export async function* letLocksGo(
  store: Pick<LockStore, 'readLiveLocks' | 'release' | 'revoke'>,
  session: SessionId,
  by: Actor
): AsyncGenerator<Awaited<ReturnType<LockStore['release']>>> {
  for (const { id: lock } of await store.readLiveLocks({ owner: session })) {
    yield by.session === session
      ? await store.release({ lock, owner: session, by })
      : await store.revoke({ lock, reason, by })
  }
}

/**
 * Sessions are ended here before their time: by who has one, or by an admin.
 *
 * First the end is committed; from then on no instance takes the session's tokens, and its sockets are closed. Then its
 * locks are let go, each under its own id, for nobody is left who could book them. A lock that was on its way meanwhile,
 * or that could not be let go, runs out like any other. What was asked before the end is carried out.
 */
export function endingSessionsHandlers(
  deps: EndingSessionsDeps
): Pick<Handlers, 'signOut' | 'revokeSession'> {
  const { store, revoked, announcer } = deps
  const { all, ofVisitors } = deps.maxima ?? { all: revocationsMax, ofVisitors: revocationsOfVisitorsMax }

  async function end(session: SessionId, lifeMs: number, by: Caller, max: number): Promise<Outcome<unknown>> {
    if (revoked.size >= max && !revoked.has(session)) {
      return refuse('LIMIT_EXCEEDED', 'Too many sessions were ended lately', {
        details: { limit: 'revocations', max }
      })
    }
    const until = store.nowMs() + lifeMs + revocationMarginMs
    revoked.learn([await store.putRevocation({ session, until, by: actorOf(by) })])
    announcer.announceRevocation()
    try {
      for await (const outcome of letLocksGo(store, session, actorOf(by)))
        if (outcome.status === 'ENDED') announceChange(deps, outcome.rows, outcome.lock)
    } catch (error) {
      // the session is over all the same
      if (!(error instanceof StoreError)) throw error
    }
    return done(undefined)
  }

  return {
    async signOut(caller) {
      const session = sessionOf(caller)
      if (!session.ok) return session
      const max = caller.role === 'visitor' ? ofVisitors : all
      const ended = await end(session.value, caller.tokenLifeMs ?? sessionTtlMs, caller, max)
      return ended.ok ? done({ signedOut: true }) : ended
    },

    async revokeSession(caller, params) {
      if (caller.calendars !== undefined) {
        return refuse('FORBIDDEN', 'A session is of no calendar: this needs an admin of all of them')
      }
      const session = parseSessionId(params.session)
      if (session === undefined) return invalid('session', 'is no id of a session')
      const ended = await end(session, tokenLifeMaxMs, caller, all)
      return ended.ok ? done({ revoked: true }) : ended
    }
  }
}
