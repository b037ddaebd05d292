import { closingsOf } from './closings.js'
import type { BookingRow, Call, LockRow, Look, SlotRow } from './history.js'
import { type LockStory, reliedOnUntil } from './lock-stories.js'
import { type LockFacts, toleranceMs } from './rules-locks.js'
import type { Finding, RuleReport } from './verdict.js'

/** A lock or booking has all of its slots or none, and no slot is anybody's who does not have it; in every look. */
export function allOrNothing(looks: readonly Look[]): RuleReport {
  const findings: Finding[] = []
  let looked = 0
  for (const look of looks) {
    const slots = new Map(look.slots.map(row => [row.slot, row]))
    const locks = new Map(look.locks.map(row => [row.id, row]))
    const active = look.bookings.filter(({ state }) => state === 'booked')
    const bookingOf = new Map<string, BookingRow>(active.map(row => [row.lock, row]))
    const bookedBy = new Map<string, string>()
    looked += slots.size
    const wrong = (what: string): void => void findings.push({ what: `the database, ${what}` })

    for (const lock of locks.values()) {
      if (!isLive(lock, look)) continue
      for (const slot of lock.slots) {
        const row = slots.get(slot)
        const has =
          row?.state === 'locked' &&
          row.token === lock.id &&
          row.ver === lock.ver &&
          row.expiresMs === lock.expiresMs
        if (!has) wrong(`lock ${lock.id} lives, and its slot ${slot} is ${spell(row)}`)
      }
    }
    for (const booking of active) {
      for (const slot of booking.slots) {
        const row = slots.get(slot)
        if (row?.state !== 'booked' || row.token !== booking.lock)
          wrong(`booking ${booking.id} is active, and its slot ${slot} is ${spell(row)}`)
        const other = bookedBy.get(slot)
        if (other !== undefined) wrong(`${slot} is in the bookings ${other} and ${booking.id}`)
        bookedBy.set(slot, booking.id)
      }
    }
    for (const row of look.slots) {
      if (row.state === 'locked' && row.expiresMs > look.dbNowMs) {
        const lock = locks.get(row.token)
        if (lock === undefined || !isLive(lock, look) || !lock.slots.includes(row.slot))
          wrong(`${spell(row)} stands in ${row.slot}, and lock ${row.token} is ${lock?.state ?? 'not there'}`)
      }
      if (row.state === 'booked' && !bookingOf.get(row.token)?.slots.includes(row.slot))
        wrong(`${row.slot} is booked under ${row.token}, and there is no such booking`)
    }
  }
  return { rule: 'several slots are all or nothing in the database', looks: looked, findings }
}

const isLive = (lock: LockRow, { dbNowMs }: Look): boolean =>
  lock.state === 'held' && lock.expiresMs > dbNowMs

const spell = (row: SlotRow | undefined): string =>
  row === undefined ? 'without a row' : `${row.state} under ${row.token} at version ${row.ver}`

/** Whoever may rely on a lock during a whole look is in it as its holder. */
export function held(looks: readonly Look[], { stories }: LockFacts): RuleReport {
  const holds = [...stories.values()]
    .map(story => ({ story, from: story.heldFrom, to: reliedOnUntil(story) - toleranceMs }))
    .sort((a, b) => a.from - b.from)
  const findings: Finding[] = []
  let looked = 0
  for (const look of looks) {
    const slots = new Map(look.slots.map(row => [row.slot, row]))
    for (const { story, from, to } of holds) {
      if (from > look.from) break
      if (to < look.to) continue
      looked += 1
      const missing = story.slots.filter(slot => !isHeldBy(slots.get(slot), story))
      if (missing.length > 0) {
        const what = `lock ${story.id} was relied on, and the database has ${missing[0]} as ${spell(slots.get(missing[0]!))}`
        findings.push({ what, calls: story.calls })
      }
    }
  }
  return { rule: 'an acknowledged lock is in the database', looks: looked, findings }
}

const isHeldBy = (row: SlotRow | undefined, story: LockStory): boolean =>
  row?.state === 'locked' && row.token === story.id

/** A slot that staff were told is closed is closed in every look, until somebody asks to open it. */
export function closed(looks: readonly Look[], { calls }: LockFacts): RuleReport {
  const closings = closingsOf(calls)
  const findings: Finding[] = []
  let looked = 0
  for (const look of looks) {
    const slots = new Map(look.slots.map(row => [row.slot, row]))
    for (const { slot, from, to, calls: about } of closings) {
      if (from > look.from || to < look.to) continue
      looked += 1
      const row = slots.get(slot)
      if (row?.state !== 'blocked')
        findings.push({ what: `${slot} was closed, and the database has it ${spell(row)}`, calls: about })
    }
  }
  return { rule: 'a closed slot stays closed', looks: looked, findings }
}

/** Every acknowledged booking is there in the end, as are those of every look; cancelled only if somebody asked. */
export function bookingsStay(looks: readonly Look[], { calls }: LockFacts): RuleReport {
  const findings: Finding[] = []
  const last = looks.findLast(look => look.last)
  if (last === undefined) {
    return {
      rule: 'no booking is lost',
      looks: 0,
      findings: [{ what: 'there was no last look at the database' }]
    }
  }
  const rows = new Map(last.bookings.map(row => [row.id, row]))
  const cancels = new Map<string, Call[]>()
  for (const call of calls) {
    if (call.op !== 'cancel' || call.booking === undefined) continue
    cancels.set(call.booking, [...(cancels.get(call.booking) ?? []), call])
  }
  const acknowledged = new Set<string>()
  for (const call of calls) {
    const booking = call.op === 'book' && call.answer === 'OK' ? call.result?.booking : undefined
    if (booking === undefined) continue
    acknowledged.add(booking.id)
    const row = rows.get(booking.id)
    const about = [call, ...(cancels.get(booking.id) ?? [])]
    if (row === undefined) findings.push({ what: `booking ${booking.id} is gone`, calls: about })
    else if (row.lock !== call.lock || [...row.slots].sort().join() !== [...booking.slots].sort().join())
      findings.push({ what: `booking ${booking.id} became another one`, calls: about })
    else if (row.state === 'cancelled' && !cancels.has(booking.id))
      findings.push({ what: `booking ${booking.id} is cancelled, and nobody asked for that`, calls: about })
  }
  for (const look of looks)
    for (const { id } of look.bookings)
      if (!rows.has(id)) findings.push({ what: `booking ${id} was in the database, and is gone` })
  for (const [id, asked] of cancels)
    if (asked.some(({ answer }) => answer === 'OK') && rows.get(id)?.state !== 'cancelled')
      findings.push({ what: `booking ${id} was cancelled, and is ${rows.get(id)?.state}`, calls: asked })
  return { rule: 'no booking is lost', looks: acknowledged.size, findings }
}
