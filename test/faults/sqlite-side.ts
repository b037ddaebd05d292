import { DatabaseSync } from '@photostructure/sqlite'
import type { Clock } from '../../src/domain/clock.js'
import { until } from '../helpers/process.js'
import { calendar, slot } from './places.js'
import type { World } from './world.js'

/** What stories about the order of events share: the database's clock in the test's hand, and statements without a guard. */

/** SQLite's clock as the test wants it: it runs, stands, and jumps ahead. The process' own clock goes on regardless. */
export class JumpingClock implements Clock {
  #aheadMs = 0
  #standsAt: number | undefined

  now = (): number => this.#standsAt ?? Date.now() + this.#aheadMs
  monotonic = (): number => performance.now()

  /** So much time goes by at once. */
  pass(ms: number): void {
    if (this.#standsAt === undefined) this.#aheadMs += ms
    else this.#standsAt += ms
  }

  /** From here on it is `ms`, for as long as the test says nothing else. */
  standAt(ms: number): void {
    this.#standsAt = ms
  }

  /** It runs on from where it stands. */
  run(): void {
    if (this.#standsAt === undefined) return
    this.#aheadMs = this.#standsAt - Date.now()
    this.#standsAt = undefined
  }
}

type Row = Record<string, string | number | null>

/** Twins: statements as somebody might have written them, straight at the file. */
export class Unguarded {
  readonly #connection: InstanceType<typeof DatabaseSync>

  constructor(t: { teardown(end: () => unknown): void }, { file }: Pick<World, 'file'>) {
    this.#connection = new DatabaseSync(file, { timeout: 2_000 })
    t.teardown(() => this.#connection.close())
  }

  /** Answers how many rows were changed. */
  run(statement: string, values: Row = {}): number {
    return Number(this.#connection.prepare(statement).run(values).changes)
  }

  all(statement: string, values: Row = {}): Row[] {
    return this.#connection.prepare(statement).all(values) as Row[]
  }

  /** Frees the nth slot, whoever has it, in a way that every reader takes for a change. */
  freeSlot(n: number, and = ''): number {
    return this.run(
      `UPDATE slots SET state = 'free', owner = '', expires_ms = 0, ver = ver + 1
       WHERE calendar = '${calendar}' AND slot = '${slot(n)}' ${and}`
    )
  }
}

/** Carries a call out later than it was made: a packet in a queue, a process that was not scheduled. */
export class Turnstile {
  waiting = 0
  #open: (() => void)[] = []
  closed = false

  /** Lets everything through that waits, and what comes from now on. */
  open(): void {
    this.closed = false
    for (const through of this.#open.splice(0)) through()
  }

  untilSomebodyWaits(): Promise<void> {
    return until('a call waits', () => this.waiting > 0)
  }

  async pass(): Promise<void> {
    if (!this.closed) return
    this.waiting += 1
    await new Promise<void>(resolve => this.#open.push(resolve))
    this.waiting -= 1
  }
}

/** The answer to a release, whatever there was to release. */
export const released = { ok: true, result: { released: true } }
