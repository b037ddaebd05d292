import type { Effect } from './picker-types.js'

export type FocusOn = Extract<Effect, { do: 'focus' }>['on']

const places = {
  form: '#details',
  confirmation: '#done',
  refusedField: '[aria-invalid="true"]',
  grid: '.cell[tabindex="0"]',
  rest: '.base'
} as const

/** Where the focus goes when what had it is gone; without, whoever uses keys would start again at the top of the page. */
export function moveFocus(on: FocusOn, root: ShadowRoot): void {
  const elsewhere = document.activeElement !== document.body || root.activeElement !== null
  if (on !== 'rest' || !elsewhere)
    root.querySelector<HTMLElement>(places[on])?.focus({ preventScroll: on === 'rest' })
}
