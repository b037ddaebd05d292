import type { CalendarSnapshot } from '../client/index.js'
import type { SlotView } from './grid.js'

/** The slots of one resource that are on offer: the same set for as long as it has the same members. */
export class OfferedSlots {
  #slots: ReadonlySet<string> = new Set()
  #readFrom: unknown[] = []

  /** `offered`: the page's own list, for a calendar that lists only what is taken. */
  of(
    snapshot: CalendarSnapshot,
    resource: string | undefined,
    offered: readonly string[] | undefined
  ): ReadonlySet<string> {
    const from = [snapshot.slots, resource, offered]
    if (from.every((part, index) => part === this.#readFrom[index])) return this.#slots
    this.#readFrom = from
    const slots = new Set<string>()
    if (offered !== undefined) {
      for (const slot of offered) if (slot.startsWith(`${resource}/`)) slots.add(slot)
    } else {
      for (const slot of snapshot.slots.values()) if (slot.resource === resource) slots.add(slot.slot)
    }
    if (!sameMembers(slots, this.#slots)) this.#slots = slots
    return this.#slots
  }
}

function sameMembers(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  if (one.size !== other.size) return false
  for (const member of one) if (!other.has(member)) return false
  return true
}

const free: SlotView = { state: 'free' }

/** What is known of a slot; of one that only the page offers, that nobody has it. */
export const viewOf = (
  snapshot: CalendarSnapshot,
  offered: readonly string[] | undefined,
  slot: string
): SlotView | undefined => snapshot.slots.get(slot) ?? (offered === undefined ? undefined : free)
