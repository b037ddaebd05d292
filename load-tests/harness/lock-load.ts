import type { LockView } from '../../src/protocol/schemas.js'
import { atEnd } from './cleanup.js'
import type { Service } from './cluster.js'
import type { Report } from './report.js'
import { slotAt } from './slots.js'
import { nowMs, pause } from './time.js'
import { WsClient } from './ws-driver.js'

/** One lock that was asked for. */
export interface Asked {
  slot: string
  dueMs: number
  tookMs: number
  /** When the answer was here. */
  answeredMs: number
  /** Of the lock, when it was granted. */
  lock: string | undefined
  /** Why it was not. */
  code: string | undefined
}

/** Long enough to be seen as locked by every watcher before it is free again. */
const holdMs = 3_000
const releaseTriesMax = 20
const releaseAgainMs = 500
/** A session's requests are taken one after the other: one locker alone would wait for itself. */
const lockerCount = 60
/** Of so many requests one is a duel: two instances are asked for the same slot in the same moment. */
const duelEvery = 20

/**
 * Locks on free slots, each given back three seconds later, in an open loop: `fire` is called when one is due
 * and never waits. Who got what is remembered, for the database to confirm.
 */
export class LockLoad {
  readonly asked: Asked[] = []
  readonly #calendar: string
  readonly #report: Report
  readonly #lockers: readonly WsClient[]
  readonly #slotsMax: number
  readonly #underway = new Set<Promise<void>>()
  #next = 0
  #slot = 0
  #over = false

  private constructor(calendar: string, report: Report, lockers: readonly WsClient[], slotsMax: number) {
    this.#slotsMax = slotsMax
    this.#calendar = calendar
    this.#report = report
    this.#lockers = lockers
  }

  /** `slotsMax`: after so many the first is asked for again, which has long been given back. Else no slot is asked for twice. */
  static async open(
    { ws }: Service,
    calendar: string,
    report: Report,
    slotsMax = Number.POSITIVE_INFINITY
  ): Promise<LockLoad> {
    const lockers = await Promise.all(
      Array.from({ length: lockerCount }, (_, index) => WsClient.open({ url: ws[index % ws.length]! }))
    )
    const load = new LockLoad(calendar, report, lockers, slotsMax)
    // of a scenario that breaks off: before its servers are ended, which every request on the way would hear of
    atEnd(() => {
      load.#over = true
    })
    return load
  }

  fire(dueMs: number): void {
    if (this.#over) return
    const index = this.#next++
    const slot = slotAt('counter', this.#slot++ % this.#slotsMax)
    const work = index % duelEvery === 0 ? this.#duel(index, slot, dueMs) : this.#lock(index, slot, dueMs)
    const tracked = work.then(() => void this.#underway.delete(tracked))
    this.#underway.add(tracked)
  }

  /** Everything was answered and given back. */
  async settled(): Promise<void> {
    while (this.#underway.size > 0) await Promise.all(this.#underway)
  }

  /** Answers of locks that were due in [fromMs, toMs), milliseconds from when they were due. */
  tookMs(fromMs: number, toMs: number): Float64Array {
    return Float64Array.from(this.between(fromMs, toMs), ({ tookMs }) => tookMs)
  }

  between(fromMs: number, toMs: number): Asked[] {
    return this.asked.filter(({ dueMs }) => dueMs >= fromMs && dueMs < toMs)
  }

  close(): void {
    for (const locker of this.#lockers) locker.close()
  }

  async #lock(index: number, slot: string, dueMs: number): Promise<void> {
    const locker = this.#lockers[index % lockerCount]!
    const answer = await locker.timed('lock', { calendar: this.#calendar, slots: [slot] }, dueMs)
    const granted = answer.ok ? (answer.result as { lock: LockView }).lock : undefined
    if (this.#over) return
    const { tookMs } = answer
    this.asked.push({
      slot,
      dueMs,
      tookMs,
      answeredMs: dueMs + tookMs,
      lock: granted?.id,
      code: answer.ok ? undefined : answer.error.code
    })
    this.#report.check(
      'a lock on a free slot is granted, or refused as BUSY, whatever Redis does',
      answer.ok || answer.error.code === 'BUSY',
      JSON.stringify(answer)
    )
    if (granted !== undefined) await this.#giveBack(locker, granted.id)
  }

  async #duel(index: number, slot: string, dueMs: number): Promise<void> {
    const rivals = [this.#lockers[index % lockerCount]!, this.#lockers[(index + 1) % lockerCount]!]
    const answers = await Promise.all(
      rivals.map(rival => rival.timed('lock', { calendar: this.#calendar, slots: [slot] }, dueMs))
    )
    if (this.#over) return
    const codes = answers.map(answer => (answer.ok ? 'granted' : answer.error.code))
    this.#report.check(
      'of two who ask two instances for one slot in the same moment exactly one gets it',
      codes.includes('BUSY') || codes.sort().join() === 'SLOT_UNAVAILABLE,granted',
      `${slot}: ${codes.join(', ')}`
    )
    this.#report.check(
      'and never both',
      codes.filter(code => code === 'granted').length <= 1,
      `${slot}: ${codes.join(', ')}`
    )
    await Promise.all(
      answers.map(async (answer, rival) => {
        if (answer.ok) await this.#giveBack(rivals[rival]!, (answer.result as { lock: LockView }).lock.id)
      })
    )
  }

  async #giveBack(locker: WsClient, lock: string): Promise<void> {
    const until = nowMs() + holdMs
    await pause(until - nowMs())
    // the slot is asked for again one day: whoever hears BUSY has not given it back
    for (let tries = 0; tries < releaseTriesMax && !this.#over; tries++) {
      const answer = await locker.request('release', { lock })
      if (this.#over) return
      this.#report.check(
        'a lock is given back, or BUSY is said',
        answer.ok || answer.error.code === 'BUSY',
        JSON.stringify(answer)
      )
      if (answer.ok || answer.error.code !== 'BUSY') return
      await pause(releaseAgainMs)
    }
  }
}
