import type { Redis } from 'ioredis'
import type { RedisCounters } from './counters.js'

/**
 * The ear: one connection, a set of channels that are wanted, and a heartbeat.
 *
 * Wanting is separate from having. `subscribe` and `unsubscribe` only change what is wanted, at any time, also while
 * there is no connection; once in a tick the difference to what the server has confirmed goes out as one SUBSCRIBE
 * and one UNSUBSCRIBE. A message of a channel that is not wanted any more is dropped.
 *
 * When the connection closes, nothing is confirmed any more. When it is ready again, everything wanted is the
 * difference, so it all goes out by the same way. Only the server's confirmation ends a gap: what was published
 * before it is gone, and `onSubscribed` says so for each channel, so that the caller can read again.
 *
 * Deafness: a connection that lost its peer without a word looks idle, and a subscriber is idle for most of its
 * life. (One that was cut off stayed `ready` for as long as it was watched.) So there is a PING every 500 ms, and
 * after three without any answer the connection is dropped and made anew. PINGs are counted, not milliseconds: when
 * this process itself stood still for two seconds, only one PING went out meanwhile, and its answer is on its way.
 */
export class Subscriber {
  readonly #client: Redis
  readonly #counters: RedisCounters
  readonly #onSubscribed: (channels: string[], again: boolean) => void
  readonly #wanted = new Set<string>()
  /** Sent or confirmed on this connection. */
  #sent = new Set<string>()
  /** Of these, each that had been confirmed before on some connection: for these a confirmation ends a gap. */
  readonly #heardBefore = new Set<string>()
  #flushing = false
  #hears = false
  #unanswered = 0
  readonly #heartbeat: NodeJS.Timeout

  constructor(options: {
    client: Redis
    counters: RedisCounters
    onMessage: (channel: string, text: string) => void
    /** The server confirmed these. `again`: they were heard before, and something may have been missed. */
    onSubscribed: (channels: string[], again: boolean) => void
  }) {
    this.#client = options.client
    this.#counters = options.counters
    this.#onSubscribed = options.onSubscribed
    this.#client.on('message', (channel: string, text: string) => {
      this.#unanswered = 0
      if (this.#wanted.has(channel)) options.onMessage(channel, text)
      else this.#counters.eventsUnwanted++
    })
    this.#client.on('close', () => {
      this.#sent = new Set()
      this.#hears = false
      this.#unanswered = 0
    })
    this.#client.on('ready', () => this.#flushSoon())
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs).unref()
  }

  /** The server has confirmed what was wanted when this connection began; it hears. */
  get ready(): boolean {
    return this.#hears
  }

  subscribe(channel: string): void {
    this.#wanted.add(channel)
    this.#flushSoon()
  }

  unsubscribe(channel: string): void {
    this.#wanted.delete(channel)
    this.#heardBefore.delete(channel)
    this.#flushSoon()
  }

  close(): void {
    clearInterval(this.#heartbeat)
    this.#client.disconnect()
  }

  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      if (this.#client.status === 'ready') this.#flush()
    })
  }

  #flush(): void {
    const sent = this.#sent
    const add = [...this.#wanted].filter(channel => !sent.has(channel))
    const drop = [...sent].filter(channel => !this.#wanted.has(channel))
    for (const channel of add) sent.add(channel)
    for (const channel of drop) sent.delete(channel)
    if (drop.length > 0) this.#client.unsubscribe(...drop).catch(this.#startOver)
    if (add.length > 0) {
      this.#client.subscribe(...add).then(() => {
        // a connection that closed meanwhile has a set of its own, and this confirmation says nothing about it
        if (sent === this.#sent) this.#confirm(add)
      }, this.#startOver)
    }
  }

  #confirm(channels: string[]): void {
    this.#unanswered = 0
    this.#hears = true
    const again = channels.filter(channel => this.#heardBefore.has(channel))
    const first = channels.filter(channel => !this.#heardBefore.has(channel) && this.#wanted.has(channel))
    for (const channel of first) this.#heardBefore.add(channel)
    if (again.length > 0) {
      this.#counters.subscriberGaps++
      this.#onSubscribed(again, true)
    }
    if (first.length > 0) this.#onSubscribed(first, false)
  }

  #beat(): void {
    if (this.#client.status !== 'ready') return
    if (this.#unanswered >= heartbeatsUnansweredMax) {
      this.#counters.subscriberDeaf++
      this.#startOver()
      return
    }
    this.#unanswered++
    this.#client.ping().then(
      () => {
        this.#unanswered = 0
      },
      () => {
        // counted as unanswered already
      }
    )
  }

  /** What the server has taken is unknown, so nothing that was sent counts. */
  readonly #startOver = (): void => {
    this.#hears = false
    this.#unanswered = 0
    if (this.#client.status === 'ready') this.#client.disconnect(true)
  }
}

const heartbeatMs = 500
const heartbeatsUnansweredMax = 3
