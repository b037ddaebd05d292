/** Something about a deployment that a person would want to know, with what to do about it. */
export interface Finding {
  /** Names what was found, for scripts and searches: `redis-eviction`. Never changes once released. */
  code: string
  severity: Severity
  /** What is so. */
  what: string
  /** What to do about it. */
  do: string
}

/** `info`: nothing to worry about. `warning`: it works, and not as well or as safely as it should. `critical`: it does not. */
export type Severity = 'info' | 'warning' | 'critical'
