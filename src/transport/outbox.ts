import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { CalendarId } from '../domain/ids.js'
import type { Selection, SlotRow } from '../domain/slot.js'
import { writeFrame } from './frame.js'
import { outboxHardBytesMax, outboxSoftBytesMax, outboxStatesMax } from './settings.js'

/**
 * What waits to be sent to one socket. ws has no bound of its own: a reader that stopped made its buffer grow by
 * 197 MB without an error.
 *
 * An outbox is in one of three states. IN_SYNC: everything is written as it comes. When more than `softBytesMax` is
 * left unsent it goes BEHIND: changes are no longer written but remembered, the newest per slot; once the socket has
 * drained they leave as one message and it is IN_SYNC again. A reader that is BEHIND for too long, owes more than
 * `hardBytesMax`, or has more changes waiting than `statesMax`, is OVER: the owner says goodbye and closes with 4008.
 * Nothing is lost by that which a snapshot does not have.
 */

export type OutboxState = 'IN_SYNC' | 'BEHIND' | 'OVER'
export type OutboxBound = 'bytes' | 'states' | 'time'

/** Newest states of one calendar. */
export interface Changes {
  rows: Map<string, SlotRow>
  selections: Map<string, Selection>
}

export const noChanges = (): Changes => ({ rows: new Map(), selections: new Map() })

/** Keeps what is newer; false: it was known. */
export function keepNewestRow(into: Changes, row: SlotRow): void {
  const known = into.rows.get(row.slot)
  if (known === undefined || known.ver < row.ver) into.rows.set(row.slot, row)
}

export function keepNewestSelection(into: Changes, selection: Selection): void {
  const known = into.selections.get(selection.viewer)
  if (known === undefined || known.seq < selection.seq) into.selections.set(selection.viewer, selection)
}

export interface OutboxOwner {
  /** The socket left the broadcast. */
  outboxBehind(outbox: Outbox): void
  /** It has drained: these are the frames of what it missed. */
  outboxCaughtUp(missed: ReadonlyMap<CalendarId, Changes>): Buffer[]
  outboxOver(bound: OutboxBound): void
  monotonicMs(): number
}

export class Outbox {
  #state: OutboxState = 'IN_SYNC'
  #behindSinceMs = 0
  #missed: Map<CalendarId, Changes> | undefined
  #missedCount = 0
  readonly #socket: WebSocket
  readonly #stream: Duplex
  readonly #owner: OutboxOwner

  constructor(socket: WebSocket, stream: Duplex, owner: OutboxOwner) {
    this.#socket = socket
    this.#stream = stream
    this.#owner = owner
  }

  get state(): OutboxState {
    return this.#state
  }

  /** Bytes that were written and not yet taken by the kernel. */
  get unsentBytes(): number {
    return this.#stream.writableLength
  }

  /** Answers and pushes that concern this reader alone. They are written also while it is behind, up to the hard bound. */
  send(frame: Buffer): void {
    if (this.#state === 'OVER') return
    // Measured before and not after: an answer larger than the bound must reach a reader that owes nothing.
    if (this.unsentBytes > outboxHardBytesMax) {
      this.#end('bytes')
      return
    }
    if (!writeFrame(this.#socket, this.#stream, frame)) return
    if (this.#state === 'IN_SYNC' && this.unsentBytes > outboxSoftBytesMax) this.#fallBehind()
  }

  /** One tick of one calendar: the shared frame for who is in sync, the states themselves for who is not. */
  broadcast(calendar: CalendarId, frames: readonly Buffer[], changes: Changes): void {
    for (const frame of frames) {
      if (this.#state !== 'IN_SYNC') {
        this.#remember(calendar, changes)
        return
      }
      this.send(frame)
    }
  }

  /** A calendar that is no longer watched is no longer owed. */
  forget(calendar: CalendarId): void {
    const changes = this.#missed?.get(calendar)
    if (changes === undefined) return
    this.#missedCount -= changes.rows.size + changes.selections.size
    this.#missed?.delete(calendar)
  }

  /** Called on every beat while behind. */
  checkTime(behindMaxMs: number): void {
    if (this.#state !== 'BEHIND') return
    if (this.#owner.monotonicMs() - this.#behindSinceMs > behindMaxMs) this.#end('time')
  }

  #fallBehind(): void {
    this.#state = 'BEHIND'
    this.#behindSinceMs = this.#owner.monotonicMs()
    this.#missed = new Map()
    this.#missedCount = 0
    // Only here a listener is made: ten thousand readers that keep up need none.
    this.#onceEmpty(() => this.#catchUp())
    this.#owner.outboxBehind(this)
  }

  /**
   * An empty write's callback comes when all before it has been taken. The 'drain' event would not do: it only comes
   * where a write went over the stream's own mark, which is another number on every version of Node.
   */
  #onceEmpty(then: () => void): void {
    this.#stream.write('', error => {
      if (!error) then()
    })
  }

  #catchUp(): void {
    if (this.#state !== 'BEHIND') return
    const missed = this.#missed ?? new Map<CalendarId, Changes>()
    this.#missed = undefined
    this.#missedCount = 0
    this.#state = 'IN_SYNC'
    for (const frame of this.#owner.outboxCaughtUp(missed)) this.send(frame)
  }

  #remember(calendar: CalendarId, changes: Changes): void {
    if (this.#state !== 'BEHIND' || this.#missed === undefined) return
    const mine = this.#missed.get(calendar) ?? noChanges()
    this.#missed.set(calendar, mine)
    const before = mine.rows.size + mine.selections.size
    for (const row of changes.rows.values()) keepNewestRow(mine, row)
    for (const selection of changes.selections.values()) keepNewestSelection(mine, selection)
    this.#missedCount += mine.rows.size + mine.selections.size - before
    if (this.#missedCount > outboxStatesMax) this.#end('states')
  }

  #end(bound: OutboxBound): void {
    this.#state = 'OVER'
    this.#missed = undefined
    this.#owner.outboxOver(bound)
  }
}
