import type { Clock } from '../../domain/clock.js'
import { StoreError } from '../../domain/errors.js'
import type { CalendarId } from '../../domain/ids.js'
import { type CalendarDay, endOfDay, type UtcDay, utcDaysOf } from '../../domain/row-cache.js'
import type { FastPath } from '../lane/fast-path.js'
import type { CachedRows } from '../reading/cached-rows.js'
import type { CalendarDirectory } from '../reading/calendars.js'
import { Cycle } from '../tools/cycle.js'
import type { Timers } from '../tools/timers.js'

/** Days that are warmed up at once, and at a time: so many as a client's week, twice. */
const daysMax = 500
const daysPerReading = 14
/** Where nothing is known of what was read: so many calendars, the next so many days of each. */
const calendarsMax = 50
const daysAhead = 14
const dayMs = 86_400_000
/** Whoever is not done by then is warmed by the visitors. */
const boundMs = 30_000
const retryMs = 250

export interface WarmingLog {
  info(fields: object, message: string): void
}

export interface Warmed {
  calendars: number
  days: number
  /** Of these: brought to Redis now; the others were there and good. */
  filled: number
  tookMs: number
}

export interface WarmingParts {
  fastPath: FastPath
  rows: Pick<CachedRows, 'warm' | 'prepare'>
  calendars: Pick<CalendarDirectory, 'list'>
  nowMs: () => number
  clock: Clock
  timers: Timers
  log: WarmingLog
}

/**
 * Brings the rows of those days to Redis that were read lately, so that the first visitors after a start find them
 * there. In the background, one reading after the other and never for long: nobody waits for it, and what it does
 * not get done the visitors' own readings do.
 */
export class Warming {
  readonly #parts: WarmingParts
  readonly #cycle: Cycle
  readonly #startedAt: number
  #stopped = false
  #over = false

  constructor(parts: WarmingParts) {
    this.#parts = parts
    this.#startedAt = parts.clock.monotonic()
    this.#cycle = new Cycle(parts, () => this.#turn())
  }

  /** Begins as soon as Redis is used, and what is brought there will be believed. */
  start(): void {
    this.#cycle.start(retryMs)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#cycle.stop()
  }

  /** `of` absent: what was read lately, or else the next days of every calendar. Throws StoreError. */
  async warm(
    of: { calendars?: readonly CalendarId[] | undefined; days?: number | undefined } = {}
  ): Promise<Warmed> {
    const { clock, rows, fastPath } = this.#parts
    const startedAt = clock.monotonic()
    const wanted = await this.#wanted(of)
    const warmed: Warmed = { calendars: wanted.size, days: 0, filled: 0, tookMs: 0 }
    for (const [calendar, days] of wanted) {
      for (let from = 0; from < days.length; from += daysPerReading) {
        // without Redis what is read goes nowhere
        if (this.#stopped || !fastPath.open || clock.monotonic() - startedAt > boundMs) break
        const some = days.slice(from, from + daysPerReading)
        const { filled } = await rows.warm(calendar, some)
        warmed.days += some.length
        warmed.filled += filled
      }
    }
    return { ...warmed, tookMs: Math.round(clock.monotonic() - startedAt) }
  }

  async #wanted(of: Parameters<Warming['warm']>[0] = {}): Promise<Map<CalendarId, UtcDay[]>> {
    const { nowMs, fastPath, calendars } = this.#parts
    const wanted = new Map<CalendarId, UtcDay[]>()
    const chosen = of.calendars ?? []
    if (chosen.length === 0 && of.days === undefined) {
      const lately = (await fastPath.attempt(lane => lane.rows.lately(daysMax))) ?? []
      for (const { calendar, day } of lately.filter(isToCome(nowMs()))) {
        wanted.set(calendar, [...(wanted.get(calendar) ?? []), day])
      }
      for (const days of wanted.values()) days.sort()
      if (wanted.size > 0) return wanted
    }
    const names =
      chosen.length > 0 ? chosen : (await calendars.list()).map(({ id }) => id).slice(0, calendarsMax)
    const now = nowMs()
    for (const calendar of names) wanted.set(calendar, utcDaysOf(now, now + (of.days ?? daysAhead) * dayMs))
    return wanted
  }

  /** Once is enough; while Redis is not used yet it is tried again, for as long as it may take. */
  async #turn(): Promise<number> {
    const { fastPath, rows, clock, log } = this.#parts
    if (this.#over) return never
    try {
      if (fastPath.open && rows.prepare()) {
        this.#over = true
        const warmed = await this.warm()
        log.info({ ...warmed }, `warmed up ${warmed.filled} of ${warmed.days} days in ${warmed.tookMs} ms`)
        return never
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
    }
    return clock.monotonic() - this.#startedAt > boundMs ? never : retryMs
  }
}

/** Longer than any process runs; the timer that waits for it keeps nothing alive. */
const never = 10 * 366 * dayMs

const isToCome =
  (nowMs: number) =>
  ({ day }: CalendarDay): boolean =>
    endOfDay(day) > nowMs
