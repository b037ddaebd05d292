import { atEnd } from './cleanup.js'

/** Milliseconds of a clock that never steps and that all processes of one machine share, unlike `performance.now()`. */
export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

export const pause = (ms: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, Math.max(0, ms)))

/** Waits for a condition, never for a time; answers whether it came true within the bound. */
export async function cameTrue(
  condition: () => boolean | Promise<boolean>,
  boundMs: number
): Promise<boolean> {
  const end = nowMs() + boundMs
  for (;;) {
    if (await condition()) return true
    if (nowMs() > end) return false
    await pause(10)
  }
}

/**
 * Calls `send` at fixed moments, whether or not earlier calls were answered: open loop. A closed loop sends less when
 * the server stalls, and so measures the stall once instead of for everybody who would have come meanwhile.
 * `send` gets the moment it was due; latency counts from there. What is sent a little early, because timers are no
 * finer than a millisecond, counts from when it was sent.
 */
export async function atRate(perSecond: number, forMs: number, send: (dueMs: number, index: number) => void) {
  const start = nowMs()
  const count = Math.floor((perSecond * forMs) / 1000)
  for (let index = 0; index < count; index++) {
    const due = start + (index * 1000) / perSecond
    const wait = due - nowMs()
    if (wait > 0.5) await pause(wait)
    send(Math.min(due, nowMs()), index)
  }
  await pause(start + forMs - nowMs())
}

/** The same until it is stopped; `stop` resolves when nothing more will be sent. */
export function steadily(
  perSecond: number,
  send: (dueMs: number, index: number) => void
): { stop(): Promise<void> } {
  let stopped = false
  // a scenario that breaks off leaves nobody to stop it
  atEnd(() => {
    stopped = true
  })
  const sending = (async () => {
    const start = nowMs()
    for (let index = 0; !stopped; index++) {
      const due = start + (index * 1000) / perSecond
      const wait = due - nowMs()
      if (wait > 0.5) await pause(wait)
      if (!stopped) send(Math.min(due, nowMs()), index)
    }
  })()
  return {
    stop() {
      stopped = true
      return sending
    }
  }
}
