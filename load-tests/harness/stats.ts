/** Percentiles come from raw samples, never from averaged percentiles: the mean of two p99s is the p99 of nothing. */

/** Nearest rank: an answer that somebody really waited for, not a point between two of them. */
export function percentile(samples: ArrayLike<number>, p: number): number {
  if (samples.length === 0) return Number.NaN
  const sorted = Float64Array.from(samples).sort()
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)]!
}

export interface Spread {
  min: number
  median: number
  max: number
  rounds: number
}

/** What the rounds say together. One number of a noisy machine says nothing, the three of them say how noisy it was. */
export function spread(rounds: readonly number[]): Spread {
  const sorted = rounds.filter(value => Number.isFinite(value)).sort((a, b) => a - b)
  if (sorted.length === 0)
    return { min: Number.NaN, median: Number.NaN, max: Number.NaN, rounds: rounds.length }
  return {
    min: sorted[0]!,
    median: percentile(sorted, 50),
    max: sorted[sorted.length - 1]!,
    rounds: sorted.length
  }
}

export function merged(parts: readonly ArrayLike<number>[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return 'n/a'
  const size = Math.abs(value)
  if (size !== 0 && size < 0.01) return value.toPrecision(2)
  if (size < 10) return value.toFixed(2)
  if (size < 100) return value.toFixed(1)
  return Math.round(value).toLocaleString('en-US')
}

/** `1.2 / 1.4 / 2.0`: the smallest, the middle and the greatest of the rounds. */
export function formatSpread({ min, median, max, rounds }: Spread): string {
  return rounds <= 1 ? formatNumber(median) : [min, median, max].map(formatNumber).join(' / ')
}

export interface Growth {
  size: number
  cost: number
}

/**
 * How a cost grows with a size: the slope of the straight line through their logarithms, by least squares. 0: not at
 * all, 1: in proportion. NaN for fewer than two sizes, and for costs that have no logarithm.
 */
export function logLogSlope(points: readonly Growth[]): number {
  const xs = points.map(({ size }) => Math.log(size))
  const ys = points.map(({ cost }) => Math.log(cost))
  const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length
  const [meanX, meanY] = [mean(xs), mean(ys)]
  const spreadX = xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0)
  return spreadX === 0
    ? Number.NaN
    : xs.reduce((sum, x, at) => sum + (x - meanX) * (ys[at]! - meanY), 0) / spreadX
}
