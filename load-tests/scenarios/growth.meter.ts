import type { LockView } from '../../src/protocol/schemas.js'
import type { Cluster } from '../harness/cluster.js'
import { watchCpu } from '../harness/cpu.js'
import { LockerCrowd } from '../harness/locker-crowd.js'
import type { Context } from '../harness/scenario.js'
import { percentile } from '../harness/stats.js'
import { atRate, nowMs } from '../harness/time.js'
import { openRawCommit, openRawLock, type RawCommit, type RawLock } from '../reference/raw.js'

export const processes = ['server', 'redis', 'database'] as const

/** What one lock cost while it was measured. */
export interface Cost {
  /** Of all processes together. */
  cpuUs: number
  parts: Record<(typeof processes)[number], number>
  p50Ms: number
  /** One raw EVALSHA and one raw commit, at the same rate right after. */
  rawP50Ms: number
}

const locksPerSecond = 100
const passes = 3
const defaultPassMs = 2_000

/** Locks at a steady rate, each on a slot of its own, and what they cost; the same raw calls in turn. */
export class CostMeter {
  readonly #cluster: Cluster
  readonly #context: Context
  readonly #lockers: LockerCrowd
  readonly #rawLock: RawLock
  readonly #rawCommit: RawCommit
  readonly #granted: { calendar: string; lock: string; slot: string }[] = []
  #raw = 0

  private constructor(
    cluster: Cluster,
    context: Context,
    lockers: LockerCrowd,
    raw: { lock: RawLock; commit: RawCommit }
  ) {
    this.#cluster = cluster
    this.#context = context
    this.#lockers = lockers
    this.#rawLock = raw.lock
    this.#rawCommit = raw.commit
  }

  static async open(cluster: Cluster, calendars: readonly string[], context: Context): Promise<CostMeter> {
    const meter = new CostMeter(cluster, context, new LockerCrowd(cluster.ws.slice(0, 1), calendars), {
      lock: openRawLock(cluster.redisUrl!),
      commit: await openRawCommit({ mysqlUrl: cluster.mysqlUrl })
    })
    // what V8 has not compiled yet would make the first size the dearest
    await meter.#pass()
    await meter.#pass()
    return meter
  }

  async measure(what: string): Promise<Cost[]> {
    const costs: Cost[] = []
    for (let pass = 0; pass < passes; pass++) costs.push(await this.#pass())
    const told = costs.map(({ cpuUs, p50Ms }) => `${cpuUs.toFixed(0)} µs, p50 ${p50Ms.toFixed(2)} ms`)
    this.#context.log(`${what}: ${told.join('; ')}`)
    return costs
  }

  /** Looks whether the database has what was acknowledged. */
  async close(): Promise<void> {
    const { report } = this.#context
    const calendars = [...new Set(this.#granted.map(({ calendar }) => calendar))]
    const held = new Map<string, string>()
    for (const calendar of calendars)
      for (const row of await this.#cluster.truth.slots(calendar))
        held.set(`${calendar} ${row.slot}`, row.token)
    const missing = this.#granted.filter(
      ({ calendar, slot, lock }) => held.get(`${calendar} ${slot}`) !== lock
    )
    report.check(
      'every acknowledged lock is in the database under its own id',
      missing.length === 0,
      `${missing.length} are not, such as ${missing[0]?.slot}`,
      this.#granted.length
    )
    this.#lockers.close()
    this.#rawLock.close()
    await this.#rawCommit.close()
  }

  async #pass(): Promise<Cost> {
    const { options } = this.#context
    const forMs = options.forS === undefined ? defaultPassMs : options.forS * 1000
    const { pids } = this.#cluster
    await this.#lockers.fill(Math.ceil((2 * locksPerSecond * forMs) / 1000))
    const cpu = watchCpu({ server: pids.slotlock, redis: pids.redis, database: pids.mariadb })
    const tookMs = await this.#each(forMs, due => this.#lock(due))
    const used = cpu()
    const rawMs = await this.#each(forMs, async due => {
      const slot = `growth-${process.pid}-${this.#raw++}-${due}`
      await this.#rawLock.take(slot, 'raw')
      await this.#rawCommit.insert(slot)
      return nowMs() - due
    })
    const parts = Object.fromEntries(processes.map(who => [who, used[who]! / tookMs.length])) as Cost['parts']
    return {
      cpuUs: parts.server + parts.redis + parts.database,
      parts,
      p50Ms: percentile(tookMs, 50),
      rawP50Ms: percentile(rawMs, 50)
    }
  }

  async #each(forMs: number, one: (dueMs: number) => Promise<number>): Promise<number[]> {
    const underway: Promise<number>[] = []
    await atRate(locksPerSecond, forMs, due => underway.push(one(due)))
    return Promise.all(underway)
  }

  async #lock(dueMs: number): Promise<number> {
    const { calendar, slot, answer } = await this.#lockers.lock(dueMs)
    const { report } = this.#context
    report.check(
      'a lock on a free slot is granted, or refused as BUSY',
      answer.ok || answer.error.code === 'BUSY',
      JSON.stringify(answer)
    )
    if (answer.ok) this.#granted.push({ calendar, slot, lock: (answer.result as { lock: LockView }).lock.id })
    return answer.tookMs
  }
}
