import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import { directionOf, wantedLocales } from '../shared/texts.js'
import { tokens, visuallyHidden } from '../shared/tokens.js'
import { isDate, type Zone, zoneOr } from '../shared/zone.js'
import { ChoosingPane } from './choosing-pane.js'
import { DetailsPane } from './details-pane.js'
import { type FocusOn, moveFocus } from './focus.js'
import { openLink } from './link.js'
import type { Effect } from './picker-types.js'
import { PickerSession, troubleAfterMs } from './session.js'
import { Speech } from './speech.js'
import { styles } from './styles.js'
import { gridStyles } from './styles-grid.js'
import { panels } from './styles-panels.js'
import { fire, tell } from './tell.js'
import { confirmationView, holdView, noticeView, troubleView } from './views.js'
import { type Language, languageFor } from './words.js'

/**
 * Days and times of a slotlock calendar, live, in the visitor's time zone and language; a press on a time holds it, a
 * form books it.
 *
 * ```html
 * <script src="https://book.example/slot-picker.js" async></script>
 * <slot-picker server="https://book.example" calendar="demo"></slot-picker>
 * ```
 *
 * A hold belongs to the visitor's session, whose token is in localStorage: it outlives a reload, and other tabs show it.
 *
 * @tag slot-picker
 *
 * @attr {string} server - address of the slotlock server; default: where the script came from
 * @attr {string} calendar - id of the calendar
 * @attr {string} resource - id of the one resource to offer; default: the visitor chooses among all
 * @attr {number} slots-max - neighbouring slots that may be booked together; default 1
 * @attr {string} locale - language and region, `de-AT`; default: that of the page, then those of the browser. Texts are
 *   there in English, German, French, Spanish and Arabic
 * @attr {string} time-zone - IANA name; default: the visitor's
 * @attr {string} from - first date shown, `2026-12-01`; default: today
 * @attr {number} days - days shown at once, 1 to 14; default 7. A narrow widget shows one of them at a time
 * @attr {string} fields - fields of the form beside the name, a star for what must be given; default `email phone note`
 * @attr {"light"|"dark"} theme - default: as the visitor's system has it
 * @attr {string} site-key - the key of the site, where the server wants one (`key` would be React's own)
 * @attr {string} session - a name for a visitor of its own; widgets of one page are one visitor otherwise
 * @attr {boolean} without-grid - the page shows the times itself and calls `choose()`
 *
 * @prop {Record<string, string>} texts - texts to say otherwise, by their names in `texts/en.ts`; also as an attribute, in JSON
 * @prop {string[]} offered - ids of the slots on offer, for a calendar with `grid: "open"`, which lists only those taken
 *
 * @fires slot-picker:ready - the first times are shown; `{calendar}`
 * @fires slot-picker:held - `{lock, calendar, slots, expiresAt}`, expiresAt in epoch milliseconds; also after a reload
 * @fires slot-picker:extended - the same
 * @fires slot-picker:released - the visitor gave it back; the same
 * @fires slot-picker:lost - the hold ended; the same, with `reason` `expired`, `revoked`, `released` (in another tab) or
 *   `bookedElsewhere`, and `message`, what staff gave as theirs
 * @fires slot-picker:taken - somebody else has it; `{calendar, slots, until}`, until in epoch milliseconds if known
 * @fires slot-picker:booked - `{calendar, slots, booking}`, booking as the server answers it, with what the visitor typed
 * @fires slot-picker:status - the connection or the service changed; `{status, service}` in the words of `slotlock/client`
 *
 * All of them bubble and are composed.
 *
 * @csspart base - all of it
 * @csspart head - heading, and the choice of a resource (`resources`)
 * @csspart heading
 * @csspart resources
 * @csspart period - the days shown and the buttons that turn them
 * @csspart day - the head of a column; in a narrow widget a button
 * @csspart grid
 * @csspart slot - a time; also `free`, `watched`, `mine`, `asked`, `locked`, `booked`, `blocked` or `past`
 * @csspart foot - legend (`legend`) and time zone
 * @csspart legend
 * @csspart status - the strip that says what is wrong with connection or service
 * @csspart notice - what happened, in words
 * @csspart hold - what is held (`countdown`), and what to do with it
 * @csspart countdown
 * @csspart summary - what is about to be booked
 * @csspart form
 * @csspart field
 * @csspart input
 * @csspart confirmation
 * @csspart empty - there is nothing free
 * @csspart button - also `button-primary`
 * @csspart button-primary
 *
 * @cssprop --slot-picker-accent - colour of what can be pressed
 * @cssprop --slot-picker-on-accent - text on it
 * @cssprop --slot-picker-surface
 * @cssprop --slot-picker-raised - ground of panels
 * @cssprop --slot-picker-text
 * @cssprop --slot-picker-muted
 * @cssprop --slot-picker-line
 * @cssprop --slot-picker-radius
 * @cssprop --slot-picker-font
 * @cssprop --slot-picker-max-width
 * @cssprop --slot-picker-cell-height
 * @cssprop --slot-picker-grid-height - past it the times scroll
 */
export class SlotPicker extends LitElement {
  /** Where the script came from, for a widget that names no server. */
  static scriptOrigin: string | undefined

  static override readonly styles = [tokens, visuallyHidden, styles, gridStyles, panels]
  static override readonly properties = {
    server: {},
    calendar: {},
    resource: {},
    slotsMax: { type: Number, attribute: 'slots-max' },
    locale: {},
    timeZone: { attribute: 'time-zone' },
    from: {},
    days: { type: Number },
    fields: {},
    theme: { reflect: true },
    session: {},
    siteKey: { attribute: 'site-key' },
    withoutGrid: { type: Boolean, attribute: 'without-grid' },
    texts: { type: Object },
    offered: { attribute: false }
  }

  declare server: string
  declare calendar: string
  declare resource: string | null
  declare slotsMax: number
  declare locale: string | null
  declare timeZone: string | null
  declare from: string | null
  declare days: number
  declare fields: string
  declare theme: 'light' | 'dark' | null
  declare session: string
  declare siteKey: string | undefined
  declare withoutGrid: boolean
  declare texts: Record<string, string>
  declare offered: readonly string[] | undefined

  #session: PickerSession | undefined
  #link: ReturnType<typeof openLink> | undefined
  #connectedTo = ''
  #zone: Zone = zoneOr(undefined)
  #language: Language | undefined
  #spokenFor: unknown[] = []
  #widthPx = 1_000
  #wasReady = false
  #said = ''
  #toldStatus = ''
  #focusOn: FocusOn | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly #speech = new Speech(text => {
    this.#said = text
    this.requestUpdate()
  })
  readonly #choosing = new ChoosingPane({
    press: slot => this.choose(slot),
    hover: slot => this.#session?.hover(slot),
    show: range => this.#session?.show(range),
    say: text => this.#speech.say(text),
    changed: () => this.requestUpdate()
  })
  readonly #details = new DetailsPane({
    submit: customer => this.#session?.dispatch({ type: 'submit', customer }),
    back: () => this.#session?.dispatch({ type: 'back' }),
    refused: () => {
      this.#focusOn = 'refusedField'
      this.requestUpdate()
    }
  })
  readonly #resizes = new ResizeObserver(([entry]) => {
    const width = Math.round(entry!.contentRect.width)
    if (width === this.#widthPx) return
    this.#widthPx = width
    this.requestUpdate()
  })

  constructor() {
    super()
    this.server = ''
    this.calendar = ''
    this.resource = null
    this.slotsMax = 1
    this.locale = null
    this.timeZone = null
    this.from = null
    this.days = 7
    this.fields = 'email phone note'
    this.theme = null
    this.session = ''
    this.withoutGrid = false
    this.texts = {}
    this.offered = undefined
  }

  /** As if the visitor had pressed this slot: for a page that shows the times itself. */
  choose(slot: string): void {
    if (this.withoutGrid) this.#session?.cover(slot)
    this.#session?.press(slot, this.withoutGrid || this.offered !== undefined)
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.#resizes.observe(this)
    globalThis.addEventListener('online', this.#onLine)
    globalThis.addEventListener('offline', this.#onLine)
    this.requestUpdate()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#resizes.disconnect()
    globalThis.removeEventListener('online', this.#onLine)
    globalThis.removeEventListener('offline', this.#onLine)
    clearTimeout(this.#timer)
    this.#choosing.stop()
    this.#speech.stop()
    this.#disconnect()
  }

  readonly #onLine = (): void => {
    // Back: try at once. Gone: ask whether the connection still stands, rather than wait for its next ping.
    this.#link?.client.reconnectNow()
    this.requestUpdate()
  }

  /** A screen draws so many times a second and no more; what comes in between is drawn together. */
  protected override async scheduleUpdate(): Promise<void> {
    if (this.hasUpdated) await new Promise(requestAnimationFrame)
    super.scheduleUpdate()
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (!this.hasUpdated) this.#widthPx = this.getBoundingClientRect().width || this.#widthPx
    this.#learnLanguage()
    if (changed.has('from'))
      this.#choosing.startAt(this.from !== null && isDate(this.from) ? this.from : undefined)
    this.#connect()
    const session = this.#session
    if (session === undefined) return
    const language = this.#language!
    this.#choosing.update({
      session,
      language,
      zone: this.#zone,
      resource: this.resource ?? undefined,
      offered: this.offered,
      days: this.days,
      widthPx: this.#widthPx,
      rtl: directionOf(language.formats.locale) === 'rtl',
      hasFocus: this.shadowRoot?.activeElement?.classList.contains('cell') === true
    })
    this.#speech.follow(
      session.state.notice,
      session.trouble(performance.now(), navigator.onLine),
      language,
      session
    )
  }

  /** The same object for as long as it is the same language, so that what was drawn in it stands. */
  #learnLanguage(): void {
    const locales = wantedLocales(
      this.locale,
      this.closest('[lang]')?.getAttribute('lang'),
      navigator.languages
    )
    const slotMs = this.#session?.slotMs ?? 0
    const spokenFor = [locales.join(), this.timeZone, slotMs, this.texts]
    if (spokenFor.every((part, index) => part === this.#spokenFor[index])) return
    this.#spokenFor = spokenFor
    const zone = zoneOr(this.timeZone)
    if (zone.name !== this.#zone.name) this.#zone = zone
    this.#language = languageFor(locales, this.#zone, slotMs, this.texts)
  }

  #connect(): void {
    const server = this.server || SlotPicker.scriptOrigin || location.origin
    const wanted = JSON.stringify([server, this.calendar, this.session, this.siteKey])
    if (!this.isConnected || wanted === this.#connectedTo || this.calendar === '') return
    this.#disconnect()
    this.#connectedTo = wanted
    this.#link = openLink(server, this.session, this.siteKey)
    const element = this
    const range = this.#choosing.rangeFrom(
      this.#zone,
      this.#link.client.serverNow(),
      this.days,
      this.#widthPx
    )
    this.#session = new PickerSession(this.#link.client, this.calendar, range, {
      get slotsMax() {
        return Math.max(1, element.slotsMax || 1)
      },
      get resource() {
        return element.resource ?? undefined
      },
      changed: () => this.requestUpdate(),
      happened: effect => this.#happened(effect)
    })
  }

  #disconnect(): void {
    this.#session?.close()
    this.#link?.close()
    this.#session = undefined
    this.#link = undefined
    this.#connectedTo = ''
    this.#wasReady = false
  }

  #happened(effect: Extract<Effect, { do: 'tell' | 'focus' }>): void {
    if (effect.do === 'focus') {
      this.#focusOn = effect.on
      return
    }
    tell(this, this.calendar, effect)
    this.#speech.effect(effect, this.#language!)
    if (effect.event === 'booked') this.#details.clear()
  }

  protected override render(): TemplateResult {
    const language = this.#language!
    return html`
      <section class="base" part="base" tabindex="-1" dir=${directionOf(language.formats.locale)} lang=${language.formats.locale}
        aria-label=${language.texts.heading}>
        <div class="visually-hidden" role="status" aria-live="polite">${this.#said}</div>
        ${this.#session === undefined ? nothing : this.#content(this.#session, language)}
      </section>
    `
  }

  #content(session: PickerSession, language: Language): TemplateResult {
    const { stage, hold, notice, booking, request } = session.state
    const trouble = session.trouble(performance.now(), navigator.onLine)
    const resourceName = (id: string): string | undefined =>
      session.info?.resources.find(resource => resource.id === id)?.name
    const around = [
      trouble === undefined ? nothing : troubleView(trouble, session, language),
      notice === undefined
        ? nothing
        : noticeView(notice, language, {
            act: () => session.dispatch({ type: 'act' }),
            dismiss: () => session.dispatch({ type: 'dismiss' }),
            busy: request !== undefined
          })
    ]
    if (stage === 'booked' && booking !== undefined) {
      const again = (): void => session.dispatch({ type: 'again' })
      return html`${around}${confirmationView(booking, { language, resourceName }, again)}`
    }
    const held = hold && {
      hold,
      ...session.holdLeft(),
      language,
      busy: request !== undefined,
      resourceName: resourceName(hold.slots[0]?.split('/', 1)[0] ?? '')
    }
    if (stage === 'details' && held) {
      const shown = { ...held, calendarName: session.info?.name ?? '', refused: session.state.refusedFields }
      return html`${around}${this.#details.render(shown, this.fields)}`
    }
    return html`
      ${this.withoutGrid ? around : this.#choosing.render(around)}
      ${
        held === undefined
          ? nothing
          : holdView(
              { ...held, canGrow: !this.withoutGrid && hold!.slots.length < this.slotsMax },
              {
                goOn: () => session.dispatch({ type: 'continue' }),
                release: () => session.dispatch({ type: 'release' })
              }
            )
      }
    `
  }

  protected override updated(): void {
    const root = this.renderRoot as ShadowRoot
    this.#choosing.drawn(root)
    const on = this.#focusOn
    this.#focusOn = undefined
    if (on !== undefined) moveFocus(on, root)
    this.#tellHowItIs()
    this.#tickLater()
  }

  #tellHowItIs(): void {
    const session = this.#session
    if (session === undefined) return
    const { status, service } = session
    if (`${status} ${service}` !== this.#toldStatus) {
      this.#toldStatus = `${status} ${service}`
      fire(this, 'status', { status, service })
    }
    if (!this.#wasReady && session.snapshot.state === 'live' && session.info !== undefined) {
      this.#wasReady = true
      fire(this, 'ready', { calendar: this.calendar })
    }
  }

  /** Once a second, with the countdown's own seconds; while nothing runs out, seldom. */
  #tickLater(): void {
    clearTimeout(this.#timer)
    const session = this.#session
    if (session === undefined) return
    const { leftMs } = session.holdLeft()
    const seldomMs = session.status === 'live' ? 5_000 : troubleAfterMs
    const delayMs = session.state.hold === undefined ? seldomMs : leftMs > 0 ? (leftMs % 1_000) + 10 : 300
    this.#timer = setTimeout(() => {
      session.tick()
      this.requestUpdate()
    }, delayMs)
  }
}
