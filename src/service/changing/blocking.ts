import type { LockStore } from '../../domain/lock-store.js'
import type { ParamsOf } from '../../protocol/operations.js'
import type { SlotState } from '../../protocol/schemas.js'
import { done, type Handlers, type Outcome } from '../answers/refusal.js'
import { slotState, type TagOf } from '../answers/views.js'
import { actorOf, type Caller } from '../callers/caller.js'
import { type Announcer, announceChange } from '../live/announcer.js'
import type { CalendarDirectory } from '../reading/calendars.js'
import { coveredCalendar } from '../reading/covered-calendar.js'
import type { Gate } from './gate.js'
import { outsideOf, wantedSlots } from './wanted-slots.js'

export interface BlockingDeps {
  store: LockStore
  calendars: CalendarDirectory
  gate: Pick<Gate, 'learn'>
  announcer: Announcer
  tagOf: TagOf
}

/** A day of one room in quarter hours, more than twice. */
const slotsPerBlockMax = 256

/** Staff close slots that are free and open them again. What somebody holds or has booked stays theirs. */
export function blockingHandlers(deps: BlockingDeps): Pick<Handlers, 'block' | 'unblock'> {
  const { store, calendars, tagOf } = deps

  async function setBlocked(
    caller: Caller,
    params: ParamsOf<'block'>,
    blocked: boolean
  ): Promise<Outcome<{ slots: SlotState[] }>> {
    const wanted = wantedSlots(params.slots, slotsPerBlockMax)
    if (!wanted.ok) return wanted
    const found = await coveredCalendar(caller, calendars, params.calendar)
    if (!found.ok) return found
    const { calendar, grid } = found.value
    const outside = outsideOf(grid, wanted.value)
    if (outside !== undefined) return outside

    const { slots } = wanted.value
    const { rows, changed } = await store.setBlocked({ calendar, slots, blocked, by: actorOf(caller) })
    const own = new Set(changed)
    announceChange(
      deps,
      rows.filter(row => own.has(row.slot))
    )
    // all that were named, so that staff see at once which of them somebody else had first
    const after = new Map(rows.map(row => [row.slot, row]))
    const others = slots.filter(slot => !after.has(slot))
    if (others.length > 0) {
      for (const row of await store.readSlots(calendar, others)) after.set(row.slot, row)
    }
    const nowMs = store.nowMs()
    return done({
      slots: slots.map(slot => {
        const row = after.get(slot)
        return row === undefined ? { slot, state: 'free', ver: 0 } : slotState(row, nowMs, tagOf)
      })
    })
  }

  return {
    block: (caller, params) => setBlocked(caller, params, true),
    unblock: (caller, params) => setBlocked(caller, params, false)
  }
}
