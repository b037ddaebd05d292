import type { CalendarId, SessionId } from '../../domain/ids.js'

/**
 * The key of a site is what its pages show when a visitor of theirs wants a session. It stands in the page for everybody to
 * read, so it says who lets visitors in and not who somebody is: from other pages it is worth nothing, because a browser says
 * which page is asking, and a session that it opened is for its calendars alone.
 *
 * It is signed like a token, under a name of its own: neither can be taken for the other. Its id is of the kind of a
 * session's, and is withdrawn in the same way; then the sessions that it opened are over too.
 */
export interface SiteKey {
  readonly id: SessionId
  readonly origins: readonly string[]
  /** Absent: all. */
  readonly calendars?: readonly CalendarId[]
  /** Epoch milliseconds. */
  readonly expiresAt: number
}
