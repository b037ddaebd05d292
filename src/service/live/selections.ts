import type { CalendarId, ViewerTag } from '../../domain/ids.js'
import type { Selection } from '../../domain/slot.js'

/** Of all calendars together. 200 people who hover in each of 100 calendars. */
const selectionsMax = 20_000
const clearIntervalMs = 1_000

/**
 * The hovers that this instance knows of. One that ended stays until its time is over, with `slot: null`, so that
 * an older one that arrives late does not bring it back.
 *
 * At the bound those whose time is over go, and then the one that was heard of longest ago: a hover is best effort,
 * and its browser sends it again.
 */
export class Selections {
  readonly #byCalendar = new Map<CalendarId, Map<ViewerTag, Selection>>()
  #size = 0
  #clearedAt = 0

  /** False: older than what is known of this viewer, or the same. */
  put(selection: Selection, nowMs: number): boolean {
    const { calendar, viewer } = selection
    const known = this.#byCalendar.get(calendar)?.get(viewer)
    if (known !== undefined && known.seq >= selection.seq) return false
    this.#delete(calendar, viewer)
    if (this.#size >= selectionsMax) this.#makeRoom(nowMs)
    const viewers = this.#byCalendar.get(calendar) ?? new Map<ViewerTag, Selection>()
    viewers.set(viewer, selection)
    this.#byCalendar.set(calendar, viewers)
    this.#size += 1
    return true
  }

  of(calendar: CalendarId, viewer: ViewerTag, nowMs: number): Selection | undefined {
    const selection = this.#byCalendar.get(calendar)?.get(viewer)
    return selection !== undefined && selection.expiresAt > nowMs ? selection : undefined
  }

  /** Those whose time is not over, the ended (`slot: null`) included. */
  current(calendar: CalendarId, nowMs: number): Selection[] {
    const current: Selection[] = []
    for (const selection of this.#byCalendar.get(calendar)?.values() ?? []) {
      if (selection.expiresAt > nowMs) current.push(selection)
      else this.#delete(calendar, selection.viewer)
    }
    return current
  }

  #makeRoom(nowMs: number): void {
    // All of them are looked through, so not for each hover of a storm.
    if (nowMs - this.#clearedAt >= clearIntervalMs) {
      this.#clearedAt = nowMs
      for (const calendar of this.#byCalendar.keys()) this.current(calendar, nowMs)
    }
    while (this.#size >= selectionsMax) {
      const [calendar, viewers] = this.#byCalendar.entries().next().value!
      this.#delete(calendar, viewers.keys().next().value!)
    }
  }

  #delete(calendar: CalendarId, viewer: ViewerTag): void {
    const viewers = this.#byCalendar.get(calendar)
    if (viewers?.delete(viewer) !== true) return
    this.#size -= 1
    if (viewers.size === 0) this.#byCalendar.delete(calendar)
  }
}
