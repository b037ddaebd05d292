import { readFileSync } from 'node:fs'
import { percentile } from './stats.js'
import { nowMs } from './time.js'

/** Past any of these the round measured the generator or the neighbours, not the server. */
export const lagP99MsMax = 10
export const generatorShareMax = 0.85
export const stealShareMax = 0.02

export interface GeneratorLoad {
  /** How late this process's own timers came, at the 99th percentile. */
  lagP99Ms: number
  /** Of one core. */
  cpuShare: number
  /** How long it was looked at. */
  forMs: number
}

const beatMs = 5
/** Whoever is asked for a moment is busy for all of it; that says nothing about the round. */
const shareAfterMs = 500

/** Measures how busy the load generator itself is: an answer that lay unread in it looks like a slow server. */
export function watchOwnLoad(): () => GeneratorLoad {
  const late: number[] = []
  let due = nowMs() + beatMs
  const timer = setInterval(() => {
    const now = nowMs()
    late.push(Math.max(0, now - due))
    due = now + beatMs
  }, beatMs)
  timer.unref()
  const startMs = nowMs()
  const startCpu = process.cpuUsage()
  return () => {
    clearInterval(timer)
    // a loop that was blocked to the very end never got to run its timer
    late.push(Math.max(0, nowMs() - due))
    const used = process.cpuUsage(startCpu)
    const forMs = nowMs() - startMs
    return {
      lagP99Ms: percentile(late, 99),
      cpuShare: (used.user + used.system) / 1000 / Math.max(1, forMs),
      forMs
    }
  }
}

/** Share of the machine's time that the hypervisor gave to others since the call; 0 where nobody says. */
export function watchSteal(): () => number {
  const start = readCpuTimes()
  return () => {
    const end = readCpuTimes()
    if (start === undefined || end === undefined || end.total <= start.total) return 0
    return (end.steal - start.steal) / (end.total - start.total)
  }
}

function readCpuTimes(): { total: number; steal: number } | undefined {
  try {
    const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!
    const times = line.trim().split(/\s+/).slice(1, 9).map(Number)
    return { total: times.reduce((sum, time) => sum + time, 0), steal: times[7] ?? 0 }
  } catch {
    return undefined
  }
}

/** Why the round does not count; empty when it does. */
export function voidReasons(loads: readonly GeneratorLoad[], stealShare: number): string[] {
  const reasons: string[] = []
  const lag = Math.max(...loads.map(load => load.lagP99Ms))
  const cpu = Math.max(0, ...loads.filter(load => load.forMs >= shareAfterMs).map(load => load.cpuShare))
  if (lag > lagP99MsMax) reasons.push(`generator late by ${lag.toFixed(0)} ms at p99`)
  if (cpu > generatorShareMax) reasons.push(`generator used ${(cpu * 100).toFixed(0)} % of its core`)
  if (stealShare > stealShareMax) reasons.push(`${(stealShare * 100).toFixed(0)} % of the machine stolen`)
  return reasons
}
