import type { SlotId } from '../../src/domain/ids.js'
import type { SlotRow } from '../../src/domain/slot.js'
import type { ErrorCode } from '../../src/protocol/codes.js'
import type { LockView } from '../../src/protocol/schemas.js'
import { until } from '../helpers/process.js'
import { type Answer, WsClient } from '../helpers/ws-client.js'
import { calendar, day, slot } from './places.js'

interface SlotOnScreen {
  slot: SlotId
  state: string
  ver: number
}

/**
 * A person with a browser: asks over the wire, and has a screen that applies the version rule to the snapshot and to
 * whatever is pushed, and does nothing else.
 */
export class Visitor {
  readonly client: WsClient & { session: Record<string, unknown> }
  readonly token: string
  #snapshot: SlotOnScreen[] = []

  private constructor(client: WsClient & { session: Record<string, unknown> }) {
    this.client = client
    this.token = client.session.token as string
  }

  static async open(ws: string, token?: string): Promise<Visitor> {
    return new Visitor(await WsClient.open(ws, token))
  }

  /** From here on the screen lives. */
  async watch(): Promise<this> {
    const { result } = await this.client.request('watch', { calendar, from: day, to: day })
    this.#snapshot = result!.slots as SlotOnScreen[]
    return this
  }

  /** What the screen shows now. */
  get screen(): Map<SlotId, SlotOnScreen> {
    const screen = new Map(this.#snapshot.map(state => [state.slot, state]))
    for (const push of this.client.pushes('slots')) {
      for (const state of push.slots as SlotOnScreen[]) {
        if (state.ver > (screen.get(state.slot)?.ver ?? -1)) screen.set(state.slot, state)
      }
    }
    return screen
  }

  /** What the screen shows of the nth slot. */
  sees(n: number): string | undefined {
    return this.screen.get(slot(n))?.state
  }

  /** Waits until the screen shows what the database has; fails with a slot in which they differ. */
  async untilScreenEquals(rows: () => Promise<Map<SlotId, SlotRow>>, boundMs?: number): Promise<void> {
    let differs: [SlotRow, SlotOnScreen | undefined] | undefined
    await until(
      'the screen shows what the database has',
      async () => {
        const { screen } = this
        for (const row of (await rows()).values()) {
          const shown = screen.get(row.slot)
          if (shown?.state === row.state) continue
          differs = [row, shown]
          return false
        }
        return true
      },
      boundMs
    ).catch(error => {
      throw new Error(`the database and the screen: ${JSON.stringify(differs)}, ${this.client.close?.code}`, {
        cause: error
      })
    })
  }

  lock(
    slots: number[],
    more: { ttlMs?: number; requestId?: string; replaces?: string } = {}
  ): Promise<Answer> {
    return this.client.request('lock', { calendar, slots: slots.map(n => slot(n)), ...more })
  }

  /** Locks, or fails the test with the answer. */
  async locked(slots: number[], more: Parameters<Visitor['lock']>[1] = {}): Promise<LockView> {
    return lockIn(await this.lock(slots, more))
  }

  extend(lock: LockView, ttlMs?: number): Promise<Answer> {
    return this.client.request('extend', { lock: lock.id, ...(ttlMs === undefined ? {} : { ttlMs }) })
  }

  release(lock: LockView): Promise<Answer> {
    return this.client.request('release', { lock: lock.id })
  }

  book(lock: LockView, requestId = `book-${lock.id}`): Promise<Answer> {
    return this.client.request('book', { lock: lock.id, requestId, customer: { name: 'Ann' } })
  }

  /** Ids of the live locks, as the service tells them. */
  async locks(): Promise<string[]> {
    const { result } = await this.client.request('locks')
    return (result!.locks as LockView[]).map(lock => lock.id)
  }
}

export const codeOf = (answer: Answer): ErrorCode | 'ok' => (answer.ok ? 'ok' : answer.error!.code)

export function lockIn(answer: Answer): LockView {
  if (answer.result === undefined) throw new Error(`refused: ${JSON.stringify(answer.error)}`)
  return answer.result.lock as LockView
}
