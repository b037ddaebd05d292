import t from 'tap'
import { Metrics } from '../../src/transport/metrics.js'
import { until } from '../helpers/process.js'

const stallMs = 200

/** Stands still so often while the delay is being measured. */
async function stalled(
  t: { teardown(end: () => void): void },
  { stalls, lagWindowMs }: { stalls: number; lagWindowMs: number }
): Promise<Metrics> {
  const metrics = new Metrics({ defaults: false, lagWindowMs })
  t.teardown(() => metrics.close())
  // a stall before the first look is not seen
  for (let stall = 0; stall < stalls; stall++) {
    await new Promise(resolve => setTimeout(resolve, 150))
    const from = performance.now()
    while (performance.now() - from < stallMs);
  }
  await until('it is seen', () => metrics.eventLoopLagMs() > stallMs / 2)
  return metrics
}

t.test('a stall is shown to all who ask, however many scrape', async t => {
  const metrics = await stalled(t, { stalls: 1, lagWindowMs: 600_000 })
  for (let scrapes = 0; scrapes < 3; scrapes++) {
    const text = await metrics.registry.metrics()
    const [, seconds] = /^slotlock_event_loop_lag_seconds (.*)$/m.exec(text)!
    t.ok(Number(seconds) > stallMs / 2_000, `${seconds} s`)
  }
})

t.test('and forgotten after a while, though nobody scrapes', async t => {
  // of all timers since the start these would be the latest hundredth for longer than is waited here
  const metrics = await stalled(t, { stalls: 12, lagWindowMs: 2_000 })
  await until('they are over', () => metrics.eventLoopLagMs() < stallMs / 2, 20_000)
})
