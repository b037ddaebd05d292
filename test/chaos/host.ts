import type { Connection } from 'mysql2/promise'
import { atEnd } from '../../load-tests/harness/cleanup.js'
import { pick } from '../../load-tests/harness/random.js'
import { cameTrue, nowMs } from '../../load-tests/harness/time.js'
import type { Random } from '../../src/domain/clock.js'
import type { MariadbServer } from '../helpers/mariadb.js'
import { type Reaction, WebhookReceiver, webhookSecret } from '../helpers/webhook-receiver.js'
import type { HistoryEvent } from './history.js'

/** A fifth of all webhooks meets one of these; whoever hangs is given up after WEBHOOK_TIMEOUT_MS. */
const troubles: readonly Reaction[] = [
  500,
  503,
  404,
  'drop',
  'hang',
  { status: 302, headers: { location: '/' } }
]
const troubledRatio = 0.2
/** Between two absences, and how long one is. */
const presentMs = [4_000, 12_000] as const
const absentMs = [500, 3_000] as const
const drainWithinMs = 60_000

/** What an instance is told about the host. */
export const hostSettings = (host: Host): Record<string, string> => ({
  WEBHOOK_URL: host.url,
  WEBHOOK_SECRET: webhookSecret,
  WEBHOOK_TIMEOUT_MS: '500',
  WEBHOOK_RETRY_MS: '100'
})

/** Who is told by webhooks, and is as unreliable as everything else here; records what it took. */
export class Host {
  readonly #receiver: WebhookReceiver
  #well = false
  #absences: Promise<void> = Promise.resolve()

  private constructor(receiver: WebhookReceiver) {
    this.#receiver = receiver
  }

  static async start(random: Random, record: (event: HistoryEvent) => void): Promise<Host> {
    const receiver = await WebhookReceiver.start({ teardown: end => atEnd(end as () => Promise<void>) })
    const host = new Host(receiver)
    receiver.react = ({ type, data }, request) => {
      const reaction = !host.#well && random() < troubledRatio ? pick(random, troubles) : 204
      const { seq, slots, lock, booking } = data
      record({
        kind: 'webhook',
        at: nowMs(),
        id: String(request.headers['webhook-id']),
        taken: reaction === 204,
        type,
        seq,
        slots,
        ...(lock === undefined ? {} : { lock }),
        ...(booking === undefined ? {} : { booking })
      })
      return reaction
    }
    host.#absences = host.#comeAndGo(random)
    atEnd(() => host.recover())
    return host
  }

  get url(): string {
    return this.#receiver.url
  }

  get forged(): readonly string[] {
    return this.#receiver.forged
  }

  /** From now on it takes whatever it is told. */
  async recover(): Promise<void> {
    this.#well = true
    await this.#absences
  }

  async #comeAndGo(random: Random): Promise<void> {
    const between = ([least, most]: readonly [number, number]): number => least + random() * (most - least)
    while (await this.#stillIll(between(presentMs))) {
      this.#receiver.leave()
      await this.#stillIll(between(absentMs))
      this.#receiver.away = false
    }
  }

  /** Waits, and answers whether there is more to come. */
  async #stillIll(ms: number): Promise<boolean> {
    await cameTrue(async () => this.#well, ms)
    return !this.#well
  }
}

/** Waits until every entry of the audit trail has been delivered, as the database has it. Answers what was not. */
export async function drained(mariadb: MariadbServer): Promise<{ problems: string[]; afterMs: number }> {
  const startedAt = nowMs()
  const connection = await mariadb.connect()
  try {
    let left = Number.POSITIVE_INFINITY
    await cameTrue(async () => {
      left = await undelivered(connection)
      return left === 0
    }, drainWithinMs)
    const problems = left === 0 ? [] : [`${left} events were never delivered to the host`]
    return { problems, afterMs: nowMs() - startedAt }
  } finally {
    await connection.end()
  }
}

async function undelivered(connection: Connection): Promise<number> {
  const [rows] = await connection.query(
    `SELECT COUNT(*) AS n FROM audit a LEFT JOIN webhook_deliveries d ON d.seq = a.id AND d.state = 'delivered'
     WHERE d.seq IS NULL`
  )
  return Number((rows as { n: number }[])[0]!.n)
}
