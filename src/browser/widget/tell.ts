import { resourceOf } from './grid.js'
import type { Effect, Hold } from './picker-types.js'

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
      fire(element, effect.event, lock(effect.hold))
      break
    case 'lost':
      fire(element, 'lost', { ...lock(effect.hold), reason: effect.reason, message: effect.words })
      break
    case 'booked':
      fire(element, 'booked', { calendar, slots: effect.booking.slots, booking: effect.booking })
      break
    case 'taken':
      fire(element, 'taken', { calendar, slots: [...effect.slots], until: effect.until })
      break
    default:
      effect satisfies never
  }
}

export function fire(element: HTMLElement, name: string, detail: object): void {
  element.dispatchEvent(new CustomEvent(`slot-picker:${name}`, { detail, bubbles: true, composed: true }))
}
