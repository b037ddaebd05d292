import { html, nothing, type TemplateResult } from 'lit'
import { fill } from '../shared/texts.js'
import { daysBetween, type Zone } from '../shared/zone.js'
import { icons } from './icons.js'
import type { TextName } from './texts/en.js'
import { freeInWords, type Language } from './words.js'

/** The frame of the grid: whom to choose, which days, and what the colours mean. */

/** Past this many resources they are a list instead of a row of buttons. */
const choicesMax = 4

export interface Named {
  readonly id: string
  readonly name: string
}

export function headView(
  {
    name,
    resources,
    chosen,
    language
  }: {
    name: string
    resources: readonly Named[]
    chosen: string | undefined
    language: Language
  },
  choose: (id: string) => void
): TemplateResult {
  const { texts } = language
  const onChange = (event: Event): void =>
    choose((event.target as HTMLInputElement | HTMLSelectElement).value)
  return html`
    <header class="head" part="head">
      <div class="title">
        <h2 part="heading">${texts.heading}</h2>
        ${name === '' ? nothing : html`<p class="muted small">${name}</p>`}
      </div>
      ${
        resources.length < 2
          ? nothing
          : resources.length <= choicesMax
            ? html`<fieldset class="choices" part="resources" @change=${onChange}>
                <legend class="visually-hidden">${texts.with}</legend>
                ${resources.map(
                  ({ id, name }) => html`<label
                    ><input type="radio" name="resource" value=${id} .checked=${id === chosen} /><span>${name}</span></label
                  >`
                )}
              </fieldset>`
            : html`<label class="pick"
                ><span class="visually-hidden">${texts.with}</span
                ><select part="resources" @change=${onChange}>
                  ${resources.map(
                    ({ id, name }) => html`<option value=${id} ?selected=${id === chosen}>${name}</option>`
                  )}
                </select></label
              >`
      }
    </header>
  `
}

/** What is at its end is not disabled for good: the focus would fall off a button that was just pressed. */
export function periodView(
  { dates, today, language }: { dates: readonly string[]; today: string; language: Language },
  turn: (days: number) => void
): TemplateResult {
  const { texts, formats } = language
  const first = dates[0]!
  const [atStart, step] = [daysBetween(today, first) <= 0, dates.length]
  return html`
    <div class="period" part="period">
      <h3>${formats.dayRange(first, dates.at(-1)!, today)}</h3>
      <button class="button outlined" part="button" aria-disabled=${first === today ? 'true' : nothing} @click=${() => turn(daysBetween(first, today))}>
        ${texts.today}
      </button>
      <span class="turns">
        <button
          class="square"
          part="button"
          aria-label=${texts.earlier}
          aria-disabled=${atStart ? 'true' : nothing}
          @click=${() => turn(-Math.min(step, daysBetween(today, first)))}
        >
          ${icons.before}
        </button>
        <button class="square" part="button" aria-label=${texts.later} @click=${() => turn(step)}>${icons.after}</button>
      </span>
    </div>
  `
}

/** The days of a narrow widget: one of them is shown below. */
export function stripView(
  {
    dates,
    today,
    chosen,
    free,
    language
  }: {
    dates: readonly string[]
    today: string
    chosen: string
    free: ReadonlyMap<string, number>
    language: Language
  },
  choose: (date: string) => void
): TemplateResult {
  const { formats, texts } = language
  return html`
    <div class="strip" role="group" aria-label=${texts.days} .style=${`--columns: ${Math.min(7, dates.length)}`}>
      ${dates.map(date => {
        const count = free.get(date) ?? 0
        return html`
          <button
            class="day ${date === today ? 'today' : ''}"
            part="day"
            aria-pressed=${date === chosen}
            aria-label="${formats.longDay(date)}, ${freeInWords(count, language)}"
            @click=${() => choose(date)}
          >
            <span class="weekday">${formats.weekday(date)}</span>
            <span class="number">${formats.dayOfMonth(date)}</span>
            <span class="dot ${count === 0 ? 'no' : ''}"></span>
          </button>
        `
      })}
    </div>
  `
}

/** Where times will be, in the shape that they will have. */
export function bonesView(columns: number, { texts }: Language): TemplateResult {
  const bones = Array.from({ length: 5 }, () => Array.from({ length: columns }))
  return html`
    <div class="rows" .style=${`--columns: ${columns}`} aria-hidden="true">
      ${bones.map(row => html`<div class="row">${row.map(() => html`<div class="bone"></div>`)}</div>`)}
    </div>
    <p class="visually-hidden">${texts.loading}</p>
  `
}

export function emptyView({ texts }: Language, later: () => void): TemplateResult {
  return html`
    <div class="empty" part="empty">
      <p>${texts.noneFree}</p>
      <button class="button outlined" part="button" @click=${later}>${texts.later}</button>
    </div>
  `
}

const legend: readonly [look: string, text: TextName][] = [
  ['free', 'legendFree'],
  ['free watched', 'legendWatched'],
  ['locked', 'legendLocked'],
  ['booked', 'legendBooked'],
  ['mine', 'legendMine']
]

export function footView(zone: Zone, nowMs: number, { texts, formats }: Language): TemplateResult {
  const name = `${zone.name.replaceAll('_', ' ')} (${formats.offset(nowMs)})`
  return html`
    <footer class="foot" part="foot">
      <ul class="legend" part="legend">
        ${legend.map(
          ([look, text]) =>
            html`<li><span class="cell swatch ${look}" aria-hidden="true"></span>${texts[text]}</li>`
        )}
      </ul>
      <span class="zone">${icons.globe}${fill(texts.zone, { zone: name })}</span>
    </footer>
  `
}
