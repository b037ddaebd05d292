import type { ChildProcess } from 'node:child_process'

/**
 * What was started is ended: in reverse order when a scenario is over, at once on Ctrl-C, and by a last SIGKILL to
 * each pid when this process dies of an error of its own. Only processes that were registered here are touched.
 */
type Step = () => Promise<void> | void

export interface Owned {
  readonly child: ChildProcess
  kill(signal?: NodeJS.Signals): Promise<void>
}

const steps: Step[] = []
const owned = new Set<Owned>()

export function atEnd(step: Step): void {
  steps.push(step)
}

export function own<P extends Owned>(process_: P): P {
  owned.add(process_)
  return process_
}

let running: Promise<void> | undefined

/** A second call waits for the first: a folder that is removed while its database still dies is not gone. */
export function runCleanup(): Promise<void> {
  running ??= endEverything().finally(() => {
    running = undefined
  })
  return running
}

async function endEverything(): Promise<void> {
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    try {
      await step()
    } catch (error) {
      console.error('cleaning up:', error)
    }
  }
  for (const process_ of owned) await process_.kill()
  owned.clear()
}

export function cleanUpOnSignals(): void {
  let ending = false
  const end = (why: string, code: number): void => {
    if (ending) return
    ending = true
    console.error(`${why}: ending what was started`)
    void runCleanup().finally(() => process.exit(code))
  }
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129]
  ] as const)
    process.on(signal, () => end(signal, code))
  process.on('uncaughtException', error => {
    // the scenario goes on while its servers are taken away, and complains
    if (!ending) console.error(error)
    end('an error that nobody expected', 1)
  })
  process.on('exit', () => {
    for (const { child } of owned) child.kill('SIGKILL')
  })
}
