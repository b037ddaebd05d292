/**
 * Tells the server what the pointer or the focus rests on. What is merely passed over on the way is not worth a message
 * to everybody, so it has to rest for a moment.
 */
const restMs = 120

export class Hover {
  readonly #select: (slot: string | null) => void
  #wanted: string | null = null
  #told: string | null = null
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(select: (slot: string | null) => void) {
    this.#select = select
  }

  over(slot: string | null): void {
    if (slot === this.#wanted) return
    this.#wanted = slot
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#tell(), restMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#wanted = null
    this.#told = null
  }

  #tell(): void {
    if (this.#wanted === this.#told) return
    this.#told = this.#wanted
    this.#select(this.#wanted)
  }
}
