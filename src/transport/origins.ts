import type { Page } from '../service/callers/caller.js'
import type { CalendarOriginSource } from './ports.js'

/** A request, as far as it says where it comes from. */
interface Asking {
  headers: { origin?: string | undefined }
  /** What the browser called this server; behind a trusted proxy that is not the `Host` header. */
  host: string
  url: string
}

/**
 * Which pages may talk to this server. A browser names the page's origin on every WebSocket and on every request
 * across origins; what is no browser names none, and is held to its token alone.
 *
 * The server's own pages are always let in. Others are by the settings, or by the calendars that name them: a page that
 * only a calendar names may use that calendar, and a calendar that names any may be used by those alone.
 */
export class Origins {
  readonly #allowed: ReadonlySet<string>
  readonly #ofCalendars: CalendarOriginSource

  /** `*`: any. */
  constructor(allowed: readonly string[], ofCalendars: CalendarOriginSource) {
    this.#allowed = new Set(allowed)
    this.#ofCalendars = ofCalendars
  }

  /** undefined: it names none. */
  pageOf({ headers: { origin }, host }: Pick<Asking, 'headers' | 'host'>): Page | undefined {
    if (origin === undefined) return undefined
    if (URL.canParse(origin) && new URL(origin).host === host) return { origin, rank: 'own' }
    return { origin, rank: this.#allowed.has('*') || this.#allowed.has(origin) ? 'listed' : 'other' }
  }

  /**
   * By HTTP a page that nobody names is kept out by its browser, which asks `mayRead`; here it is let go on, for behind a proxy
   * that rewrites `Host` a page of our own looks like one. A page that a calendar names passes that question, so what it is
   * is kept, and each operation holds it to its calendar.
   */
  async pageByHttp(request: Pick<Asking, 'headers' | 'host'>): Promise<Page | undefined> {
    const page = this.pageOf(request)
    if (page?.rank !== 'other' || (await this.#ofCalendars.anyNames(page.origin))) return page
    return { ...page, rank: 'listed' }
  }

  /** Whether it may connect at all. What it may do then is asked of each calendar. */
  async mayConnect(request: Asking): Promise<boolean> {
    const page = this.pageOf(request)
    return page === undefined || page.rank !== 'other' || (await this.#ofCalendars.anyNames(page.origin))
  }

  /** Whether its browser may show it the answer from this address. */
  async mayRead(request: Asking): Promise<boolean> {
    const page = this.pageOf(request)
    if (page === undefined || page.rank === 'own') return true
    const calendar = calendarIn(request.url)
    const named = calendar === undefined ? undefined : await this.#ofCalendars.of(calendar)
    if (named !== undefined) return named.includes(page.origin)
    return (
      page.rank === 'listed' || (calendar === undefined && (await this.#ofCalendars.anyNames(page.origin)))
    )
  }
}

/** The path rather than the route: of a preflight there is none. */
const calendarIn = (url: string): string | undefined => /^\/v1\/calendars\/([^/?]+)/.exec(url)?.[1]
