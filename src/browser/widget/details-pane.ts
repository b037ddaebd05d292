import { html, nothing, type TemplateResult } from 'lit'
import {
  customerOf,
  type Field,
  type FieldName,
  fieldNames,
  fieldsOf,
  lengthMax,
  noValues,
  problemsOf
} from './form.js'
import { icons } from './icons.js'
import type { Customer } from './picker-types.js'
import type { TextName } from './texts/en.js'
import { clockView, type HoldShown } from './views.js'
import { type Language, slotsInWords } from './words.js'

/** The form. It keeps what was typed, also while the visitor goes back for another time or loses the hold. */

export interface DetailsEvents {
  submit(customer: Customer): void
  back(): void
  /** It was not sent, because of what is in its fields. */
  refused(): void
}

export interface DetailsShown extends HoldShown {
  readonly busy: boolean
  readonly calendarName: string
  readonly resourceName: string | undefined
  /** Fields that the server did not accept. */
  readonly refused: readonly string[]
}

const inputs: Readonly<Record<FieldName, { type: string; autocomplete: string }>> = {
  name: { type: 'text', autocomplete: 'name' },
  email: { type: 'email', autocomplete: 'email' },
  phone: { type: 'tel', autocomplete: 'tel' },
  note: { type: 'text', autocomplete: 'off' }
}

export class DetailsPane {
  readonly #events: DetailsEvents
  #values = noValues
  #problems: ReadonlyMap<FieldName, TextName> = new Map()

  constructor(events: DetailsEvents) {
    this.#events = events
  }

  clear(): void {
    this.#values = noValues
    this.#problems = new Map()
  }

  render(shown: DetailsShown, fieldsAttribute: string): TemplateResult {
    const { language, hold, busy } = shown
    const { texts } = language
    const fields = fieldsOf(fieldsAttribute)
    const problems = new Map(this.#problems)
    // `customer.email`, `/customer/email`: whichever way the field is spelt, its name comes last.
    for (const name of fieldNames)
      if (shown.refused.some(field => field.endsWith(name))) problems.set(name, 'fieldRefused')
    return html`
      <h2 id="details" part="heading" tabindex="-1">${texts.details}</h2>
      <div class="summary" part="summary">
        ${icons.calendar}
        <div class="facts">
          <strong>${slotsInWords(hold.slots, language, 'short')}</strong>
          <span class="small muted">${[shown.resourceName, shown.calendarName].filter(Boolean).join(' · ')}</span>
        </div>
        ${clockView(shown)}
      </div>
      <form part="form" novalidate @submit=${(event: Event) => this.#submit(event, fields)}>
        <div class="fields">${fields.map(field => this.#field(field, problems.get(field.name), language))}</div>
        <div class="actions">
          <button class="button quiet" part="button" type="button" @click=${this.#events.back} aria-disabled=${busy ? 'true' : nothing}>
            ${texts.back}
          </button>
          <button class="button primary" part="button button-primary" type="submit" aria-disabled=${busy ? 'true' : nothing}>
            ${busy ? texts.booking : texts.book}
          </button>
        </div>
      </form>
    `
  }

  #submit(event: Event, fields: readonly Field[]): void {
    event.preventDefault()
    this.#problems = problemsOf(this.#values, fields)
    if (this.#problems.size > 0) this.#events.refused()
    else this.#events.submit(customerOf(this.#values, fields))
  }

  #field({ name, required }: Field, problem: TextName | undefined, { texts }: Language): TemplateResult {
    const { type, autocomplete } = inputs[name]
    const onInput = (event: Event): void => {
      this.#values = {
        ...this.#values,
        [name]: (event.target as HTMLInputElement | HTMLTextAreaElement).value
      }
    }
    const describedBy = problem === undefined ? nothing : `${name}-problem`
    const invalid = problem === undefined ? nothing : 'true'
    const max = lengthMax[name]
    return html`
      <div class="field ${name}" part="field">
        <label for=${name}>${texts[name]} ${required ? nothing : html`<span>${texts.optional}</span>`}</label>
        ${
          name === 'note'
            ? html`<textarea
                id=${name}
                part="input"
                rows="3"
                maxlength=${max}
                aria-required=${required}
                aria-invalid=${invalid}
                aria-describedby=${describedBy}
                .value=${this.#values[name]}
                @input=${onInput}
              ></textarea>`
            : html`<input
                id=${name}
                part="input"
                type=${type}
                name=${name}
                autocomplete=${autocomplete}
                maxlength=${max}
                aria-required=${required}
                aria-invalid=${invalid}
                aria-describedby=${describedBy}
                .value=${this.#values[name]}
                @input=${onInput}
              />`
        }
        ${problem === undefined ? nothing : html`<p class="problem" id="${name}-problem">${texts[problem]}</p>`}
      </div>
    `
  }
}
