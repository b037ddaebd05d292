import type { BookingRow, Call, Hook, LockRow, Look } from './history.js'
import type { Finding, RuleReport } from './verdict.js'

/** What ends a lock, and the states of its row in which that may have happened: a lock that is over may be booked still. */
const endings: Readonly<Record<string, readonly string[]>> = {
  'lock.released': ['released', 'booked'],
  'lock.expired': ['expired', 'booked'],
  'lock.revoked': ['revoked'],
  'booking.made': ['booked']
}

/**
 * Whatever a client was told has been told to the host too, at the end of all retries: each lock, that it ended, each
 * booking and each cancelling, and what staff closed. A webhook that was not taken does not count.
 */
export function told(hooks: readonly Hook[], calls: readonly Call[], looks: readonly Look[]): RuleReport {
  const rule = 'what was acknowledged is told to the host'
  const last = looks.findLast(look => look.last)
  // a run without a host, or one that ended before everything was told
  if (hooks.length === 0 || last === undefined) return { rule, looks: 0, findings: [] }
  const taken = hooks.filter(hook => hook.taken)
  const about = new Set(taken.flatMap(({ type, lock, booking }) => [`${type} ${lock}`, `${type} ${booking}`]))
  const closed = new Set(taken.filter(({ type }) => type === 'slots.blocked').flatMap(({ slots }) => slots))
  const live = new Set(last.locks.filter(({ state }) => state === 'held').map(({ id }) => id))
  const findings: Finding[] = []
  let looked = 0
  const want = (isTold: boolean, what: string, call: Call): void => {
    looked += 1
    if (!isTold) findings.push({ what: `the host was never told ${what}`, calls: [call] })
  }
  for (const call of calls) {
    if (call.answer !== 'OK') continue
    const { op, lock, booking, result } = call
    if (op === 'lock' && result?.lock !== undefined) {
      const { id } = result.lock
      want(about.has(`lock.held ${id}`), `that ${id} is held`, call)
      const ended = live.has(id) || Object.keys(endings).some(type => about.has(`${type} ${id}`))
      want(ended, `how ${id} ended`, call)
    }
    if (op === 'extend') want(about.has(`lock.extended ${lock}`), `that ${lock} was extended`, call)
    if (op === 'book' && result?.booking !== undefined) {
      const { id } = result.booking
      want(about.has(`booking.made ${id}`), `of booking ${id}`, call)
    }
    if (op === 'cancel')
      want(about.has(`booking.cancelled ${booking}`), `that ${booking} was cancelled`, call)
    if (op === 'block')
      for (const { slot, state } of result?.slots ?? [])
        if (state === 'blocked') want(closed.has(slot), `that ${slot} is closed`, call)
  }
  return { rule, looks: looked, findings }
}

/** Nothing is told that is not in the database in the end, and one `webhook-id` names one event. */
export function trueToLife(hooks: readonly Hook[], looks: readonly Look[]): RuleReport {
  const rule = 'the host is told of nothing that did not happen'
  const last = looks.findLast(look => look.last)
  if (last === undefined) return { rule, looks: 0, findings: [] }
  const locks = new Map(last.locks.map(row => [row.id, row]))
  const bookings = new Map(last.bookings.map(row => [row.id, row]))
  const named = new Map<string, string>()
  const findings: Finding[] = []
  for (const hook of hooks) {
    const text = JSON.stringify([hook.type, hook.seq, hook.lock, hook.booking, hook.slots])
    const known = named.get(hook.id)
    named.set(hook.id, text)
    if (known !== undefined && known !== text)
      findings.push({ what: `${hook.id} is ${known}, and then ${text}` })
    const problem = problemOf(hook, locks, bookings)
    if (problem !== undefined) findings.push({ what: `the host was told ${hook.type} of ${problem}` })
  }
  return { rule, looks: hooks.length, findings }
}

function problemOf(
  { type, lock, booking, slots }: Hook,
  locks: ReadonlyMap<string, LockRow>,
  bookings: ReadonlyMap<string, BookingRow>
): string | undefined {
  if (lock === undefined) return undefined
  const row = locks.get(lock)
  if (row === undefined) return `lock ${lock}, which is not there`
  if ([...row.slots].sort().join() !== [...slots].sort().join()) return `lock ${lock} with other slots`
  const states = endings[type]
  if (states !== undefined && !states.includes(row.state)) return `lock ${lock}, which is ${row.state}`
  if (booking === undefined) return undefined
  const booked = bookings.get(booking)
  if (booked?.lock !== lock) return `booking ${booking}, which is not there`
  if (type === 'booking.cancelled' && booked.state !== 'cancelled')
    return `booking ${booking}, which is ${booked.state}`
  return undefined
}
