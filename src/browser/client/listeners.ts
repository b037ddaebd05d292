/** Who wants to be told. One that throws keeps the others from nothing; its error is thrown where nobody catches it. */
export class Listeners<Event> {
  readonly #listeners = new Set<{ tell: (event: Event) => void }>()

  /** Answers how to stop. The same function twice is two listeners. */
  add(tell: (event: Event) => void): () => void {
    const listener = { tell }
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  tell(event: Event): void {
    for (const { tell } of [...this.#listeners]) {
      try {
        tell(event)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
