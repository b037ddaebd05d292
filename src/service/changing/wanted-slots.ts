import type { Grid } from '../../domain/grid.js'
import { parseSlotId, type SlotId, type SlotParts, sortedSlots } from '../../domain/ids.js'
import { done, invalid, type Outcome, type refuse } from '../answers/refusal.js'
import { slotsNotFound } from '../answers/refusals.js'

export interface WantedSlots {
  /** Sorted, each once: the order in which rows are taken. */
  slots: SlotId[]
  /** In the order of the request. */
  parts: (SlotParts & { id: SlotId })[]
}

/** The schema knows how a slot is spelled; that 30 February is no day and that each is named once is known here. */
export function wantedSlots(texts: readonly string[], slotsMax: number): Outcome<WantedSlots> {
  if (texts.length === 0) return invalid('slots', 'must name at least one slot')
  if (texts.length > slotsMax) {
    return invalid('slots', `names ${texts.length} slots, at most ${slotsMax} can be had at once`)
  }
  const parts: WantedSlots['parts'] = []
  const seen = new Set<SlotId>()
  for (const [index, text] of texts.entries()) {
    const slot = parseSlotId(text)
    if (slot === undefined) {
      return invalid(
        `slots/${index}`,
        'is no slot: <resource>/<start>, the start in UTC like 2026-01-15T14:00Z'
      )
    }
    if (seen.has(slot.id)) return invalid(`slots/${index}`, 'is named twice')
    seen.add(slot.id)
    parts.push(slot)
  }
  return done({ slots: sortedSlots([...seen]), parts })
}

/** undefined: all of them are slots of the calendar. */
export function outsideOf(grid: Grid, { parts }: WantedSlots): ReturnType<typeof refuse> | undefined {
  const outside = parts.flatMap((slot, index) =>
    grid.has(slot) ? [] : [{ field: `slots/${index}`, slot: slot.id }]
  )
  return outside.length > 0 ? slotsNotFound(outside) : undefined
}
