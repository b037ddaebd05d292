import { svg, type TemplateResult } from 'lit'

/** Drawn for this widget, on a grid of 20, in the colour of the text around. */
const icon = (paths: TemplateResult): TemplateResult => svg`
  <svg class="icon" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"
    stroke-linejoin="round" aria-hidden="true">${paths}</svg>`

export const icons = {
  before: icon(svg`<path d="M12 4.5 6.5 10l5.5 5.5" />`),
  after: icon(svg`<path d="M8 4.5l5.5 5.5L8 15.5" />`),
  close: icon(svg`<path d="m5.5 5.5 9 9m0-9-9 9" />`),
  check: icon(svg`<path d="m4.5 10.5 3.8 3.8 7.2-8.3" />`),
  calendar: icon(
    svg`<rect x="3" y="4.5" width="14" height="12.5" rx="2" /><path d="M3 8.5h14M7 2.5v4m6-4v4" />`
  ),
  globe: icon(
    svg`<circle cx="10" cy="10" r="7.2" /><path d="M2.8 10h14.4M10 2.8c2.6 2.2 2.6 12.2 0 14.4-2.6-2.2-2.6-12.2 0-14.4" />`
  ),
  cloud: icon(
    svg`<path d="M3 3l14 14M6.5 8.2A4 4 0 0 0 6 16h8.5m2-1.3A3.5 3.5 0 0 0 14 8.6 5 5 0 0 0 9 5" />`
  ),
  info: icon(svg`<circle cx="10" cy="10" r="7.2" /><path d="M10 9.2v4.3M10 6.4v.1" />`),
  clock: icon(svg`<circle cx="10" cy="10" r="7.2" /><path d="M10 6v4.2l2.8 1.8" />`)
} as const

const ringLength = 2 * Math.PI * 15

/** A ring that empties; `share` of 1 is full. The digits beside it say the same. */
export const ring = (share: number): TemplateResult => svg`
  <svg class="ring" viewBox="0 0 36 36" aria-hidden="true">
    <circle class="ring-ground" cx="18" cy="18" r="15" />
    <circle class="ring-left" cx="18" cy="18" r="15" transform="rotate(-90 18 18)"
      stroke-dasharray="${ringLength.toFixed(2)}"
      stroke-dashoffset="${(ringLength * (1 - Math.min(1, Math.max(0, share)))).toFixed(2)}" />
  </svg>`
