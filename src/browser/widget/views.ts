import { html, nothing, type TemplateResult } from 'lit'
import { fill } from '../shared/texts.js'
import { resourceOf } from './grid.js'
import { icons, ring } from './icons.js'
import type { Hold, Notice, PickerState, Trouble } from './picker-types.js'
import { lastMinuteMs, type PickerSession } from './session.js'
import { type Language, noticeInWords, slotsInWords, troubleInWords } from './words.js'

/**
 * What is around the grid, each as a function of what it shows. Nothing here remembers anything. A button that has to
 * wait is not `disabled`, or the focus would fall off it; what is pressed meanwhile the picker lets pass.
 */

export interface HoldShown {
  readonly hold: Hold
  readonly leftMs: number
  readonly share: number
  readonly language: Language
}

export function clockView({ leftMs, share, language }: HoldShown): TemplateResult {
  const { texts, formats } = language
  const left = formats.countdown(leftMs)
  return html`
    <span class="clock ${leftMs <= lastMinuteMs ? 'late' : ''}" part="countdown" role="timer">
      ${ring(share)}
      <span class="visually-hidden">${fill(texts.left, { time: left })}</span>
      <span aria-hidden="true">${left}</span>
    </span>
  `
}

export function holdView(
  shown: HoldShown & { busy: boolean; canGrow: boolean; resourceName: string | undefined },
  on: { goOn(): void; release(): void }
): TemplateResult {
  const { texts } = shown.language
  return html`
    <section class="hold" part="hold" aria-label=${texts.held}>
      <div class="what">
        <p class="small muted">${texts.held}${shown.resourceName ? ` · ${shown.resourceName}` : nothing}</p>
        <strong>${slotsInWords(shown.hold.slots, shown.language, 'short')}</strong>
        ${shown.canGrow ? html`<p class="small muted hint">${texts.addHint}</p>` : nothing}
      </div>
      ${clockView(shown)}
      <div class="do">
        <button class="button quiet" part="button" aria-disabled=${shown.busy ? 'true' : nothing} @click=${on.release}>${texts.release}</button>
        <button class="button primary" part="button button-primary" aria-disabled=${shown.busy ? 'true' : nothing} @click=${on.goOn}>
          ${texts.continue}
        </button>
      </div>
    </section>
  `
}

export function confirmationView(
  booking: NonNullable<PickerState['booking']>,
  { language, resourceName }: { language: Language; resourceName(id: string): string | undefined },
  again: () => void
): TemplateResult {
  const { texts } = language
  const resource = resourceName(resourceOf(booking.slots[0] ?? ''))
  return html`
    <div class="done" part="confirmation">
      <span class="seal">${icons.check}</span>
      <h2 id="done" tabindex="-1">${texts.booked}</h2>
      <dl>
        <dt>${texts.when}</dt>
        <dd>${slotsInWords(booking.slots, language)}</dd>
        ${resource === undefined ? nothing : html`<dt>${texts.with}</dt><dd>${resource}</dd>`}
        <dt>${texts.bookedFor}</dt>
        <dd>${booking.customer.name}</dd>
        <dt>${texts.reference}</dt>
        <dd><bdi>${booking.id}</bdi></dd>
      </dl>
      <button class="button outlined" part="button" @click=${again}>${texts.another}</button>
    </div>
  `
}

export function noticeView(
  notice: Notice,
  language: Language,
  on: { act(): void; dismiss(): void; busy: boolean }
): TemplateResult {
  const { text, action, tone } = noticeInWords(notice, language)
  return html`
    <div class="notice ${tone}" part="notice">
      ${tone === 'good' ? icons.check : notice.kind === 'taken' || notice.kind === 'lastMinute' ? icons.clock : icons.info}
      <p>${text}</p>
      ${
        action === undefined
          ? nothing
          : html`<button class="button" part="button" aria-disabled=${on.busy ? 'true' : nothing} @click=${on.act}>${action}</button>`
      }
      <button class="square" aria-label=${language.texts.dismiss} @click=${on.dismiss}>${icons.close}</button>
    </div>
  `
}

export function troubleView(trouble: Trouble, session: PickerSession, language: Language): TemplateResult {
  const bad = trouble === 'serviceUnavailable' || trouble === 'refusedHere' || trouble === 'noCalendar'
  const tone = bad ? 'bad' : trouble === 'degraded' ? 'calm' : ''
  return html`
    <div class="strip-status ${tone}" part="status">
      ${trouble === 'degraded' ? icons.info : icons.cloud}
      <p>${troubleInWords(trouble, session.calendar, session.state.hold, language)}</p>
    </div>
  `
}
