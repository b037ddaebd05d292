import { html, nothing, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import { repeat } from 'lit/directives/repeat.js'
import type { AuditEntryView, StaffLockView } from '../../protocol/schemas.js'
import type { Formats } from '../shared/format.js'
import type { Notice, SignInProblem } from './board.js'
import type { Feed } from './feed-model.js'
import type { Cell } from './grid-model.js'
import { icons } from './icons.js'
import { browserWords, deedWords, noticeWords, problemWords, reasons, shortTag, words } from './words.js'

/** The parts of the board around the grid. Each draws what it is given. */

export function signInTemplate(
  problem: SignInProblem | undefined,
  busy: boolean,
  submit: (token: string, stay: boolean) => void
): TemplateResult {
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault()
    const data = new FormData(event.target as HTMLFormElement)
    submit(String(data.get('token') ?? ''), data.get('stay') !== null)
  }
  return html`<main class="door">
    <form class="card" @submit=${onSubmit} novalidate>
      <img src="/icon.svg" alt="" width="40" height="40" />
      <h1>${words.title}</h1>
      <p class="muted">${words.signInLead}</p>
      <label for="token">${words.token}</label>
      <input
        id="token"
        name="token"
        type="password"
        autocomplete="current-password"
        spellcheck="false"
        aria-invalid=${problem !== undefined}
        aria-describedby="problem help"
        ?readonly=${busy}
      />
      <p id="problem" class="problem" role="alert">${problem === undefined ? nothing : problemWords[problem]}</p>
      <label class="check"><input type="checkbox" name="stay" ?disabled=${busy} /><span>${words.stay}</span></label>
      <button class="button primary" ?disabled=${busy}>${busy ? words.signingIn : words.signIn}</button>
      <div id="help" class="muted small help">
        ${words.tokenHelp}
        <code>slotlock token --role staff --ttl 8h</code>
      </div>
    </form>
  </main>`
}

export interface Chosen {
  readonly cells: readonly Cell[]
  readonly close: readonly string[]
  readonly open: readonly string[]
  readonly free: readonly string[]
  /** What happened last to the only one. */
  readonly last: AuditEntryView | undefined
}

export interface ChosenEvents {
  close(): void
  open(): void
  free(): void
  clear(): void
}

export interface ChosenWords {
  readonly formats: Formats
  nameOf(resource: string): string
  leftMs(endsAt?: number): number
  whatOf(entry: AuditEntryView): string
}

/** What is selected and what can be done with it. */
export function chosenTemplate(
  chosen: Chosen,
  busy: boolean,
  { formats, nameOf, leftMs, whatOf }: ChosenWords,
  events: ChosenEvents
): TemplateResult | typeof nothing {
  const { cells, close, open, free, last } = chosen
  const [only] = cells
  if (only === undefined) return nothing
  const title =
    cells.length === 1 ? `${nameOf(only.resource)}, ${formats.time(only.start)}` : `${cells.length} slots`
  const count = (slots: readonly string[]): string => (cells.length === 1 ? '' : ` ${slots.length}`)
  return html`<section class="chosen" aria-label=${words.selection}>
    <div class="chosen-head">
      <h2>${title}</h2>
      ${cells.length === 1 ? html`<span class="state ${only.state}">${stateWords(only)}</span>` : nothing}
      <button class="square" aria-label=${words.clear} title=${words.clear} @click=${events.clear}>${icons.close}</button>
    </div>
    ${cells.length === 1 && only.lock !== undefined ? holdTemplate(only.lock, leftMs(only.endsAt), formats) : nothing}
    ${
      last === undefined || only.lock !== undefined
        ? nothing
        : html`<p class="muted">${deedWords(last, whatOf(last))}, ${formats.time(last.at)}.</p>`
    }
    <div class="actions">
      ${
        free.length > 0
          ? html`<button class="button bad" aria-disabled=${busy ? 'true' : nothing} @click=${events.free}>
              ${free.length === 1 ? words.freeIt : `Free ${free.length} holds`}…
            </button>`
          : nothing
      }
      ${
        close.length > 0
          ? html`<button class="button outlined" aria-disabled=${busy ? 'true' : nothing} @click=${events.close}>Close${count(close)}</button>`
          : nothing
      }
      ${
        open.length > 0
          ? html`<button class="button outlined" aria-disabled=${busy ? 'true' : nothing} @click=${events.open}>Open${count(open)}</button>`
          : nothing
      }
    </div>
  </section>`
}

const stateWords = ({ state }: Cell): string => (state === 'none' ? '' : words[state])

const holdTemplate = (lock: StaffLockView, leftMs: number, formats: Formats): TemplateResult => html`<dl>
  <div><dt>${words.who}</dt><dd class="mono">${shortTag(lock.by)}</dd></div>
  <div><dt>${words.since}</dt><dd>${formats.time(lock.since)}</dd></div>
  <div><dt>${words.left}</dt><dd class="mono">${formats.countdown(leftMs)}</dd></div>
  ${lock.address === undefined ? nothing : html`<div><dt>${words.from}</dt><dd class="mono">${lock.address}</dd></div>`}
  ${
    lock.userAgent === undefined
      ? nothing
      : html`<div><dt>${words.browser}</dt><dd title=${lock.userAgent}>${browserWords(lock.userAgent)}</dd></div>`
  }
</dl>`

export function freeDialogTemplate(
  what: string,
  count: number,
  busy: boolean,
  events: { free(reason: string): void; cancel(): void }
): TemplateResult {
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault()
    events.free(String(new FormData(event.target as HTMLFormElement).get('reason') ?? ''))
  }
  const suggest = (event: Event): void => {
    const form = (event.target as HTMLElement).closest('form')!
    const reason = form.elements.namedItem('reason') as HTMLTextAreaElement
    reason.value = (event.target as HTMLElement).textContent!.trim()
    reason.focus()
  }
  return html`<form @submit=${onSubmit}>
    <h2 id="free-title">${count === 1 ? 'Free this hold?' : `Free ${count} holds?`}</h2>
    <p>
      <strong>${what}</strong> becomes free at once, and ${count === 1 ? 'its visitor is' : 'their visitors are'} told.
      This cannot be taken back.
    </p>
    <label for="reason">${words.reason}</label>
    <textarea id="reason" name="reason" rows="2" maxlength="500" aria-describedby="reason-help" autofocus></textarea>
    <p id="reason-help" class="muted small">${words.reasonHelp}</p>
    <div class="suggestions">
      ${reasons.map(reason => html`<button type="button" class="chip" @click=${suggest}>${reason}</button>`)}
    </div>
    <div class="actions end">
      <button type="button" class="button outlined" aria-disabled=${busy ? 'true' : nothing} @click=${events.cancel}>${words.cancel}</button>
      <button class="button bad solid" aria-disabled=${busy ? 'true' : nothing}>
        ${count === 1 ? words.freeIt : `Free ${count} holds`}
      </button>
    </div>
  </form>`
}

export function noticeTemplate(notice: Notice | undefined, dismiss: () => void): TemplateResult {
  const said = notice === undefined ? undefined : noticeWords(notice)
  return html`<div class="notices" role="status">
    ${
      said === undefined
        ? nothing
        : html`<div class="notice ${said.bad ? 'warn' : 'good'}">
            <p>${said.text}</p>
            <button class="square plain" aria-label=${words.dismiss} @click=${dismiss}>${icons.close}</button>
          </div>`
    }
  </div>`
}

export function feedTemplate(
  feed: Feed,
  {
    formats,
    whatOf,
    today
  }: { formats: Formats; whatOf(entry: AuditEntryView): string; today(at: number): boolean },
  older: () => void
): TemplateResult {
  return html`<section class="feed" aria-labelledby="feed-title">
    <h2 id="feed-title">${words.feed}</h2>
    ${
      feed.entries.length === 0
        ? html`<p class="muted">${words.feedEmpty}</p>`
        : html`<ol tabindex="0" aria-labelledby="feed-title">
            ${guard([feed, formats], () =>
              repeat(
                feed.entries,
                ({ id }) => id,
                entry => html`<li class=${entry.type}>
                  <span class="mark">${icons[entry.type]}</span>
                  <div>
                    <p>${deedWords(entry, whatOf(entry))}</p>
                    ${entry.reason === undefined ? nothing : html`<p class="reason">“${entry.reason}”</p>`}
                  </div>
                  <time datetime=${new Date(entry.at).toISOString()}
                    >${today(entry.at) ? formats.time(entry.at) : formats.date(entry.at)}</time
                  >
                </li>`
              )
            )}
            ${
              feed.cursor === undefined
                ? nothing
                : html`<li class="more"><button class="button quiet" @click=${older}>${words.older}</button></li>`
            }
          </ol>`
    }
  </section>`
}
