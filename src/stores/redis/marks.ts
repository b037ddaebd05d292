import type { SlotRow } from '../../domain/slot.js'

/**
 * How long a slot's mark lives. Each of these only bounds how long Redis may be wrong about a slot: a mark that is
 * missing costs a statement that the database refuses, one that is there too long costs one coalesced read.
 */
export const markTimes = {
  /** A request that is asking the database: longer than any answer takes, short if its instance died meanwhile. */
  pendingMs: 3_000,
  /** A free slot remembers its version. Longer than `settleLateMs`, so that no older news can come after it. */
  tombstoneMs: 60_000,
  /** A booking, a closed slot. The calendar is filled anew before it lapses, see `generationMs`. */
  settledMs: 86_400_000,
  /** A calendar counts as filled for so long. */
  generationMs: 43_200_000,
  /** A fill has so long from each sign of life to the next, or to its end. */
  fillMs: 10_000,
  /** Another's fill that showed one within this is left alone. It puts rows several times a second. */
  fillAliveMs: 2_000
} as const

/** One row as the scripts take it: `<ttl_ms> <ver>:<state>:<lock>`. See lua/lib/mark.lua for what a mark means. */
export function markOf(row: SlotRow, nowMs: number): string {
  const { ver, token } = row
  const lock = token ?? ''
  switch (row.state) {
    case 'free':
      return `${markTimes.tombstoneMs} ${ver}:free:${lock}`
    case 'locked': {
      const leftMs = Math.ceil(row.expiresAt - nowMs)
      // locked past its end: whoever wants the slot may have it, so Redis must not stand in the way
      return leftMs > 0 ? `${leftMs} ${ver}:locked:${lock}` : `${markTimes.tombstoneMs} ${ver}:free:${lock}`
    }
    case 'booked':
      return `${markTimes.settledMs} ${ver}:booked:${lock}`
    case 'blocked':
      return `${markTimes.settledMs} ${ver}:blocked:${lock}`
    default:
      return row.state satisfies never
  }
}

/** Slots in one call: a call of 250 keeps Redis from others for about a millisecond. */
const slotsPerCall = 250

export function* portionsOf(rows: readonly SlotRow[], size = slotsPerCall): Generator<SlotRow[]> {
  for (let from = 0; from < rows.length; from += size) yield rows.slice(from, from + size)
}
