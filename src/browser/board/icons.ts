import { svg, type TemplateResult } from 'lit'

/** Drawn for this board, on a grid of 20, in the colour of the text around. */
const icon = (paths: TemplateResult): TemplateResult => svg`
  <svg class="icon" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"
    stroke-linejoin="round" aria-hidden="true">${paths}</svg>`

export const icons = {
  before: icon(svg`<path d="M12 4.5 6.5 10l5.5 5.5" />`),
  after: icon(svg`<path d="M8 4.5l5.5 5.5L8 15.5" />`),
  close: icon(svg`<path d="m5.5 5.5 9 9m0-9-9 9" />`),
  search: icon(svg`<circle cx="9" cy="9" r="5.5" /><path d="m13.2 13.2 3.8 3.8" />`),
  out: icon(svg`<path d="M12 3.5H5.5v13H12M9 10h8m-3-3 3 3-3 3" />`),
  locked: icon(svg`<circle cx="10" cy="10" r="7.2" /><path d="M10 6v4.2l2.8 1.8" />`),
  extended: icon(svg`<circle cx="10" cy="10" r="7.2" /><path d="M10 6.5v7m-3.5-3.5h7" />`),
  released: icon(svg`<path d="M8 5 3.5 9.5 8 14M4 9.5h8a4 4 0 0 1 4 4" />`),
  expired: icon(svg`<path d="M6 3h8M6 17h8M7 3v2.5l3 4.5-3 4.5V17m6-14v2.5L10 10l3 4.5V17" />`),
  revoked: icon(svg`<circle cx="10" cy="10" r="7.2" /><path d="m5 5 10 10" />`),
  booked: icon(svg`<path d="m4.5 10.5 3.8 3.8 7.2-8.3" />`),
  cancelled: icon(svg`<path d="m5.5 5.5 9 9m0-9-9 9" />`),
  blocked: icon(
    svg`<rect x="4.5" y="9" width="11" height="8" rx="2" /><path d="M7 9V6.5a3 3 0 0 1 6 0V9" />`
  ),
  unblocked: icon(
    svg`<rect x="4.5" y="9" width="11" height="8" rx="2" /><path d="M7 9V6a3 3 0 0 1 5.8-1" />`
  ),
  looking: icon(
    svg`<path d="M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5Z" /><circle cx="10" cy="10" r="2.3" />`
  )
} as const
