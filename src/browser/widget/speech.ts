import { fill } from '../shared/texts.js'
import { Announcer } from './announcer.js'
import type { Effect, Hold, Notice, Trouble } from './picker-types.js'
import { type Language, noticeInWords, slotsInWords, troubleInWords } from './words.js'

/** What is said aloud, in words, and the clock of the Announcer: what has to wait is said when its time has come. */
export class Speech {
  readonly #announcer = new Announcer()
  readonly #show: (text: string) => void
  #notice: Notice | undefined
  #trouble: Trouble | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(show: (text: string) => void) {
    this.#show = show
  }

  say(text: string, urgent = false): void {
    const now = this.#announcer.say(text, performance.now(), urgent)
    if (now !== undefined) this.#show(now)
    this.#wait()
  }

  effect(effect: Extract<Effect, { do: 'tell' }>, language: Language): void {
    const { texts, formats } = language
    if (effect.event === 'held' || effect.event === 'extended') {
      const { slots, expiresAt } = effect.hold
      const values = { slots: slotsInWords(slots, language), until: formats.time(expiresAt) }
      this.say(fill(effect.event === 'held' ? texts.sayHeld : texts.sayExtended, values))
    } else if (effect.event === 'released') {
      this.say(fill(texts.sayReleased, { slots: slotsInWords(effect.hold.slots, language) }))
    } else if (effect.event === 'booked') {
      this.say(fill(texts.sayBooked, { slots: slotsInWords(effect.booking.slots, language) }))
    }
  }

  /** Says what is shown as a notice, and what is wrong, once for each time that it comes up. */
  follow(
    notice: Notice | undefined,
    trouble: Trouble | undefined,
    language: Language,
    of: { calendar: string; state: { hold: Hold | undefined } }
  ): void {
    if (notice !== this.#notice && notice !== undefined) {
      const { text, urgent } = noticeInWords(notice, language)
      this.say(text, urgent)
    }
    this.#notice = notice
    if (trouble !== this.#trouble) {
      const connectionWas = this.#trouble === 'offline' || this.#trouble === 'unreachable'
      if (trouble !== undefined) this.say(troubleInWords(trouble, of.calendar, of.state.hold, language))
      else if (connectionWas) this.say(language.texts.backOnline)
    }
    this.#trouble = trouble
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #wait(): void {
    clearTimeout(this.#timer)
    const delayMs = this.#announcer.dueInMs(performance.now())
    if (delayMs === undefined) return
    this.#timer = setTimeout(() => {
      const due = this.#announcer.due(performance.now())
      if (due !== undefined) this.#show(due)
      this.#wait()
    }, delayMs)
  }
}
