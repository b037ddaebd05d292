import type { SessionView } from '../../protocol/schemas.js'
import type { TokenStorage } from '../client/index.js'
import type { SignInProblem } from './board.js'

/** Who is signed in on this device, and how somebody comes to be. */

const key = 'slotlock:staff'

/** Kept until the browser is closed, or until somebody signs out. Private windows may have no storage; then it is neither. */
export class KeptToken {
  readonly #short: TokenStorage | undefined
  readonly #long: TokenStorage | undefined

  constructor(short: TokenStorage | undefined, long: TokenStorage | undefined) {
    this.#short = short
    this.#long = long
  }

  read(): string | undefined {
    return attempt(() => this.#short?.getItem(key) ?? this.#long?.getItem(key)) ?? undefined
  }

  /** Where it was kept before; `stay` says where to keep one that is new. */
  keep(token: string, stay = this.#isLong()): void {
    attempt(() => (stay ? this.#long : this.#short)?.setItem(key, token))
  }

  /** Another tab's may lie there as well: what this tab keeps for itself is not put in its place. */
  #isLong(): boolean {
    return attempt(() => this.#short?.getItem(key) == null && this.#long?.getItem(key) != null) === true
  }

  forget(): void {
    attempt(() => this.#short?.removeItem(key))
    attempt(() => this.#long?.removeItem(key))
  }

  /** Another tab signed out. */
  static isSignOut(event: { key: string | null; newValue: string | null }): boolean {
    return (event.key === key || event.key === null) && event.newValue === null
  }
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}

export type Tried = { ok: true; session: SessionView } | { ok: false; problem: SignInProblem }

/** Asks the server whose token this is. It is the server that keeps others out; this is to say why in words. */
export async function tryToken(url: string, token: string, fetch: typeof globalThis.fetch): Promise<Tried> {
  try {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${url}/v1/sessions`, { method: 'POST', headers, credentials: 'omit' })
    if (response.status === 401) return { ok: false, problem: 'notOurs' }
    if (!response.ok) return { ok: false, problem: 'unreachable' }
    const session = (await response.json()) as SessionView
    if (!session.resumed) return { ok: false, problem: 'expired' }
    return isStaff(session) ? { ok: true, session } : { ok: false, problem: 'notStaff' }
  } catch {
    return { ok: false, problem: 'unreachable' }
  }
}

/** Ends the session at the server, also while the page is being left. False: it could not be told. */
export async function endSession(
  url: string,
  token: string,
  fetch: typeof globalThis.fetch
): Promise<boolean> {
  try {
    const headers = { authorization: `Bearer ${token}` }
    const request: RequestInit = { method: 'DELETE', headers, credentials: 'omit', keepalive: true }
    const { ok, status } = await fetch(`${url}/v1/sessions/current`, request)
    return ok || status === 401
  } catch {
    return false
  }
}

export const isStaff = ({ role }: Pick<SessionView, 'role'>): boolean => role === 'staff' || role === 'admin'
