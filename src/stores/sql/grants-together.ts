import { LRUCache } from 'lru-cache'
import { StoreBusy, StoreContractError } from '../../domain/errors.js'
import type { GrantOutcome, GrantRequest } from '../../domain/lock-store.js'
import { again, type Stamp, type StoreContext } from './context.js'
import { canBeOneOfMany, GrantBatch, keysOfGrant } from './grant-batch.js'
import { type BatchBounds, NaturalBatches } from './natural-batches.js'

/**
 * Sends grants that arrive together as one transaction, each still decided by itself and answered after the commit.
 *
 * SQLite needs none of it: there many small transactions share one commit already. Over a network a transaction is a
 * packet, its texts are parsed, and its commit waits for the disk, and all that is paid once for a batch.
 *
 * A member goes one of four ways:
 *
 *   granted    its row is there after the commit
 *   left out   something was seen to be in its way: one read says what, and if that has gone meanwhile it goes alone
 *   rolled back with the rest, because one of them met somebody else's commit or could not be written: all of them go alone
 *   failed with the rest: BUSY and the like say that nothing was changed, OutcomeUnknown that nobody knows, of any of them
 */

/** Who waits for longer than a change may be under way is refused. */
export const batchBounds: Omit<BatchBounds, 'waitMsMax'> = {
  membersMax: 64,
  waitingMax: 4_096,
  lanesMax: 1,
  slowMs: 20
}

/** A slot whose batch was held up or rolled back is granted by itself for so long: it is not to hold up others again. */
const apartForMs = 2_000
const slotsApartMax = 4_096

/** What is still to be done for a member once its batch has given its lane away. */
type Later = () => Promise<GrantOutcome>

/** How one grant goes by itself. */
export interface SingleGrants {
  alone(request: GrantRequest): Promise<GrantOutcome>
  /** Why the packet with this stamp did not grant it; `again`: no reason is left. */
  diagnose(request: GrantRequest, stamp: Stamp): Promise<GrantOutcome | typeof again>
  granted(request: GrantRequest, stamp: Stamp): GrantOutcome
}

export class GrantsTogether {
  readonly #context: StoreContext
  readonly #single: SingleGrants
  readonly #batch: GrantBatch
  readonly #batches: NaturalBatches<GrantRequest, GrantOutcome | Later>
  /** Slots, until when on the monotonic clock. */
  readonly #apart = new LRUCache<string, number>({ max: slotsApartMax })

  constructor(context: StoreContext, single: SingleGrants) {
    this.#context = context
    this.#single = single
    this.#batch = new GrantBatch(context.db.dialect)
    this.#batches = new NaturalBatches({
      bounds: { ...batchBounds, waitMsMax: context.settings.deadlineMs },
      keysOf: keysOfGrant,
      send: async members =>
        members.length === 1 ? [await single.alone(members[0]!)] : await this.#send(members),
      monotonicMs: () => context.db.monotonicMs()
    })
  }

  accepts(request: GrantRequest): boolean {
    const { dialect } = this.#context.db
    return dialect.kind === 'mysql' && canBeOneOfMany(request) && !this.#isApart(request)
  }

  async grant(request: GrantRequest): Promise<GrantOutcome> {
    const answer = await this.#batches.add(request)
    return typeof answer === 'function' ? answer() : answer
  }

  async #send(members: readonly GrantRequest[]): Promise<(GrantOutcome | Later)[]> {
    const { db } = this.#context
    const { alone, diagnose, granted } = this.#single
    const stamp = this.#context.stamp()
    try {
      const outcome = await db.transact(this.#batch.packet(members, stamp))
      if (outcome.status !== 'DONE') return this.#eachAlone(members)
      const ids = this.#batch.granted(outcome.results.at(-1)!.rows)
      return members.map(request => {
        if (ids.has(request.lock)) return granted(request, stamp)
        return async () => {
          const why = await diagnose(request, stamp)
          return why === again ? alone(request) : why
        }
      })
    } catch (error) {
      // rolled back, and the fault of one of them at most
      if (error instanceof StoreContractError) return this.#eachAlone(members)
      if (error instanceof StoreBusy) this.#keepApart(members)
      throw error
    }
  }

  #eachAlone(members: readonly GrantRequest[]): Later[] {
    this.#keepApart(members)
    return members.map(request => () => this.#single.alone(request))
  }

  #isApart(request: GrantRequest): boolean {
    const untilMs = this.#apart.get(slotOf(request))
    return untilMs !== undefined && this.#context.db.monotonicMs() < untilMs
  }

  /** Which of them it was is not known. */
  #keepApart(members: readonly GrantRequest[]): void {
    const untilMs = this.#context.db.monotonicMs() + apartForMs
    for (const request of members) this.#apart.set(slotOf(request), untilMs)
  }
}

const slotOf = ({ calendar, slots }: GrantRequest): string => `${calendar} ${slots[0]}`
