import type { AuditEntryView } from '../../protocol/schemas.js'
import { fill } from '../shared/texts.js'
import type { Notice, SignInProblem } from './board.js'
import type { Cell } from './grid-model.js'

/** Everything that the board says. */

export const words = {
  title: 'Staff board',
  tools: 'Day and filter',
  signInLead: 'See what is being looked at, held and booked, while it happens.',
  token: 'Staff token',
  tokenHelp: 'Whoever runs slotlock makes one with:',
  stay: 'Stay signed in on this device',
  signIn: 'Sign in',
  signingIn: 'Signing in…',
  signOut: 'Sign out',
  calendar: 'Calendar',
  day: 'Day',
  previousDay: 'Previous day',
  nextDay: 'Next day',
  today: 'Today',
  filter: 'Find a person or room',
  free: 'Free',
  locked: 'Held',
  booked: 'Booked',
  blocked: 'Closed',
  looking: 'Being looked at',
  feed: 'What happened',
  feedEmpty: 'Nothing has happened here yet.',
  older: 'Show older',
  selection: 'Selection',
  clear: 'Clear',
  freeIt: 'Free the hold',
  cancel: 'Keep it',
  reason: 'Reason',
  reasonHelp: 'The visitor is told this.',
  dismiss: 'Dismiss',
  noSlots: 'Nothing can be booked on this day.',
  noMatch: 'Nobody of that name.',
  loading: 'Reading the day…',
  grid: 'Slots by person and time',
  who: 'Visitor',
  since: 'Held since',
  left: 'Time left',
  from: 'Address',
  browser: 'Browser'
} as const

export const reasons = ['The time is no longer available', 'Held by mistake', 'We will call you'] as const

export const problemWords: Record<SignInProblem, string> = {
  empty: 'Paste your staff token first.',
  notOurs: 'This token was not given out by this server. Check that all of it was copied.',
  expired: 'The time of this token is over. Ask for a new one.',
  notStaff: 'This token is good, but not for staff. The board needs one with the role staff or admin.',
  ended: 'You were signed out: your sign-in is over.',
  onlyHere:
    'You are signed out on this device, but the server could not be told: the token works elsewhere until its time is over.',
  unreachable: 'The server cannot be reached. Try again in a moment.'
}

export type Link = 'live' | 'degraded' | 'unavailable' | 'polling' | 'offline' | 'connecting'

export const linkWords: Record<Link, { short: string; long: string }> = {
  live: { short: 'Live', long: 'Changes show at once.' },
  degraded: {
    short: 'Live, slower',
    long: 'Redis is out and the database answers: nothing is lost, some things take longer.'
  },
  unavailable: {
    short: 'Database out',
    long: 'Nothing can be held or booked now. What you see is what was last known.'
  },
  polling: {
    short: 'Every few seconds',
    long: 'WebSockets are blocked on the way here, so the board asks every few seconds.'
  },
  connecting: { short: 'Connecting…', long: 'On its way to the server.' },
  offline: {
    short: 'Offline',
    long: 'There is no connection. What you see may be out of date; the board keeps trying.'
  }
}

const one = (count: number, singular: string, plural: string): string => (count === 1 ? singular : plural)

export function noticeWords(notice: Notice): { text: string; bad: boolean } {
  switch (notice.kind) {
    case 'freed': {
      const freed = `${notice.count} ${one(notice.count, 'hold was', 'holds were')} freed; the visitor is told.`
      const gone = `${notice.gone} ${one(notice.gone, 'was', 'were')} over already.`
      const texts = [notice.count > 0 ? freed : '', notice.gone > 0 ? gone : '']
      return { text: texts.filter(Boolean).join(' '), bad: notice.count === 0 }
    }
    case 'closed':
    case 'opened': {
      const text = `${notice.count} ${one(notice.count, 'slot', 'slots')} ${notice.kind}.`
      const left = ` ${notice.left} ${one(notice.left, 'was', 'were')} taken a moment before and stayed as ${one(notice.left, 'it is', 'they are')}.`
      return { text: notice.left > 0 ? text + left : text, bad: notice.left > 0 }
    }
    case 'failed':
      return { text: failures[notice.code] ?? `That did not work (${notice.code}).`, bad: true }
    default:
      return notice satisfies never
  }
}

const failures: Record<string, string> = {
  FORBIDDEN: 'Your token does not cover this calendar.',
  STORE_UNAVAILABLE:
    'The database is out. The board shows what was done before; try the rest again in a moment.',
  BUSY: 'Too much is going on. The board shows what was done before; try the rest again in a moment.',
  OUTCOME_UNKNOWN: 'The answer was lost on the way. Look at the board: it shows what came of it.',
  RATE_LIMITED: 'That was too much at once. Wait a moment.'
}

/** The first characters of a tag tell visitors of one day apart well enough. */
export const shortTag = (tag: string | undefined): string => tag?.slice(0, 4) ?? ''

const deeds: Record<AuditEntryView['type'], string> = {
  locked: '{who} held {what}',
  extended: '{who} kept {what} for longer',
  released: '{who} gave {what} back',
  expired: '{who} ran out of time for {what}',
  revoked: '{actor} took {what} back from {who}',
  booked: '{who} booked {what}',
  cancelled: '{actor} cancelled the booking of {what}',
  blocked: '{actor} closed {what}',
  unblocked: '{actor} opened {what}'
}

export const deedWords = (entry: AuditEntryView, what: string): string =>
  fill(deeds[entry.type], { what, who: whose(entry), actor: actorWords(entry) })

const whose = ({ by }: AuditEntryView): string => (by === undefined ? 'A visitor' : `Visitor ${shortTag(by)}`)

const actorWords = (entry: AuditEntryView): string => {
  const { role, session } = entry.actor
  if (role === 'visitor') return whose(entry)
  if (role === 'slotlock') return 'slotlock'
  const name = role === 'host' ? 'The booking system' : role === 'admin' ? 'An admin' : 'Staff'
  return session === undefined || role === 'host' ? name : `${name} ${shortTag(session)}`
}

/** What a screen reader says of a cell. Minutes, not seconds: a name that changes every second is never heard to its end. */
export function cellWords(cell: Cell, time: string, minutesLeft: string): string {
  const look = cell.looking > 0 ? `, ${cell.looking} looking` : ''
  switch (cell.state) {
    case 'none':
      return `${time}, not open`
    case 'locked':
      return `${time}, held by visitor ${shortTag(cell.by)}, ${minutesLeft} left${look}`
    default:
      return `${time}, ${words[cell.state].toLowerCase()}${look}`
  }
}

/** `Chrome on Android`, of what a browser says of itself; as it is where that says nothing. */
export function browserWords(userAgent: string): string {
  const browser = [/Edg/, /OPR/, /Firefox/, /Chrome/, /Safari/].find(pattern => pattern.test(userAgent))
  const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera' }
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'].find(name =>
    userAgent.includes(name)
  )
  if (browser === undefined) return userAgent.slice(0, 40)
  const name = names[browser.source] ?? browser.source
  return system === undefined ? name : `${name} on ${system.replace('Mac OS', 'macOS')}`
}
