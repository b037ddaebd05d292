/**
 * Which of many things is due next: one timer can serve them all. A binary heap, with a map beside it that says
 * which entry of a key still counts; the others are passed over when they come to the top.
 */
export class Deadlines<Key> {
  readonly #entriesMax: number
  readonly #dueAt = new Map<Key, number>()
  #heap: { key: Key; at: number }[] = []

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  get size(): number {
    return this.#dueAt.size
  }

  /** False: there is no room for another key, and this one is not remembered. */
  set(key: Key, at: number): boolean {
    const had = this.#dueAt.get(key)
    if (had === at) return true
    if (had === undefined && this.#dueAt.size >= this.#entriesMax) return false
    this.#dueAt.set(key, at)
    // Locks that end early leave their entries behind; without this a busy hour would keep every lock of the hour.
    if (this.#heap.length >= 64 + 2 * this.#dueAt.size) this.#rebuild()
    else this.#push({ key, at })
    return true
  }

  delete(key: Key): void {
    this.#dueAt.delete(key)
  }

  /** undefined: nothing is due ever. */
  nextAt(): number | undefined {
    this.#dropDead()
    return this.#heap[0]?.at
  }

  /** Takes out one that is due at `now` or was before. */
  takeDue(now: number): Key | undefined {
    this.#dropDead()
    const first = this.#heap[0]
    if (first === undefined || first.at > now) return undefined
    this.#pop()
    this.#dueAt.delete(first.key)
    return first.key
  }

  #dropDead(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#dueAt.get(first.key) === first.at) return
      this.#pop()
    }
  }

  #rebuild(): void {
    // An array sorted by time is a heap.
    this.#heap = [...this.#dueAt].map(([key, at]) => ({ key, at })).sort((a, b) => a.at - b.at)
  }

  #push(entry: { key: Key; at: number }): void {
    const heap = this.#heap
    let index = heap.push(entry) - 1
    while (index > 0) {
      const above = (index - 1) >> 1
      if (heap[above]!.at <= entry.at) break
      heap[index] = heap[above]!
      index = above
    }
    heap[index] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let below = 2 * index + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && heap[below + 1]!.at < heap[below]!.at) below += 1
      if (heap[below]!.at >= last.at) break
      heap[index] = heap[below]!
      index = below
    }
    heap[index] = last
  }
}
