/**
 * Which pages may talk to this server. A browser names the page's origin on every WebSocket and on every request
 * across origins; what is no browser names none, and is held to its token alone.
 */
export class Origins {
  readonly #allowed: ReadonlySet<string>

  /** `*`: any. The server's own pages are always allowed. */
  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed)
  }

  /**
   * `host` is what the browser called this server; behind a trusted proxy that is not the `Host` header, so both faces
   * ask here with the request as a whole.
   */
  allows({ headers: { origin }, host }: { headers: { origin?: string | undefined }; host: string }): boolean {
    if (origin === undefined || this.#allowed.has('*') || this.#allowed.has(origin)) return true
    return URL.canParse(origin) && new URL(origin).host === host
  }
}
