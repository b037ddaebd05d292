/**
 * Visits every state that a model can reach, nearest first, and stops at the first one that breaks a promise; so the
 * story it then tells is a shortest one. Nothing is sampled: HOLDS means that every order of events within the
 * model's bounds was tried.
 *
 * A state is a fixed number of bytes. Millions of them are kept side by side in large arrays, which is what makes an
 * exhaustive run fit into a test: a state costs its own bytes, four for its predecessor, and about eight in the table.
 */

export interface Model {
  /** Bytes per state; a multiple of 4. */
  readonly width: number
  initial(): Uint8Array
  /** Calls `found` for each next state. The bytes belong to the model again as soon as `found` returns. */
  successors(state: Uint8Array, found: (next: Uint8Array, what: () => string) => void): void
  /**
   * Writes to `out` the one state that stands for all that differ from `state` only by renaming interchangeable
   * parts. A model without symmetry copies.
   */
  canonical(state: Uint8Array, out: Uint8Array): void
  /** The promise that this state breaks. */
  broken(state: Uint8Array): string | undefined
}

export type Verdict =
  | { status: 'HOLDS'; states: number; steps: number; depth: number; elapsedMs: number }
  | { status: 'VIOLATED'; promise: string; trace: string[]; states: number; elapsedMs: number }
  /** The bound on states was met before the end: nothing can be said. */
  | { status: 'UNFINISHED'; states: number; elapsedMs: number }

export function check(model: Model, statesMax: number): Verdict {
  const startedAt = performance.now()
  const elapsedMs = () => Math.round(performance.now() - startedAt)
  const seen = new StateSet(model.width)
  const canonical = new Uint8Array(model.width)
  const canonicalWords = new Int32Array(canonical.buffer)
  const state = new Uint8Array(model.width)
  const stateWords = new Int32Array(state.buffer)
  let steps = 0
  let broken = -1

  model.canonical(model.initial(), canonical)
  seen.add(canonicalWords, -1)

  let at = 0
  let depth = 0
  let depthEnds = 1
  const found = (next: Uint8Array): void => {
    steps++
    model.canonical(next, canonical)
    const index = seen.add(canonicalWords, at)
    if (index >= 0 && broken < 0 && model.broken(canonical) !== undefined) broken = index
  }
  while (at < seen.size && broken < 0) {
    if (at === depthEnds) {
      depth++
      depthEnds = seen.size
    }
    if (seen.size > statesMax) return { status: 'UNFINISHED', states: seen.size, elapsedMs: elapsedMs() }
    seen.read(at, stateWords)
    model.successors(state, found)
    at++
  }
  if (broken < 0) return { status: 'HOLDS', states: seen.size, steps, depth, elapsedMs: elapsedMs() }
  const trace = retell(model, seen, broken)
  seen.read(broken, stateWords)
  return {
    status: 'VIOLATED',
    promise: model.broken(state) ?? '',
    trace,
    states: seen.size,
    elapsedMs: elapsedMs()
  }
}

/**
 * The steps from the start to a state. What was stored is renamed at every step, so the names in it would jump from
 * one user to the other in mid-story; hence the way is walked again without renaming, choosing each time a successor
 * that stands for the stored one.
 */
function retell(model: Model, seen: StateSet, last: number): string[] {
  const way: number[] = []
  for (let index = last; index > 0; index = seen.parent(index)) way.unshift(index)
  const trace: string[] = []
  const wanted = new Uint8Array(model.width)
  const canonical = new Uint8Array(model.width)
  let here = model.initial()
  for (const index of way) {
    seen.read(index, new Int32Array(wanted.buffer))
    let there: Uint8Array | undefined
    model.successors(here, (next, what) => {
      if (there !== undefined) return
      model.canonical(next, canonical)
      if (!canonical.every((byte, i) => byte === wanted[i])) return
      there = next.slice()
      trace.push(what())
    })
    if (there === undefined)
      throw new Error('the model gave other successors the second time: it is not a function')
    here = there
  }
  return trace
}

const statesPerChunk = 1 << 16

/** A set of equally long byte strings, each known by the number it was added as. */
class StateSet {
  size = 0
  readonly #words: number
  readonly #chunks: Int32Array[] = []
  readonly #parents: Int32Array[] = []
  #table = new Int32Array(1 << 16).fill(-1)

  constructor(width: number) {
    if (width % 4 !== 0) throw new RangeError('the width of a state is a multiple of 4')
    this.#words = width / 4
  }

  read(index: number, into: Int32Array): void {
    const chunk = this.#chunks[Math.floor(index / statesPerChunk)]!
    const from = (index % statesPerChunk) * this.#words
    for (let i = 0; i < this.#words; i++) into[i] = chunk[from + i]!
  }

  parent(index: number): number {
    return this.#parents[Math.floor(index / statesPerChunk)]![index % statesPerChunk]!
  }

  /** The number of a state that is new; -1 for one that is known. */
  add(words: Int32Array, parent: number): number {
    if (this.size * 2 >= this.#table.length) this.#grow()
    const mask = this.#table.length - 1
    let place = hash(words, 0, this.#words) & mask
    for (let index = this.#table[place]!; index >= 0; index = this.#table[place]!) {
      if (this.#equals(index, words)) return -1
      place = (place + 1) & mask
    }
    const within = this.size % statesPerChunk
    if (within === 0) {
      this.#chunks.push(new Int32Array(statesPerChunk * this.#words))
      this.#parents.push(new Int32Array(statesPerChunk))
    }
    this.#parents.at(-1)![within] = parent
    this.#chunks.at(-1)!.set(words, within * this.#words)
    this.#table[place] = this.size
    return this.size++
  }

  #equals(index: number, words: Int32Array): boolean {
    const chunk = this.#chunks[Math.floor(index / statesPerChunk)]!
    const from = (index % statesPerChunk) * this.#words
    for (let i = 0; i < this.#words; i++) if (chunk[from + i] !== words[i]) return false
    return true
  }

  #grow(): void {
    this.#table = new Int32Array(this.#table.length * 2).fill(-1)
    const mask = this.#table.length - 1
    for (let index = 0; index < this.size; index++) {
      const chunk = this.#chunks[Math.floor(index / statesPerChunk)]!
      let place = hash(chunk, (index % statesPerChunk) * this.#words, this.#words) & mask
      while (this.#table[place]! >= 0) place = (place + 1) & mask
      this.#table[place] = index
    }
  }
}

function hash(words: Int32Array, from: number, count: number): number {
  let h = 0x9e3779b9
  for (let i = from; i < from + count; i++) {
    h = Math.imul(h ^ words[i]!, 0x85ebca6b)
    h ^= h >>> 13
  }
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
