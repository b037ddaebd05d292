import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** What a process used since it began, from /proc/PID/stat; undefined on systems that have none. */
export interface ProcessUse {
  cpuUs: number
  rssBytes: number
}

let tickUs: number | undefined

function microsecondsPerTick(): number {
  if (tickUs === undefined) {
    try {
      tickUs = 1e6 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
    } catch {
      tickUs = 10_000
    }
  }
  return tickUs
}

export function readProcessUse(pid: number): ProcessUse | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // the second field is the command in brackets and may contain blanks and brackets itself
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const rssKb = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN)
    return {
      cpuUs: (Number(fields[11]) + Number(fields[12])) * microsecondsPerTick(),
      rssBytes: rssKb * 1024
    }
  } catch {
    return undefined
  }
}

/** CPU time that each named process uses between the call and the call of what it returns; NaN where nobody says. */
export function watchCpu(pids: Readonly<Record<string, readonly number[]>>): () => Record<string, number> {
  const read = (): Record<string, number> =>
    Object.fromEntries(
      Object.entries(pids).map(([name, list]) => [
        name,
        list.reduce((sum, pid) => sum + (readProcessUse(pid)?.cpuUs ?? Number.NaN), 0)
      ])
    )
  const start = read()
  return () => Object.fromEntries(Object.entries(read()).map(([name, us]) => [name, us - start[name]!]))
}

export const cpuIsKnown = (): boolean => readProcessUse(process.pid) !== undefined
