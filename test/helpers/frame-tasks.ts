interface TraceEvent {
  name: string
  ph: string
  ts: number
  dur?: number
  pid: number
  tid: number
}

/** Of a Chromium trace: milliseconds of each of the main thread's tasks in which something was drawn, the longest first. */
export function frameTasksOf(trace: Buffer): number[] {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] }
  const frames = traceEvents.filter(({ name, ph }) => name === 'FireAnimationFrame' && ph === 'X')
  const tasks = traceEvents.filter(({ name, ph }) => name === 'RunTask' && ph === 'X')
  const around = (frame: TraceEvent): number =>
    tasks.find(
      ({ tid, pid, ts, dur = 0 }) =>
        tid === frame.tid && pid === frame.pid && ts <= frame.ts && ts + dur >= frame.ts + (frame.dur ?? 0)
    )?.dur ??
    frame.dur ??
    0
  return frames.map(frame => around(frame) / 1_000).sort((one, other) => other - one)
}
