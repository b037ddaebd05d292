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

/** A token that the host signs lives no longer. */
export const hostTokenLifeMaxMs = 86_400_000
