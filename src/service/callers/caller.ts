import type { Actor } from '../../domain/audit.js'
import type { CalendarId, SessionId } from '../../domain/ids.js'
import { type Claims, hostTokenLifeMaxMs, type Role } from './claims.js'

/** A page as its browser names it. */
export interface Page {
  origin: string
  /** Given out by this server itself; let in by its settings; or neither, so that a calendar has to name it. */
  rank: 'own' | 'listed' | 'other'
}

/** Who asks, as the transport found out from the token and the connection. Never taken from the request itself. */
export interface Caller {
  /** undefined: no token; such a caller may only read. */
  session: SessionId | undefined
  role: Role
  /** The calendars that the token covers; undefined: all. */
  calendars: readonly CalendarId[] | undefined
  /** For staff, who see where a lock came from. */
  address: string
  userAgent: string | undefined
  /** Absent: no browser, or one that does not say. */
  page?: Page | undefined
  /** How long each token of this session lives: when it is ended, its end is remembered for so long. */
  tokenLifeMs?: number
  /** Aborted when nobody listens for the answer any more. Only for what may take long. */
  left?: AbortSignal | undefined
}

export const callerOf = (
  { session, role, calendars, issuedAt, expiresAt, signedBy }: Claims,
  from: Pick<Caller, 'address' | 'userAgent' | 'page'>
): Caller => ({
  ...{ session, role, calendars },
  // of a name that the host gives there may be others
  tokenLifeMs: signedBy === 'host' ? hostTokenLifeMaxMs : expiresAt - issuedAt,
  ...from
})

/** The caller, for the audit trail. */
export const actorOf = ({ role, session, address }: Caller): Actor => ({ role, session, address })
