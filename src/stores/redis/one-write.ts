import type { Redis } from 'ioredis'

/**
 * What is sent in one turn of the event loop leaves in one write: a system call is most of what a command costs here, and
 * each of them wakes the server up. Nothing is batched over time: the turn's end comes before the process would wait.
 */
export class OneWrite {
  readonly #redis: Redis
  #corked: Redis['stream'] | undefined

  constructor(redis: Redis) {
    this.#redis = redis
  }

  /** Call before sending. */
  begin(): void {
    if (this.#corked !== undefined || this.#redis.status !== 'ready') return
    const { stream } = this.#redis
    this.#corked = stream
    stream.cork()
    setImmediate(() => {
      this.#corked = undefined
      stream.uncork()
    })
  }
}
