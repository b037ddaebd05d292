import type { Browser, Page } from 'playwright-core'
import { frameTasksOf } from '../helpers/frame-tasks.js'

const changesPerRequest = 5
const requests = 100
/** Between the beginnings of two requests: a hundred changes a second, on a machine that is fast enough. */
const pauseMs = 50
/** A storm closes more slots than this, however they overlap. */
export const closedMin = requests
const traced = { categories: ['devtools.timeline', 'toplevel'] }

export interface Storm {
  /** The frame that this share of all frames took longer than, in milliseconds. */
  at(share: number): number
  /** For whoever reads the test's output. */
  words: string
}

export const ms = (value: number): string => `${value.toFixed(1)} ms`

/** How long the page's main thread was busy with the longest frame of what `act` does, in milliseconds. */
export async function longestFrame(browser: Browser, page: Page, act: string): Promise<number> {
  await browser.startTracing(page, traced)
  await page.evaluate(`new Promise(resolve => {
    ${act}
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 500)))
  })`)
  return frameTasksOf(await browser.stopTracing())[0]!
}

/** Closes slots of a page, a hundred a second for five seconds, and looks at what that costs its frames. */
export async function changeStorm(
  browser: Browser,
  page: Page,
  slots: readonly string[],
  close: (some: readonly string[]) => Promise<unknown>
): Promise<Storm> {
  await browser.startTracing(page, traced)
  const startedMs = performance.now()
  for (let request = 0; request < requests; request++) {
    const from = (request * 97 * changesPerRequest) % (slots.length - changesPerRequest * 10)
    await close(Array.from({ length: changesPerRequest }, (_, index) => slots[from + index * 9]!))
    const restMs = startedMs + (request + 1) * pauseMs - performance.now()
    if (restMs > 0) await new Promise(resolve => setTimeout(resolve, restMs))
  }
  const seconds = (performance.now() - startedMs) / 1_000
  const tasks = frameTasksOf(await browser.stopTracing())
  const at = (share: number): number => tasks[Math.floor((tasks.length - 1) * share)]!
  return {
    at,
    words:
      `${Math.round((requests * changesPerRequest) / seconds)} changes/s: ${tasks.length} frames, ` +
      `median ${ms(at(0.5))}, 99th percentile ${ms(at(0.01))}, longest ${ms(tasks[0]!)}`
  }
}
