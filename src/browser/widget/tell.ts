import { resourceOf } from './grid.js'
import type { Effect, Hold } from './picker.js'

/** Tells the page; what each event carries is in the doc block of SlotPicker. */
export function tell(element: HTMLElement, calendar: string, effect: Extract<Effect, { do: 'tell' }>): void {
  const lock = ({ id, slots, expiresAt }: Hold): object => ({
    lock: id,
    calendar,
    resource: resourceOf(slots[0] ?? ''),
    slots: [...slots],
    expiresAt
  })
  switch (effect.event) {
    case 'held':
    case 'extended':
    case 'released':
      return fire(element, effect.event, lock(effect.hold))
    case 'lost':
      return fire(element, 'lost', { ...lock(effect.hold), reason: effect.reason, message: effect.words })
    case 'booked':
      return fire(element, 'booked', { calendar, slots: effect.booking.slots, booking: effect.booking })
    case 'taken':
      return fire(element, 'taken', { calendar, slots: [...effect.slots], until: effect.until })
    default:
      return effect satisfies never
  }
}

export function fire(element: HTMLElement, name: string, detail: object): void {
  element.dispatchEvent(new CustomEvent(`slot-picker:${name}`, { detail, bubbles: true, composed: true }))
}
