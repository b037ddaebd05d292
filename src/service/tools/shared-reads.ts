import { StoreBusy } from '../../domain/errors.js'

interface Read<Value> {
  underway: Promise<Value>
  /** For those who came after it had begun. */
  next: Promise<Value> | undefined
}

/**
 * Of many who ask for the same thing at once, few read it. Everybody gets an answer whose reading began after they
 * asked: who comes while one is under way shares the next, which begins when this one ends. Different things are read
 * side by side, up to a bound, past which it is StoreBusy.
 */
export class SharedReads<Value> {
  readonly #keysMax: number
  readonly #reads = new Map<string, Read<Value>>()
  /** Questions that were answered by another's reading, and readings. */
  shared = 0
  read = 0

  constructor(keysMax: number) {
    this.#keysMax = keysMax
  }

  get(key: string, read: () => Promise<Value>): Promise<Value> {
    const known = this.#reads.get(key)
    if (known === undefined) {
      if (this.#reads.size >= this.#keysMax) {
        return Promise.reject(new StoreBusy(`${this.#keysMax} different things are being read`))
      }
      return this.#begin(key, read)
    }
    if (known.next === undefined) {
      known.next = settled(known.underway).then(() => this.#begin(key, read))
    } else {
      this.shared += 1
    }
    return known.next
  }

  #begin(key: string, read: () => Promise<Value>): Promise<Value> {
    this.read += 1
    const underway = read()
    const own: Read<Value> = { underway, next: undefined }
    this.#reads.set(key, own)
    const over = (): void => {
      if (own.next === undefined) this.#reads.delete(key)
    }
    underway.then(over, over)
    return underway
  }
}

const settled = (work: Promise<unknown>): Promise<void> =>
  work.then(
    () => {},
    () => {}
  )
