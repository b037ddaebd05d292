import type { CalendarId, SessionId } from '../../domain/ids.js'

export type Role = 'visitor' | 'staff' | 'admin' | 'host'

/** What a token says. `calendars` absent: all. Times are epoch milliseconds of whole seconds. */
export interface Claims {
  readonly session: SessionId
  readonly role: Role
  readonly calendars?: readonly CalendarId[]
  readonly issuedAt: number
  readonly expiresAt: number
  /** Of the site whose key opened the session; absent: none did. */
  readonly key?: SessionId
  /** Absent: ours. */
  readonly signedBy?: 'host'
}

/**
 * The host's clock may be ahead of ours by this. What it signed up to so long after the end of a session is over with it:
 * were that shorter, what a clock that is ahead signed before the end would stand.
 */
export const hostLeewayMs = 1_000

/** A token that the host signs lives no longer. */
export const hostTokenLifeMaxMs = 86_400_000
