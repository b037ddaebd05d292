import type { CalendarId, SlotId } from '../../domain/ids.js'

/** What decides who gets a slot, and in which order slots are taken: the same for one grant and for many in one packet. */

/**
 * Of a row of `slots`: the grant may take it, and its version grows. `lock` is SQL for the lock's id: a slot that was last held
 * under it was granted before, and a request sent again never locks anew. `replacing`: the slots of `:replaces` too.
 */
export const takeable = (lock: string, replacing = false): string =>
  `slots.ver < :ver AND (
     (slots.token <> ${lock} AND (slots.state = 'free' OR (slots.state = 'locked' AND slots.expires_ms <= :now)))
     ${replacing ? "OR (slots.state = 'locked' AND slots.token = :replaces)" : ''})`

interface Place {
  calendar: CalendarId
  slot: SlotId
}

/** Rows are taken in one order by everybody, or two packets would wait for each other. */
export const inLockOrder = (a: Place, b: Place): number =>
  a.calendar === b.calendar ? (a.slot < b.slot ? -1 : 1) : a.calendar < b.calendar ? -1 : 1
