import { closingsOf } from './closings.js'
import type { Call } from './history.js'
import {
  type LockStory,
  livesAtLeastUntil,
  livesAtMostUntil,
  reliedOnUntil,
  requestKey,
  requestsOf,
  storiesOf
} from './lock-stories.js'
import type { Finding, RuleReport } from './verdict.js'

/**
 * How far two ends of one lock may lie apart before it counts. An answer's `expiresInMs` comes from what its instance
 * believes the database's clock to say, and that belief is wrong by half a round trip of its best reading at most. The
 * slowest link of a run delays 60 ms each way and alike in both, so that most of it cancels out; clients, service and
 * database share one machine and so one clock. A lost lock or a double grant shows for the rest of a life of
 * 600 ms and more.
 */
export const toleranceMs = 100

export interface LockFacts {
  calls: readonly Call[]
  stories: ReadonlyMap<string, LockStory>
}

export function factsOf(unsorted: readonly Call[]): LockFacts {
  const calls = [...unsorted].sort((a, b) => a.sentAt - b.sentAt)
  return { calls, stories: storiesOf(calls) }
}

/** One holder of one slot, for as long as it was certain to be one. */
interface Hold {
  what: string
  from: number
  to: number
  calls: Call[]
}

/**
 * Acknowledged holds of a slot do not overlap. A booking is a hold until somebody asks to cancel it, and so is a slot
 * that staff were told is closed, until somebody asks to open it.
 */
export function overlaps({ calls, stories }: LockFacts): RuleReport {
  const bySlot = new Map<string, Hold[]>()
  const add = (slots: readonly string[], hold: Hold): void => {
    if (hold.to <= hold.from) return
    for (const slot of slots) {
      const holds = bySlot.get(slot)
      if (holds === undefined) bySlot.set(slot, [hold])
      else holds.push(hold)
    }
  }
  for (const story of stories.values()) {
    const what = `lock ${story.id}`
    add(story.slots, { what, from: story.heldFrom, to: reliedOnUntil(story), calls: story.calls })
  }
  for (const [id, { from, to, slots, calls: about }] of bookingsOf(calls))
    add(slots, { what: `booking ${id}`, from, to, calls: about })
  for (const { slot, from, to, calls: about } of closingsOf(calls))
    add([slot], { what: 'staff, who closed it,', from, to, calls: about })

  const findings: Finding[] = []
  let looks = 0
  for (const [slot, holds] of bySlot) {
    holds.sort((a, b) => a.from - b.from)
    let longest: Hold | undefined
    for (const hold of holds) {
      looks += 1
      if (longest !== undefined && hold.from < longest.to - toleranceMs) {
        const byMs = Math.round(Math.min(longest.to, hold.to) - hold.from)
        findings.push({
          what: `${slot} was held by ${longest.what} and by ${hold.what} at once, for ${byMs} ms`,
          calls: [...longest.calls, ...hold.calls]
        })
      }
      if (longest === undefined || hold.to > longest.to) longest = hold
    }
  }
  return { rule: 'a slot has at most one acknowledged holder', looks, findings }
}

function bookingsOf(
  calls: readonly Call[]
): Map<string, { slots: string[]; from: number; to: number; calls: Call[] }> {
  const bookings = new Map<string, { slots: string[]; from: number; to: number; calls: Call[] }>()
  for (const call of calls) {
    const booking = call.op === 'book' && call.answer === 'OK' ? call.result?.booking : undefined
    if (booking === undefined || booking.state !== 'booked') continue
    const known = bookings.get(booking.id)
    if (known === undefined) {
      const { slots } = booking
      bookings.set(booking.id, { slots, from: call.receivedAt, to: Number.POSITIVE_INFINITY, calls: [call] })
    } else {
      known.from = Math.min(known.from, call.receivedAt)
      known.calls.push(call)
    }
  }
  for (const call of calls) {
    const booking = call.op === 'cancel' ? bookings.get(call.booking ?? '') : undefined
    if (booking === undefined) continue
    booking.to = Math.min(booking.to, call.sentAt)
    booking.calls.push(call)
  }
  return bookings
}

/** Whoever was told to hold a lock is not told that it is over while it lives, and never that it does not exist. */
export function lost({ calls, stories }: LockFacts): RuleReport {
  const findings: Finding[] = []
  let looks = 0
  for (const call of calls) {
    const id = call.op === 'lock' ? call.replaces : call.lock
    const story = id === undefined ? undefined : stories.get(id)
    if (story === undefined || call.op === 'revoke' || story.heldFrom > call.sentAt) continue
    const isMine = call.session === story.session
    if (!isMine) continue
    looks += 1
    if (call.answer === 'LOCK_NOT_FOUND') {
      findings.push({ what: `lock ${id} was acknowledged, and then was not found`, calls: story.calls })
    }
    const refused =
      call.answer === 'LOCK_EXPIRED' || (call.answer === 'SLOT_UNAVAILABLE' && call.op === 'book')
    if (!refused) continue
    // an earlier attempt of the same request is no reason: had it been carried out, this one would be its replay
    const same = (end: Call): boolean => call.requestId !== undefined && requestKey(end) === requestKey(call)
    const ended = story.ends.some(end => end !== call && end.sentAt <= call.receivedAt && !same(end))
    const leftMs = livesAtLeastUntil(story, call.sentAt) - call.receivedAt
    if (!ended && leftMs > toleranceMs) {
      findings.push({
        what: `lock ${id} was refused as ${call.answer} at ${call.op} while it had ${Math.round(leftMs)} ms left`,
        calls: story.calls
      })
    }
  }
  return { rule: 'an acknowledged lock is not lost while it lives', looks, findings }
}

/** A booking was asked for while its lock lived, or with `ifStillFree`; never after staff revoked the lock. */
export function booked({ calls, stories }: LockFacts): RuleReport {
  const findings: Finding[] = []
  const firstAsked = new Map<string, { at: number; ifStillFree: boolean }>()
  let looks = 0
  for (const call of calls) {
    if (call.op !== 'book' || call.lock === undefined) continue
    const asked = firstAsked.get(call.lock) ?? { at: call.sentAt, ifStillFree: false }
    asked.ifStillFree ||= call.ifStillFree === true
    firstAsked.set(call.lock, asked)
    const story = stories.get(call.lock)
    if (story === undefined || call.answer !== 'OK') continue
    looks += 1
    const over = overBy(story)
    if (!asked.ifStillFree && asked.at > over) {
      const ms = Math.round(asked.at - over)
      findings.push({
        what: `lock ${call.lock} was booked, asked ${ms} ms after its end`,
        calls: story.calls
      })
    }
    if (asked.at > revokedBy(story)) {
      findings.push({ what: `lock ${call.lock} was booked after staff revoked it`, calls: story.calls })
    }
  }
  return { rule: 'a booking needs a lock that lives, or ifStillFree', looks, findings }
}

/** When the lock was over for certain. */
function overBy(story: LockStory): number {
  let over = livesAtMostUntil(story) + toleranceMs
  for (const { op, answer, receivedAt } of story.ends)
    if (op !== 'book' && answer === 'OK') over = Math.min(over, receivedAt)
  return over
}

/** Revoking a lock that is over changes nothing, so only one that certainly lived still was revoked by it. */
function revokedBy(story: LockStory): number {
  const lived = livesAtLeastUntil(story) - toleranceMs
  const others = story.ends.filter(({ op }) => op !== 'revoke')
  const revoked = story.ends.find(
    ({ op, answer, receivedAt }) =>
      op === 'revoke' &&
      answer === 'OK' &&
      receivedAt < lived &&
      !others.some(other => other.sentAt < receivedAt)
  )
  return revoked?.receivedAt ?? Number.POSITIVE_INFINITY
}

/** The same request is the same lock or booking; once given back, it is never held anew. */
export function replays({ calls, stories }: LockFacts): RuleReport {
  const findings: Finding[] = []
  let looks = 0
  for (const [key, attempts] of requestsOf(calls)) {
    const answered = attempts.filter(({ answer }) => answer === 'OK')
    looks += Math.max(0, answered.length - 1)
    const ids = new Set(answered.map(({ result }) => result?.lock?.id ?? result?.booking?.id))
    if (ids.size > 1)
      findings.push({ what: `one request became ${ids.size} things: ${key}`, calls: attempts })
    for (const attempt of answered) {
      const lock = attempt.op === 'lock' ? attempt.result?.lock : undefined
      const story = lock?.state === 'held' ? stories.get(lock.id) : undefined
      const over = story?.ends.find(
        ({ answer, receivedAt }) => answer === 'OK' && receivedAt < attempt.sentAt
      )
      if (story !== undefined && over !== undefined) {
        const what = `lock ${story.id} is held again after ${over.op} had ended it`
        findings.push({ what, calls: story.calls })
      }
    }
  }
  return { rule: 'a request sent again is the same request', looks, findings }
}

/** A lock asked for after another one of the same slot was acknowledged has a greater fence. */
export function fences({ stories }: LockFacts): RuleReport {
  const bySlot = new Map<string, LockStory[]>()
  for (const story of stories.values())
    for (const slot of story.slots) {
      const those = bySlot.get(slot)
      if (those === undefined) bySlot.set(slot, [story])
      else those.push(story)
    }
  const findings: Finding[] = []
  let looks = 0
  for (const [slot, those] of bySlot) {
    const asked = [...those].sort((a, b) => a.askedAt - b.askedAt)
    const held = [...those].sort((a, b) => a.heldFrom - b.heldFrom)
    let next = 0
    let greatest: LockStory | undefined
    for (const story of asked) {
      for (; next < held.length && held[next]!.heldFrom < story.askedAt; next++) {
        if (greatest === undefined || held[next]!.fence > greatest.fence) greatest = held[next]!
      }
      if (greatest === undefined) continue
      looks += 1
      if (story.fence <= greatest.fence)
        findings.push({
          what: `${slot}: lock ${story.id} has fence ${story.fence}, the earlier lock ${greatest.id} has ${greatest.fence}`,
          calls: [...greatest.calls, ...story.calls]
        })
    }
  }
  return { rule: 'fences grow from lock to lock of a slot', looks, findings }
}
