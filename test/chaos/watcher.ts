import { ask } from '../../load-tests/harness/http-client.js'
import { Picture } from '../../load-tests/harness/picture.js'
import { nowMs, pause } from '../../load-tests/harness/time.js'
import { WsClient } from '../../load-tests/harness/ws-driver.js'
import type { Random } from '../../src/domain/clock.js'
import type { SlotState } from '../../src/protocol/schemas.js'
import type { Calendar } from './calendar.js'
import type { Address } from './caller.js'
import type { HistoryEvent } from './history.js'

const reconnectMs = 50
const reconnectJitterMs = 250
const lookMs = 25
/** Somebody else opens the page about so often; what they read may come from a copy. */
const pageMs = 400

export interface WatcherOptions {
  instance: number
  address: Address
  calendar: Calendar
  random: Random
  record(event: HistoryEvent): void
}

/**
 * A screen that stays with one instance: reads a snapshot, follows the pushes, keeps the greater version, and starts
 * again with a snapshot whenever its connection is gone. Beside it the page is opened again and again, over HTTP.
 */
export class Watcher {
  readonly name: string
  readonly picture = new Picture()
  /** A snapshot was read on the connection that is open now. */
  watching = false
  readonly #options: WatcherOptions
  #ended = false
  #client: WsClient | undefined

  constructor(name: string, options: WatcherOptions) {
    this.name = name
    this.#options = options
  }

  /** Until `end`. */
  async follow(): Promise<void> {
    await Promise.all([this.#followPushes(), this.#openPages()])
  }

  async #openPages(): Promise<void> {
    const { address, calendar, random } = this.#options
    const url = `${address.http}/v1/calendars/${calendar.id}/slots?from=${calendar.from}&to=${calendar.to}`
    while (!this.#ended) {
      const askedAt = nowMs()
      const answer = await ask(url).catch(() => undefined)
      if (answer?.status === 200)
        this.#record((JSON.parse(answer.text) as { slots: SlotState[] }).slots, nowMs(), askedAt)
      await pause(pageMs * (0.5 + random()))
    }
  }

  async #followPushes(): Promise<void> {
    const { random } = this.#options
    while (!this.#ended) {
      try {
        await this.#watchOnce()
      } catch {
        // refused or broken: come back a little later, as every client does
      }
      this.watching = false
      if (!this.#ended) await pause(reconnectMs + random() * reconnectJitterMs)
    }
  }

  end(): void {
    this.#ended = true
    this.#client?.close()
  }

  async #watchOnce(): Promise<void> {
    const { address, calendar } = this.#options
    const client = await WsClient.open({
      url: address.ws,
      onPush: (push, at) => {
        if (push.type === 'slots') this.#see(push.slots, at)
      }
    })
    this.#client = client
    try {
      while (client.closed === undefined && !this.#ended) {
        if (!this.watching) {
          const askedAt = nowMs()
          const { id, from, to } = calendar
          const answer = await client.request('watch', { calendar: id, from, to })
          if (answer.ok) {
            this.#see((answer.result as { slots: SlotState[] }).slots, nowMs(), askedAt)
            this.watching = true
          }
        }
        await pause(lookMs)
      }
    } finally {
      client.close()
    }
  }

  #see(slots: readonly SlotState[], at: number, askedAt?: number): void {
    this.picture.apply(slots)
    this.#record(slots, at, askedAt)
  }

  #record(slots: readonly SlotState[], at: number, askedAt?: number): void {
    this.#options.record({
      kind: 'push',
      watcher: this.name,
      instance: this.#options.instance,
      ...(askedAt === undefined ? {} : { askedAt }),
      at,
      // never changed, so nothing to say about it
      slots: slots
        .filter(({ ver }) => ver > 0)
        .map(({ slot, state, ver, by }) => ({ slot, state, ver, ...(by === undefined ? {} : { by }) }))
    })
  }
}
