import type { Clock } from '../domain/clock.js'
import type { Finding } from '../domain/finding.js'

/** How far a store is away, in milliseconds: the median of a few round trips, and how far its clock is ahead of ours. */
export interface Distance {
  latencyMs: number
  clockAheadMs: number
}

const roundsOfDistance = 9
/** Each store decides by its own clock, so nothing breaks; but countdowns, tokens and logs of different machines disagree. */
const clockApartMaxMs = 1_000

/** `readClock` answers the store's epoch milliseconds. */
export async function distanceTo(clock: Clock, readClock: () => Promise<number>): Promise<Distance> {
  const rounds: Distance[] = []
  for (let round = 0; round < roundsOfDistance; round++) {
    const from = clock.monotonic()
    const sentAt = clock.now()
    const theirs = await readClock()
    const latencyMs = clock.monotonic() - from
    rounds.push({ latencyMs, clockAheadMs: theirs - (sentAt + latencyMs / 2) })
  }
  // the quickest round says most about the clock
  const byLatency = rounds.sort((one, other) => one.latencyMs - other.latencyMs)
  return {
    latencyMs: byLatency[Math.floor(roundsOfDistance / 2)]!.latencyMs,
    clockAheadMs: byLatency[0]!.clockAheadMs
  }
}

export function judgeDistance(store: 'redis' | 'database', distance: Distance, slowMs: number): Finding[] {
  const { latencyMs, clockAheadMs } = distance
  const findings: Finding[] = []
  if (latencyMs > slowMs) {
    findings.push({
      code: `${store}-slow`,
      severity: 'warning',
      what: `a round trip takes ${latencyMs.toFixed(1)} ms, more than ${slowMs}`,
      do: 'move it closer, or look for load on its machine and on the way'
    })
  }
  if (Math.abs(clockAheadMs) > clockApartMaxMs) {
    const direction = clockAheadMs > 0 ? 'ahead of' : 'behind'
    findings.push({
      code: `${store}-clock`,
      severity: 'warning',
      what: `its clock is ${(Math.abs(clockAheadMs) / 1_000).toFixed(1)} s ${direction} the clock here`,
      do: 'keep all machines on one time (chrony, systemd-timesyncd); no lock is given twice for it, but times that are shown differ'
    })
  }
  return findings
}

export const distanceWords = ({ latencyMs, clockAheadMs }: Distance): string =>
  `${latencyMs.toFixed(1)} ms away, clock ${clockAheadMs >= 0 ? '+' : ''}${Math.round(clockAheadMs)} ms`
