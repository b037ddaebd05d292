import type { Call, HistoryEvent } from './history.js'
import { booked, factsOf, fences, lost, overlaps, replays } from './rules-locks.js'
import { convergence, memory, snapshots, sound, versions } from './rules-service.js'
import { allOrNothing, bookingsStay, closed, held } from './rules-store.js'
import { told, trueToLife } from './rules-webhooks.js'
import type { RuleReport } from './verdict.js'

/**
 * Judges a history. Pure, and in doubt for the accused: a hold counts from when its holder was told until the first
 * moment at which it may have ended, so that what is reported did happen, whatever the network did to the answers.
 */
export function check(events: readonly HistoryEvent[]): RuleReport[] {
  const facts = factsOf(ofKind(events, 'call'))
  const looks = ofKind(events, 'look')
  const pushes = ofKind(events, 'push')
  const hooks = ofKind(events, 'webhook')
  return [
    ...checkLocks(events),
    allOrNothing(looks),
    held(looks, facts),
    closed(looks, facts),
    bookingsStay(looks, facts),
    versions(pushes, looks),
    snapshots(pushes, ofKind(events, 'fault')),
    told(hooks, facts.calls, looks),
    trueToLife(hooks, looks),
    convergence(ofKind(events, 'aftermath')),
    sound(facts.calls, ofKind(events, 'exit'), ofKind(events, 'log')),
    memory(ofKind(events, 'memory'))
  ]
}

/** The part that needs nothing but what clients were told. */
export function checkLocks(events: readonly HistoryEvent[]): RuleReport[] {
  const facts = factsOf(ofKind(events, 'call'))
  return [overlaps, lost, booked, replays, fences].map(rule => rule(facts))
}

export function ofKind<K extends HistoryEvent['kind']>(
  events: readonly HistoryEvent[],
  kind: K
): Extract<HistoryEvent, { kind: K }>[] {
  return events.filter((event): event is Extract<HistoryEvent, { kind: K }> => event.kind === kind)
}

const linesPerFindingMax = 24

/** The calls behind a finding with the faults of that time, one line each, times from the first of them. */
export function excerpt(calls: readonly Call[], events: readonly HistoryEvent[]): string[] {
  const about = [...new Set(calls)].sort((a, b) => a.sentAt - b.sentAt).slice(0, linesPerFindingMax)
  const start = about[0]?.sentAt ?? 0
  const end = Math.max(...about.map(({ receivedAt }) => receivedAt))
  const at = (ms: number): string => `${(ms - start).toFixed(1).padStart(9)}`
  const lines = about.map(call => ({
    at: call.sentAt,
    text: `${at(call.sentAt)} ${at(call.receivedAt)}  ${tellCall(call)}`
  }))
  for (const fault of ofKind(events, 'fault')) {
    if (about.length === 0 || fault.to < start - 1000 || fault.from > end) continue
    const where = fault.instance === undefined ? '' : ` on instance ${fault.instance}`
    lines.push({ at: fault.from, text: `${at(fault.from)} ${at(fault.to)}  (fault: ${fault.name}${where})` })
  }
  return lines.sort((a, b) => a.at - b.at).map(({ text }) => text)
}

function tellCall(call: Call): string {
  const { op, via, instance, session, slots, requestId, replaces, lock, booking, ttlMs, answer, result } =
    call
  const told = result?.lock ?? result?.booking
  return [
    `${session.slice(0, 6)} ${via}${instance} ${op}`,
    ...(lock === undefined ? [] : [`lock ${lock}`]),
    ...(booking === undefined ? [] : [`booking ${booking}`]),
    ...(slots === undefined ? [] : [slots.join('+')]),
    ...(ttlMs === undefined ? [] : [`${ttlMs} ms`]),
    ...(replaces === undefined ? [] : [`replacing ${replaces}`]),
    ...(call.ifStillFree ? ['if still free'] : []),
    ...(requestId === undefined ? [] : [`as ${requestId}`]),
    `-> ${answer}`,
    ...(told === undefined ? [] : [`${told.id} ${told.state}`]),
    ...(result?.lock === undefined ? [] : [`fence ${result.lock.fence}, ${result.lock.expiresInMs} ms left`])
  ].join(' ')
}
