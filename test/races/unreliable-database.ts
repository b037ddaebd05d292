import type fc from 'fast-check'
import { OutcomeUnknown, StoreUnavailable } from '../../src/domain/errors.js'
import type { BatchOutcome, Database, Statement } from '../../src/stores/sql/dialect.js'

/** What becomes of a packet on its way to the database and back. */
export const faults = [
  'none',
  'lost on the way',
  'answer lost',
  'carried out twice',
  'carried out later'
] as const
export type Fault = (typeof faults)[number]
/** The harm that the checker has to notice: said to be committed, and never was. */
export type Lie = 'acknowledged before commit'

export class UnreliableDatabase implements Database {
  readonly #real: Database
  readonly #scheduler: fc.Scheduler
  readonly #nextFault: () => Fault | Lie
  /** A crashed instance hears of nothing any more. */
  crashed = false

  constructor(real: Database, scheduler: fc.Scheduler, nextFault: () => Fault | Lie) {
    this.#real = real
    this.#scheduler = scheduler
    this.#nextFault = nextFault
  }

  get dialect() {
    return this.#real.dialect
  }

  inspect(): ReturnType<Database['inspect']> {
    return this.#real.inspect()
  }

  async transact(statements: readonly Statement[]): Promise<BatchOutcome> {
    const fault = this.#nextFault()
    await this.#travel('a packet arrives')
    switch (fault) {
      case 'lost on the way':
        throw new OutcomeUnknown('no answer')
      case 'carried out later':
        // whatever becomes of its sender meanwhile
        void this.#scheduler
          .schedule(Promise.resolve(), 'a packet arrives at last')
          .then(() => this.#real.transact(statements))
        throw new OutcomeUnknown('no answer')
      case 'acknowledged before commit':
        return { status: 'DONE', results: statements.map(() => ({ rows: [], changed: 1 })) }
      case 'none':
      case 'answer lost':
      case 'carried out twice': {
        const outcome = await this.#real.transact(statements)
        if (fault === 'carried out twice') await this.#real.transact(statements)
        await this.#travel('an answer arrives')
        if (fault === 'answer lost') throw new OutcomeUnknown('no answer')
        return outcome
      }
      default:
        return fault satisfies never
    }
  }

  async read(statements: readonly Statement[]) {
    await this.#travel('a read arrives')
    const rows = await this.#real.read(statements)
    await this.#travel('its rows arrive')
    return rows
  }

  migrate = () => this.#real.migrate()
  nowMs = () => this.#real.nowMs()
  monotonicMs = () => this.#real.monotonicMs()
  ping = () => this.#real.ping()
  close = () => Promise.resolve()

  async #travel(what: string): Promise<void> {
    await this.#scheduler.schedule(Promise.resolve(), what)
    if (this.crashed) throw new StoreUnavailable('the instance has crashed')
  }
}
