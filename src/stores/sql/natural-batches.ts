import { StoreBusy } from '../../domain/errors.js'

export interface BatchBounds {
  /** Of one batch. */
  membersMax: number
  /** Those that wait for one. Past it: StoreBusy. */
  waitingMax: number
  /** A member that waited longer is refused as StoreBusy when its turn comes. */
  waitMsMax: number
  /** Batches under way at once. */
  lanesMax: number
  /** A batch that is under way for longer gives its lane away: one row that somebody holds is not everybody's. */
  slowMs: number
}

export interface BatchParts<Member, Answer> {
  bounds: BatchBounds
  /** Two members that share one of these never go in one batch. */
  keysOf: (member: Member) => readonly string[]
  /** Answers in the order of the members. Who rejects, rejects all of them. */
  send: (members: readonly Member[]) => Promise<readonly Answer[]>
  monotonicMs: () => number
}

interface Waiting<Member, Answer> {
  member: Member
  since: number
  resolve(answer: Answer): void
  reject(error: unknown): void
}

/**
 * Many small changes that come together become one large one, and no timer says how many.
 *
 * While a lane is free, whoever comes is sent at once and alone. While none is, they wait, and the next lane that
 * becomes free takes all of them, up to a bound. So a quiet service loses no time by it, and a busy one sends larger
 * batches the longer they take, which is when they pay.
 */
export class NaturalBatches<Member, Answer> {
  readonly #parts: BatchParts<Member, Answer>
  #waiting: Waiting<Member, Answer>[] = []
  #lanes = 0

  constructor(parts: BatchParts<Member, Answer>) {
    this.#parts = parts
  }

  /** Rejects with StoreBusy at a bound, or with what `send` rejected. */
  add(member: Member): Promise<Answer> {
    const { bounds, monotonicMs } = this.#parts
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= bounds.waitingMax) {
        reject(new StoreBusy(`${bounds.waitingMax} changes wait for their turn`))
        return
      }
      this.#waiting.push({ member, since: monotonicMs(), resolve, reject })
      this.#fillLanes()
    })
  }

  #fillLanes(): void {
    while (this.#waiting.length > 0 && this.#lanes < this.#parts.bounds.lanesMax) {
      const batch = this.#take()
      if (batch.length > 0) void this.#carry(batch)
    }
  }

  /** The first that wait and do not clash; empty only if all of them had waited too long. */
  #take(): Waiting<Member, Answer>[] {
    const { bounds, keysOf, monotonicMs } = this.#parts
    const tooOld = monotonicMs() - bounds.waitMsMax
    const batch: Waiting<Member, Answer>[] = []
    const left: Waiting<Member, Answer>[] = []
    const taken = new Set<string>()
    for (const waiting of this.#waiting) {
      if (waiting.since < tooOld) {
        waiting.reject(new StoreBusy(`the turn of a change did not come within ${bounds.waitMsMax} ms`))
        continue
      }
      const keys = keysOf(waiting.member)
      if (batch.length === bounds.membersMax || keys.some(key => taken.has(key))) {
        left.push(waiting)
        continue
      }
      for (const key of keys) taken.add(key)
      batch.push(waiting)
    }
    this.#waiting = left
    return batch
  }

  async #carry(batch: readonly Waiting<Member, Answer>[]): Promise<void> {
    this.#lanes += 1
    let held = true
    const giveAway = (): void => {
      if (!held) return
      held = false
      this.#lanes -= 1
      this.#fillLanes()
    }
    const slow = setTimeout(giveAway, this.#parts.bounds.slowMs)
    try {
      const answers = await this.#parts.send(batch.map(({ member }) => member))
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index]!)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      clearTimeout(slow)
      giveAway()
    }
  }
}
