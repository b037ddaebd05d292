import type { Logger } from 'pino'
import { StoreError } from './domain/errors.js'
import type { Finding } from './domain/finding.js'

/** What the stores were found to be set up like when they were last looked at: into the log, and onto /health. */
export class Inspections {
  readonly #log: Logger
  readonly #found = new Map<string, readonly Finding[]>()

  constructor(log: Logger) {
    this.#log = log
  }

  all(): Finding[] {
    return [...this.#found.values()].flat()
  }

  /** Never throws for a store that does not answer: whether it does is watched elsewhere. */
  async inspect(store: 'redis' | 'database', look: () => Promise<{ findings: Finding[] }>): Promise<void> {
    try {
      const { findings } = await look()
      this.#found.set(store, findings)
      for (const finding of findings) {
        const line = `${store}: ${finding.what}; ${finding.do}`
        if (finding.severity === 'info') this.#log.info({ finding }, line)
        else this.#log.warn({ finding }, line)
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#log.warn({ err: error }, `${store}: could not be inspected`)
    }
  }
}
