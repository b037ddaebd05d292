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

/** Of the straight line through the points, by least squares: cost per one more. NaN for fewer than two sizes. */
export function slope(points: readonly Growth[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length
  const [meanSize, meanCost] = [mean(points.map(({ size }) => size)), mean(points.map(({ cost }) => cost))]
  const spreadOfSizes = points.reduce((sum, { size }) => sum + (size - meanSize) ** 2, 0)
  return spreadOfSizes === 0
    ? Number.NaN
    : points.reduce((sum, { size, cost }) => sum + (size - meanSize) * (cost - meanCost), 0) / spreadOfSizes
}

/**
 * How a cost grows with a size: the slope of the line through their logarithms. 0: not at all, 1: in proportion. NaN
 * also for what has no logarithm.
 */
export const logLogSlope = (points: readonly Growth[]): number =>
  slope(points.map(({ size, cost }) => ({ size: Math.log(size), cost: Math.log(cost) })))
