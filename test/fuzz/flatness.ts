/**
 * Whether a series of samples grows. A sample is taken after garbage was collected, while nobody asks anything, so that
 * what is left is held on to. The first half of a series is warming up (caches fill up to their bounds, code is compiled) and
 * does not count.
 *
 * The slope is that of Theil and Sen, the median of the slopes between any two samples: a single odd sample, however
 * odd, does not move it. Growth is that slope over the time that was judged.
 */

export interface Trend {
  /** Of the samples that count. */
  median: number
  /** What the slope makes of the time that was judged. */
  growth: number
  /** Milliseconds that were judged. */
  overMs: number
}

export interface Sample {
  atMs: number
  value: number
}

/** Fewer say nothing. */
export const samplesMin = 6

/** How many of the first do not count. */
export const warmUpOf = (samples: readonly unknown[]): number => Math.ceil(samples.length / 2)

export function trendOf(samples: readonly Sample[]): Trend | undefined {
  const judged = samples.slice(warmUpOf(samples))
  if (judged.length < samplesMin) return undefined
  const slopes: number[] = []
  for (const [index, one] of judged.entries())
    for (const later of judged.slice(index + 1))
      slopes.push((later.value - one.value) / (later.atMs - one.atMs))
  const overMs = judged.at(-1)!.atMs - judged[0]!.atMs
  return { median: medianOf(judged.map(({ value }) => value)), growth: medianOf(slopes) * overMs, overMs }
}

/** Grown by more than `share` of itself and by more than `leastBytes`. */
export const isGrowing = (
  { growth, median }: Trend,
  { share, leastBytes }: { share: number; leastBytes: number }
): boolean => growth > Math.max(leastBytes, share * median)

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
