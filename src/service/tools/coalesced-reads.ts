import { StoreBusy } from '../../domain/errors.js'

export interface CoalescedReadsBounds {
  /** Keys that one call of the reader gets; more go one call after the other. */
  keysPerReadMax: number
  /** Keys that wait for the next read. Past it a read is refused with StoreBusy. */
  keysWaitingMax: number
}

interface Batch<Key, Value> {
  keys: Set<Key>
  answer: Promise<ReadonlyMap<Key, Value>>
  resolve: (values: ReadonlyMap<Key, Value>) => void
  reject: (error: unknown) => void
}

/**
 * Many who ask at once get one read.
 *
 * At most one read is under way. Whoever asks meanwhile waits for the next one, which starts when this one ends. So
 * everybody gets an answer that was read after they had asked, and a thousand questions cost two reads: no timer
 * decides how many share one, the time that a read takes does.
 */
export class CoalescedReads<Key, Value> {
  readonly #read: (keys: readonly Key[]) => Promise<Iterable<readonly [Key, Value]>>
  readonly #bounds: CoalescedReadsBounds
  #waiting: Batch<Key, Value> | undefined
  #reading = false

  constructor(
    read: (keys: readonly Key[]) => Promise<Iterable<readonly [Key, Value]>>,
    bounds: CoalescedReadsBounds
  ) {
    this.#read = read
    this.#bounds = bounds
  }

  /** Has what was read of others too; a key without a value was asked for and is not there. */
  async read(keys: readonly Key[]): Promise<ReadonlyMap<Key, Value>> {
    if ((this.#waiting?.keys.size ?? 0) + keys.length > this.#bounds.keysWaitingMax) {
      throw new StoreBusy(`more than ${this.#bounds.keysWaitingMax} keys wait to be read`)
    }
    if (this.#waiting === undefined) {
      this.#waiting = newBatch()
      // in a microtask, so that all who ask in this turn of the event loop share the first read already
      if (!this.#reading) queueMicrotask(() => void this.#run())
    }
    const batch = this.#waiting
    for (const key of keys) batch.keys.add(key)
    return await batch.answer
  }

  async #run(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    for (let batch = this.#waiting; batch !== undefined; batch = this.#waiting) {
      this.#waiting = undefined
      try {
        batch.resolve(await this.#readAll([...batch.keys]))
      } catch (error) {
        batch.reject(error)
      }
    }
    this.#reading = false
  }

  async #readAll(keys: readonly Key[]): Promise<ReadonlyMap<Key, Value>> {
    const values = new Map<Key, Value>()
    for (let from = 0; from < keys.length; from += this.#bounds.keysPerReadMax) {
      for (const [key, value] of await this.#read(keys.slice(from, from + this.#bounds.keysPerReadMax))) {
        values.set(key, value)
      }
    }
    return values
  }
}

function newBatch<Key, Value>(): Batch<Key, Value> {
  let resolve: Batch<Key, Value>['resolve'] = () => {}
  let reject: Batch<Key, Value>['reject'] = () => {}
  const answer = new Promise<ReadonlyMap<Key, Value>>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  return { keys: new Set(), answer, resolve, reject }
}
