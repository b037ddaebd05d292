import type { AuditType } from '../domain/audit.js'
import type { Clock } from '../domain/clock.js'
import { type EndpointKey, type Outbox, retriedForMs, type WebhookStore } from '../domain/webhook-store.js'

/** One packet. A thousand changes a second fit into the turns of a second. */
const seqsPerReadingMax = 2_000
/** A second reading comes so long after the first. */
const lateMs = 10_000

/**
 * Reads the audit trail on from where it was read, and makes its entries deliveries.
 *
 * Ids may commit out of order. So a reading waits for whoever has written an id of its range and not committed; and
 * each range is read once more ten seconds later, for an id that had been handed out and not written yet. Only then is
 * it settled, and a successor begins after what is settled. What is read twice is found by the primary key of its
 * delivery and left alone.
 */
export class Collector {
  readonly #store: WebhookStore
  readonly #clock: Clock
  readonly #of: { endpoints: readonly EndpointKey[]; types: readonly AuditType[]; ageMaxMs: number }
  #reached: number | undefined
  #mark: { to: number; at: number } | undefined
  /** Deliveries made; those of them that only the second reading found. */
  collected = 0
  foundLate = 0

  constructor(parts: {
    store: WebhookStore
    clock: Clock
    endpoints: readonly EndpointKey[]
    types: readonly AuditType[]
  }) {
    this.#store = parts.store
    this.#clock = parts.clock
    this.#of = { endpoints: parts.endpoints, types: parts.types, ageMaxMs: retriedForMs }
  }

  /** Somebody else may read meanwhile. */
  forget(): void {
    this.#reached = undefined
    this.#mark = undefined
  }

  /** One step. Answers whether there is more to do at once. Throws StoreError; the next step reads the same again. */
  async step({ settled, newest }: Outbox): Promise<boolean> {
    const reached = Math.max(this.#reached ?? settled, settled)
    const to = Math.min(newest, reached + seqsPerReadingMax)
    if (to > reached) this.collected += await this.#store.collect({ ...this.#of, after: reached, to })
    this.#reached = Math.max(reached, to)
    const now = this.#clock.monotonic()
    this.#mark ??= this.#reached > settled ? { to: this.#reached, at: now } : undefined
    const late = this.#mark !== undefined && now - this.#mark.at >= lateMs
    if (late) await this.#readAgain(settled, this.#mark!.to)
    return to < newest || (late && this.#mark !== undefined)
  }

  async #readAgain(settled: number, mark: number): Promise<void> {
    const to = Math.min(mark, settled + seqsPerReadingMax)
    if (to > settled) {
      const found = await this.#store.collect({ ...this.#of, after: settled, to })
      this.collected += found
      this.foundLate += found
      await this.#store.settle(to, this.#of.endpoints)
    }
    if (to === mark || to <= settled) this.#mark = undefined
  }
}
