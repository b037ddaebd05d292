import { html, LitElement, nothing, type TemplateResult } from 'lit'
import type { AuditEntryView } from '../../protocol/schemas.js'
import { localStorageIfThere } from '../client/session-token.js'
import { Formats } from '../shared/format.js'
import { directionOf, languageOf } from '../shared/texts.js'
import { tokens, visuallyHidden } from '../shared/tokens.js'
import type { Zone } from '../shared/zone.js'
import { able, type BoardEvent, type Effect, initial, type Place, reduce, type Shown } from './board.js'
import { type Cell, type GridRow, partsOf } from './grid-model.js'
import { gridTemplate } from './grid-view.js'
import { icons } from './icons.js'
import { chosenTemplate, feedTemplate, freeDialogTemplate, noticeTemplate, signInTemplate } from './panes.js'
import { endSession, KeptToken, tryToken } from './sign-in.js'
import { StaffLink } from './staff-link.js'
import { styles } from './styles.js'
import { doorStyles } from './styles-door.js'
import { gridStyles } from './styles-grid.js'
import { paneStyles } from './styles-panes.js'
import { linkWords, words } from './words.js'

/** From so many rows on they are drawn closer together. */
const roomyRowsMax = 16
const tickMs = 1_000

/**
 * `<staff-board>`: who looks at, holds and has booked what, live, and what staff do about it. It draws what the reducer
 * decided and the link knows, once per frame however much changes in it.
 */
export class StaffBoard extends LitElement {
  static override readonly styles = [tokens, visuallyHidden, styles, doorStyles, gridStyles, paneStyles]

  /** Of the server; the page's own origin otherwise. */
  server = location.origin
  #state = initial
  #selectionVersion = 0
  #link: StaffLink | undefined
  #filter = ''
  /** What was ticked at the door; undefined: nobody was asked. */
  #stay: boolean | undefined
  #rowsFor: { rows: readonly GridRow[]; filter: string } | undefined
  #rows: readonly GridRow[] = []
  #formats: { locale: string; zone: Zone; formats: Formats } | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  readonly #kept = new KeptToken(sessionStorageIfThere(), localStorageIfThere())

  override connectedCallback(): void {
    super.connectedCallback()
    addEventListener('storage', this.#onStorage)
    addEventListener('online', this.#onOnline)
    document.addEventListener('visibilitychange', this.#onOnline)
    this.#timer = setInterval(() => this.#tick(), tickMs)
    const token = this.#kept.read()
    if (token !== undefined) this.#dispatch({ type: 'signIn', token })
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    removeEventListener('storage', this.#onStorage)
    removeEventListener('online', this.#onOnline)
    document.removeEventListener('visibilitychange', this.#onOnline)
    clearInterval(this.#timer)
    this.#link?.close()
    this.#link = undefined
  }

  readonly #onStorage = (event: StorageEvent): void => {
    if (KeptToken.isSignOut(event) && this.#link !== undefined && this.#kept.read() === undefined)
      this.#dispatch({ type: 'signedOut', problem: 'ended' })
  }
  readonly #onOnline = (): void => this.#link?.reconnectNow()

  /** A hundred changes a second are sixty drawings at most. */
  override async scheduleUpdate(): Promise<void> {
    if (document.visibilityState === 'visible') await new Promise(resolve => requestAnimationFrame(resolve))
    super.scheduleUpdate()
  }

  #tick(): void {
    if (this.#link === undefined) return
    this.#link.grid.tick()
    this.requestUpdate()
  }

  // --- what happens

  #dispatch(event: BoardEvent): void {
    const before = this.#state
    const { state, effects } = reduce(before, event, this.#shown())
    this.#state = state
    if (state.selected !== before.selected) this.#selectionVersion += 1
    // first, so that who sets the focus waits for the drawing: beneath a dialog nothing can have it
    this.requestUpdate()
    for (const effect of effects) void this.#carryOut(effect)
  }

  async #carryOut(effect: Effect): Promise<void> {
    const link = this.#link
    switch (effect.do) {
      case 'signIn':
        return this.#signIn(effect.token)
      case 'signOut':
        link?.close()
        this.#link = undefined
        this.#kept.forget()
        if (effect.everywhere && link !== undefined && !(await endSession(this.server, link.token, fetch)))
          this.#dispatch({ type: 'notTold' })
        return
      case 'free':
        if (link !== undefined)
          this.#dispatch({ type: 'done', notice: await link.free(effect.locks, effect.reason) })
        return
      case 'close':
      case 'open':
        if (link !== undefined)
          this.#dispatch({ type: 'done', notice: await link.setClosed(effect.slots, effect.do === 'close') })
        return
      case 'focus':
        await this.updateComplete
        if (effect.on === 'token') this.renderRoot.querySelector<HTMLElement>('#token')?.focus()
        else this.#focusCell()
        return
      default:
        return effect satisfies never
    }
  }

  async #signIn(token: string): Promise<void> {
    const tried = await tryToken(this.server, token, fetch)
    if (this.#state.stage !== 'signingIn') return
    if (!tried.ok && tried.problem !== 'unreachable') {
      this.#dispatch({ type: 'signedOut', problem: tried.problem })
      return
    }
    // who was signed in before stays so while the server is away
    if (!tried.ok && this.#kept.read() === undefined) {
      this.#dispatch({ type: 'signedOut', problem: tried.problem })
      return
    }
    const good = tried.ok ? tried.session.token : token
    this.#kept.keep(good, this.#stay)
    this.#link = new StaffLink(this.server, good, this.#kept, {
      changed: () => this.#changed(),
      shownAnew: () => this.#dispatch({ type: 'shown' }),
      signedOut: () => this.#dispatch({ type: 'signedOut', problem: 'ended' })
    })
    this.#dispatch({ type: 'signedIn' })
  }

  /** What is about to be freed may be over meanwhile: then there is nothing to ask any more. */
  #changed(): void {
    const { freeing, busy } = this.#state
    const live = this.#link?.grid.locks
    if (freeing === undefined || busy || freeing.some(id => live?.has(id))) this.requestUpdate()
    else this.#dispatch({ type: 'done', notice: { kind: 'freed', count: 0, gone: freeing.length } })
  }

  // --- what is shown

  /** Those that the filter lets through. */
  get #visible(): readonly GridRow[] {
    const rows = this.#link?.grid.rows ?? []
    if (this.#rowsFor?.rows === rows && this.#rowsFor.filter === this.#filter) return this.#rows
    const wanted = this.#filter.trim().toLocaleLowerCase()
    this.#rowsFor = { rows, filter: this.#filter }
    this.#rows =
      wanted === ''
        ? rows
        : rows.filter(
            ({ name, resource }) => name.toLocaleLowerCase().includes(wanted) || resource.includes(wanted)
          )
    return this.#rows
  }

  #shown(): Shown {
    const rows = this.#visible
    const grid = this.#link?.grid
    return {
      rows: rows.length,
      columns: grid?.columns.length ?? 0,
      cell: ({ row, column }) => rows[row]?.cells[column],
      find: slot => grid?.cell(slot)
    }
  }

  #focusCell(): void {
    const { row, column } = this.#state.at
    const cell = this.renderRoot.querySelector<HTMLElement>(`[data-at="${row}:${column}"]`)
    cell?.focus({ preventScroll: false })
    // beneath a dialog that has only just gone nothing may have the focus before the next frame
    if (this.shadowRoot?.activeElement !== cell) requestAnimationFrame(() => cell?.focus())
    cell?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }

  async #moveFocus(event: BoardEvent): Promise<void> {
    this.#dispatch(event)
    await this.updateComplete
    this.#focusCell()
  }

  #formatsOf(link: StaffLink): Formats {
    // its words are English, and times are written as the reader's English has them
    const locale = this.lang || languageOf(navigator.languages, ['en'], 'en').locale
    const { zone } = link
    if (this.#formats?.locale !== locale || this.#formats.zone !== zone)
      this.#formats = { locale, zone, formats: new Formats(locale, zone) }
    return this.#formats.formats
  }

  protected override render(): TemplateResult {
    const link = this.#link
    const { stage, problem } = this.#state
    const dir = document.documentElement.dir || directionOf(document.documentElement.lang || 'en')
    if (stage !== 'watching' || link === undefined)
      return html`<div class="base" dir=${dir}>
        ${signInTemplate(problem, stage === 'signingIn', (token, stay) => {
          this.#stay = stay
          this.#dispatch({ type: 'signIn', token })
        })}
      </div>`
    const formats = this.#formatsOf(link)
    return html`<div class="base watching" dir=${dir}>
      ${this.#head(link)} ${this.#tools(link, formats)}
      ${noticeTemplate(this.#state.notice, () => this.#dispatch({ type: 'dismiss' }))}
      <div class="below">
        <main>${this.#grid(link, formats)}</main>
        <aside aria-label=${words.feed}>
          ${this.#chosen(link, formats)}
          ${feedTemplate(
            link.feed,
            {
              formats,
              whatOf: entry => this.#whatOf(entry, link, formats),
              today: at => link.zone.at(at).date === link.today()
            },
            () => void link.readOlder()
          )}
        </aside>
      </div>
      ${this.#dialog(link, formats)}
    </div>`
  }

  #head(link: StaffLink): TemplateResult {
    const { calendars, calendar } = link
    const state = linkWords[link.link]
    return html`<header>
      <a class="brand" href="/"><img src="/icon.svg" alt="slotlock" width="28" height="28" /></a>
      <h1>${words.title}</h1>
      ${
        calendars.length > 1
          ? html`<label class="visually-hidden" for="calendar">${words.calendar}</label>
              <select id="calendar" @change=${(event: Event) => link.showCalendar((event.target as HTMLSelectElement).value)}>
                ${calendars.map(({ id, name }) => html`<option value=${id} ?selected=${id === calendar?.id}>${name}</option>`)}
              </select>`
          : html`<span class="calendar-name">${calendar?.name}</span>`
      }
      <span class="gap"></span>
      <span class="link ${link.link}" role="status" title=${state.long}>${state.short}<span class="visually-hidden">. ${state.long}</span></span>
      <button class="button quiet" @click=${() => this.#dispatch({ type: 'signedOut' })}>
        ${icons.out}<span>${words.signOut}</span>
      </button>
    </header>`
  }

  #tools(link: StaffLink, formats: Formats): TemplateResult {
    const tally = link.grid.tally(this.#visible)
    const kinds = ['free', 'locked', 'booked', 'blocked', 'looking'] as const
    return html`<section class="tools" aria-label=${words.tools}>
      <div class="days">
        <button class="square turns" aria-label=${words.previousDay} title=${words.previousDay} @click=${() => link.turnDay(-1)}>${icons.before}</button>
        <label class="date">
          <span class="visually-hidden">${words.day}</span>
          <input type="date" .value=${link.day} @change=${(event: Event) => link.showDay((event.target as HTMLInputElement).value)} />
        </label>
        <button class="square turns" aria-label=${words.nextDay} title=${words.nextDay} @click=${() => link.turnDay(1)}>${icons.after}</button>
        <button class="button outlined" ?disabled=${link.day === link.today()} @click=${() => link.showDay(link.today())}>${words.today}</button>
        ${link.day === '' ? nothing : html`<h2>${formats.longDay(link.day)}</h2>`}
      </div>
      <label class="search">
        <span class="visually-hidden">${words.filter}</span>${icons.search}
        <input
          type="search"
          placeholder=${words.filter}
          .value=${this.#filter}
          @input=${(event: InputEvent) => {
            this.#filter = (event.target as HTMLInputElement).value
            this.#dispatch({ type: 'shown' })
          }}
        />
      </label>
      <ul class="tally">
        ${kinds.map(kind => html`<li class=${kind}><i></i>${words[kind]} <b>${formats.number(tally[kind])}</b></li>`)}
      </ul>
    </section>`
  }

  #grid(link: StaffLink, formats: Formats): TemplateResult {
    const rows = this.#visible
    const { columns } = link.grid
    if (link.error !== undefined) return html`<p class="empty">${link.error.message}</p>`
    if (link.loading && columns.length === 0) return html`<p class="empty">${words.loading}</p>`
    if (columns.length === 0) return html`<p class="empty">${words.noSlots}</p>`
    if (rows.length === 0) return html`<p class="empty">${words.noMatch}</p>`
    return html`<div class="scroller ${rows.length > roomyRowsMax ? 'close' : ''}">
      ${gridTemplate(
        {
          rows,
          columns,
          state: this.#state,
          selectionVersion: this.#selectionVersion,
          formats,
          nowMs: link.nowMs(),
          leftMs: endsAt => link.leftMs(endsAt)
        },
        {
          at: () => this.#state.at,
          choose: (at, how) => void this.#moveFocus({ type: 'choose', at, how }),
          move: at => void this.#moveFocus({ type: 'move', at }),
          act: at => this.#act(at),
          clear: () => this.#dispatch({ type: 'clear' })
        }
      )}
    </div>`
  }

  /** Enter: what suggests itself. */
  #act(at: Place): void {
    if (this.#state.selected.size <= 1) this.#dispatch({ type: 'choose', at, how: 'one' })
    const { free } = able(this.#state, this.#shown())
    if (free.length > 0) this.#dispatch({ type: 'askFree', locks: free })
    else
      void this.updateComplete.then(() =>
        this.renderRoot.querySelector<HTMLElement>('.chosen .actions button')?.focus()
      )
  }

  #chosen(link: StaffLink, formats: Formats): TemplateResult | typeof nothing {
    const shown = this.#shown()
    const cells = [...this.#state.selected].flatMap((slot): readonly Cell[] | Cell => shown.find(slot) ?? [])
    const chosen = able(this.#state, shown)
    return chosenTemplate(
      { cells, ...chosen, last: lastOf(link.feed.entries, cells) },
      this.#state.busy,
      {
        formats,
        nameOf: id => nameOf(link, id),
        leftMs: endsAt => link.leftMs(endsAt),
        whatOf: entry => this.#whatOf(entry, link, formats)
      },
      {
        close: () => this.#dispatch({ type: 'close' }),
        open: () => this.#dispatch({ type: 'open' }),
        free: () => this.#dispatch({ type: 'askFree', locks: chosen.free }),
        clear: () => void this.#moveFocus({ type: 'clear' })
      }
    )
  }

  #dialog(link: StaffLink, formats: Formats): TemplateResult | typeof nothing {
    const { freeing, busy } = this.#state
    if (freeing === undefined) return nothing
    const slots = freeing.flatMap(id => link.grid.locks.get(id)?.slots ?? [])
    return html`<dialog
      aria-labelledby="free-title"
      @cancel=${(event: Event) => {
        event.preventDefault()
        this.#dispatch({ type: 'dontFree' })
      }}
    >
      ${freeDialogTemplate(slotsInWords(slots, link, formats), freeing.length, busy, {
        free: reason => this.#dispatch({ type: 'free', reason }),
        cancel: () => this.#dispatch({ type: 'dontFree' })
      })}
    </dialog>`
  }

  protected override updated(): void {
    const dialog = this.renderRoot.querySelector('dialog')
    if (dialog !== null && !dialog.open) dialog.showModal()
  }

  #whatOf({ slots }: AuditEntryView, link: StaffLink, formats: Formats): string {
    return slotsInWords(slots, link, formats)
  }
}

/** What was done last to the only slot that is selected, as far as the feed goes back. */
const lastOf = (entries: readonly AuditEntryView[], cells: readonly Cell[]): AuditEntryView | undefined =>
  cells.length === 1 ? entries.find(({ slots }) => slots.includes(cells[0]!.slot)) : undefined

const nameOf = (link: StaffLink, resource: string): string =>
  link.calendar?.resources.find(({ id }) => id === resource)?.name ?? resource

/** `Dr Lee, 09:00`, `Dr Lee, 09:00 – 10:00`, `5 slots`; with the day where it is another. */
function slotsInWords(slots: readonly string[], link: StaffLink, formats: Formats): string {
  const parts = slots.map(partsOf).sort((a, b) => a.start - b.start)
  const [first, last] = [parts[0], parts.at(-1)]
  if (first === undefined || last === undefined) return words.selection.toLowerCase()
  const stepMs = (link.calendar?.slotMinutes ?? 30) * 60_000
  const run = parts.every(
    ({ resource, start }, index) => resource === first.resource && start === first.start + index * stepMs
  )
  if (!run) return `${slots.length} slots`
  const { date } = link.zone.at(first.start)
  const time =
    parts.length === 1 ? formats.time(first.start) : formats.timeRange(first.start, last.start + stepMs)
  return `${nameOf(link, first.resource)}, ${date === link.day ? '' : `${formats.date(first.start)}, `}${time}`
}

function sessionStorageIfThere(): Storage | undefined {
  try {
    return globalThis.sessionStorage
  } catch {
    return undefined
  }
}
