import type { Clock } from '../../domain/clock.js'
import { type HostKey, parseJwks } from '../callers/jwks.js'
import { Cycle } from '../tools/cycle.js'
import type { Timers } from '../tools/timers.js'

export interface HostKeyTimes {
  /** A key that the host withdrew is good here for so long at most. */
  intervalMs: number
  failedRetryMs: number
  /** Tokens of keys that nobody has heard of make us read no more often than this. */
  pauseMs: number
}

export const hostKeyTimes: HostKeyTimes = { intervalMs: 300_000, failedRetryMs: 10_000, pauseMs: 5_000 }

/** Where the keys come from. Rejects when they cannot be had; the text is what was there. */
export type ReadKeys = () => Promise<string>

/**
 * Keeps the host's keys fresh: every five minutes, and when a token names a key that is not known, which is how a new key
 * is heard of. The start does not wait for them. When they cannot be read, those read last stay: a key server that is out
 * locks nobody out.
 */
export class HostKeys {
  readonly #read: ReadKeys
  readonly #use: (keys: readonly HostKey[]) => void
  readonly #onChange: (state: { keys: number; problems: readonly string[] }) => void
  readonly #clock: Clock
  readonly #times: HostKeyTimes
  readonly #cycle: Cycle
  #underway: Promise<void> | undefined
  #readAt = Number.NEGATIVE_INFINITY
  #said = ''
  #used = ''
  readings = 0
  failed = 0
  /** The last reading brought keys. */
  fresh = false

  constructor(parts: {
    read: ReadKeys
    use: (keys: readonly HostKey[]) => void
    /** Told when there is something else to say than last time. */
    onChange: (state: { keys: number; problems: readonly string[] }) => void
    clock: Clock
    timers: Timers
    times?: Partial<HostKeyTimes>
  }) {
    this.#read = parts.read
    this.#use = parts.use
    this.#onChange = parts.onChange
    this.#clock = parts.clock
    this.#times = { ...hostKeyTimes, ...parts.times }
    this.#cycle = new Cycle(parts, async () => {
      await this.#readOnce()
      return this.fresh ? this.#times.intervalMs : this.#times.failedRetryMs
    })
  }

  start(): void {
    this.#cycle.start()
  }

  stop(): Promise<void> {
    return this.#cycle.stop()
  }

  /** Never rejects. Whoever comes while they are being read waits for that reading. */
  async lookAgain(): Promise<void> {
    if (this.#underway === undefined && this.#clock.monotonic() - this.#readAt < this.#times.pauseMs) return
    await this.#readOnce()
  }

  #readOnce(): Promise<void> {
    this.#underway ??= this.#readNow().finally(() => {
      this.#underway = undefined
      this.#readAt = this.#clock.monotonic()
    })
    return this.#underway
  }

  async #readNow(): Promise<void> {
    let found: ReturnType<typeof parseJwks>
    try {
      found = parseJwks(await this.#read())
    } catch (error) {
      // whatever a network or a disk says; a bug in the reader shows as keys that never come
      found = {
        keys: [],
        problems: [`cannot be read: ${error instanceof Error ? error.message : String(error)}`]
      }
    }
    this.readings += 1
    this.fresh = found.keys.length > 0
    if (!this.fresh) this.failed += 1
    // the same keys again would only cost everybody a verification: a token of a made-up key has them read every few seconds
    const keys = JSON.stringify(found.keys)
    if (this.fresh && keys !== this.#used) {
      this.#used = keys
      this.#use(found.keys)
    }
    const state = { keys: found.keys.length, problems: found.problems }
    const said = JSON.stringify(state)
    if (said !== this.#said) this.#onChange(state)
    this.#said = said
  }
}
