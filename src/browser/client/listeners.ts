/** Who wants to be told. One that throws keeps the others from nothing; its error is thrown where nobody catches it. */
export class Listeners<Event> {
  readonly #listeners = new Set<(event: Event) => void>()

  /** Answers how to stop. The same function twice is two listeners. */
  add(listener: (event: Event) => void): () => void {
    const own = (event: Event): void => listener(event)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  tell(event: Event): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
