import type { SelectionView, SlotState } from '../../src/protocol/schemas.js'

/** What a watcher believes, by the contract's one rule: a state counts only if its version is greater. */
export class Picture {
  readonly #slots = new Map<string, SlotState>()
  readonly #selections = new Map<string, SelectionView>()

  apply(states: readonly SlotState[]): void {
    for (const state of states) {
      const known = this.#slots.get(state.slot)
      if (known === undefined || state.ver > known.ver) this.#slots.set(state.slot, state)
    }
  }

  applySelections(selections: readonly SelectionView[]): void {
    for (const selection of selections) {
      const known = this.#selections.get(selection.viewer)
      if (known === undefined || selection.seq > known.seq) this.#selections.set(selection.viewer, selection)
    }
  }

  get(slot: string): SlotState | undefined {
    return this.#slots.get(slot)
  }

  get slots(): IterableIterator<SlotState> {
    return this.#slots.values()
  }

  selectionOf(viewer: string): SelectionView | undefined {
    return this.#selections.get(viewer)
  }

  /**
   * Where this picture differs from a fresh read, at most `most` places. A free slot needs no version to be right:
   * a calendar with an open grid does not list it at all. `within`: the days that the read was for; pushes bring the
   * whole calendar's.
   */
  differences(fresh: readonly SlotState[], within?: { from: string; to: string }, most = 3): string[] {
    const found: string[] = []
    const listed = new Set<string>()
    for (const truth of fresh) {
      listed.add(truth.slot)
      const seen = this.#slots.get(truth.slot)
      const same =
        truth.state === 'free'
          ? seen === undefined || seen.state === 'free'
          : seen?.state === truth.state && seen.ver === truth.ver
      if (!same) found.push(`${truth.slot} is ${spell(truth)}, the watcher has ${spell(seen)}`)
      if (found.length >= most) return found
    }
    for (const seen of this.#slots.values()) {
      if (seen.state === 'free' || listed.has(seen.slot) || !isWithin(seen.slot, within)) continue
      found.push(`${seen.slot} is free, the watcher has ${spell(seen)}`)
      if (found.length >= most) break
    }
    return found
  }
}

/** By the date in the slot's name: good for calendars in UTC. */
function isWithin(slot: string, days: { from: string; to: string } | undefined): boolean {
  const date = slot.slice(slot.indexOf('/') + 1).slice(0, 10)
  return days === undefined || (date >= days.from && date <= days.to)
}

const spell = (state: SlotState | undefined): string =>
  state === undefined ? 'nothing' : `${state.state} at version ${state.ver}`
