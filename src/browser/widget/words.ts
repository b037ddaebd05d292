import { Formats } from '../shared/format.js'
import { fill } from '../shared/texts.js'
import type { Zone } from '../shared/zone.js'
import { type Cell, startOf } from './grid.js'
import type { Hold, Notice, Trouble } from './picker-types.js'
import type { TextName, Texts } from './texts/en.js'
import { textsFor } from './texts/index.js'

/** States in words. Pure: what is said depends on what is given here, and never on the page. */

export interface Language {
  readonly texts: Texts
  readonly formats: Formats
  readonly slotMs: number
}

/** `own`: the host's texts, which come first. */
export function languageFor(
  wanted: readonly string[],
  zone: Zone,
  slotMs: number,
  own: Readonly<Record<string, string>>
): Language {
  const { locale, texts } = textsFor(wanted, own)
  return { texts, formats: new Formats(locale, zone), slotMs }
}

/** `Tuesday, 1 December, 9:00 – 10:00 AM`: the whole run, which may be in any order. */
export function slotsInWords(
  slots: readonly string[],
  { formats, slotMs }: Language,
  length: 'long' | 'short' = 'long'
): string {
  const starts = slots.map(startOf).sort((one, other) => one - other)
  const [first, last] = [starts[0], starts.at(-1)]
  if (first === undefined || last === undefined) return ''
  const date = length === 'long' ? formats.date(first) : formats.shortDate(first)
  return `${date}, ${formats.timeRange(first, last + slotMs)}`
}

export interface SaidNotice {
  readonly text: string
  /** What its button says, if it has one. */
  readonly action: string | undefined
  readonly tone: 'calm' | 'good' | 'warn'
  /** A reader of the screen hears it at once instead of when there is a pause. */
  readonly urgent: boolean
}

const actions: { readonly [kind in Notice['kind']]?: TextName } = {
  freed: 'take',
  expired: 'holdAgain',
  lastMinute: 'extend'
}
const good: readonly Notice['kind'][] = ['freed', 'bookedElsewhere']
const calm: readonly Notice['kind'][] = ['taken', 'unsure']

export function noticeInWords(notice: Notice, language: Language): SaidNotice {
  const { texts, formats } = language
  const action = actions[notice.kind]
  const values: Record<string, string> = {}
  let name: TextName = notice.kind === 'released' ? 'sayReleased' : notice.kind
  if ('slots' in notice) values.slots = slotsInWords(notice.slots, language)
  if (notice.kind === 'taken') {
    if (notice.until === undefined) name = 'takenOpen'
    else values.until = formats.time(notice.until)
  }
  if (notice.kind === 'revoked' && notice.reason) {
    name = 'revokedBecause'
    // The sentence goes on behind it.
    values.reason = notice.reason.replace(/[.\s]+$/, '')
  }
  return {
    text: fill(texts[name], values),
    action: action && texts[action],
    tone: good.includes(notice.kind) ? 'good' : calm.includes(notice.kind) ? 'calm' : 'warn',
    urgent: notice.kind === 'lastMinute'
  }
}

const cellTexts: { readonly [state in Cell['state']]: TextName } = {
  free: 'cellFree',
  mine: 'cellMine',
  asked: 'cellAsked',
  locked: 'cellLocked',
  booked: 'cellBooked',
  blocked: 'cellBlocked',
  past: 'cellPast'
}

/** `9:00 AM`; with its zone in an hour that comes twice. */
export const cellTime = ({ startMs, twice }: Cell, formats: Formats): string =>
  twice ? formats.timeWithZone(startMs) : formats.time(startMs)

/** For those who do not see the column it stands in. */
export function cellInWords(cell: Cell, { texts, formats }: Language): string {
  const time = `${formats.longDay(cell.date)}, ${cellTime(cell, formats)}`
  const name = cell.state === 'free' && cell.watched ? 'cellWatched' : cellTexts[cell.state]
  const minutes = cell.freeInMinutes === undefined ? '' : formats.minutes(cell.freeInMinutes * 60_000)
  return fill(texts[name], { time, minutes })
}

/** `5 free`, in the plural that the language has for that many. */
export function freeInWords(count: number, { texts, formats }: Language): string {
  if (count === 0) return texts.full
  const text = texts[`free_${formats.plural(count)}`] ?? texts.free_other
  return fill(text, { count: formats.number(count) })
}

/** What hinders, and what of it concerns somebody who holds something. */
export function troubleInWords(
  trouble: Trouble,
  calendar: string,
  hold: Hold | undefined,
  language: Language
): string {
  const { texts, formats } = language
  if (hold !== undefined && (trouble === 'offline' || trouble === 'unreachable')) {
    const slots = slotsInWords(hold.slots, language)
    const name = trouble === 'offline' ? 'offlineHolding' : 'unreachableHolding'
    return fill(texts[name], { slots, until: formats.time(hold.expiresAt) })
  }
  return fill(texts[trouble], { calendar })
}
