/** Later, as a thing that can be passed in, so that a test can step through what would take hours. */
export interface Timers {
  /** Runs a task once; the answer takes it back. Never keeps the process alive. */
  after(delayMs: number, task: () => void): () => void
}

/** What setTimeout takes; a longer wait fires early and its task looks at the clock again. */
const delayMsMax = 2_147_483_647

export const realTimers: Timers = {
  after(delayMs, task) {
    const timer = setTimeout(task, Math.min(Math.max(0, delayMs), delayMsMax))
    timer.unref()
    return () => clearTimeout(timer)
  }
}
