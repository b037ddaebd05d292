const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30m`, `8h`, `7d` in milliseconds; undefined: no time. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const ms = Number(count) * (units[unit ?? ''] ?? Number.NaN)
  return ms > 0 ? ms : undefined
}
