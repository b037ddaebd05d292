import type { Aftermath, Call, Exit, Fault, LogLine, Look, Memory, Push } from './history.js'
import type { Finding, RuleReport } from './verdict.js'

/** Four times what a quiet instance takes; a leak of a run's work would pass it. */
export const rssBytesMax = 400 * 2 ** 20

/** A version names one state of a slot, to whoever is told it and in the database. */
export function versions(pushes: readonly Push[], looks: readonly Look[]): RuleReport {
  const named = new Map<string, string>()
  const findings: Finding[] = []
  let looked = 0
  const see = (where: string, slot: string, ver: number, state: string): void => {
    // version 0 is a slot that never changed
    if (ver === 0) return
    looked += 1
    const key = `${slot} at version ${ver}`
    const known = named.get(key)
    if (known === undefined) named.set(key, state)
    else if (known !== state) findings.push({ what: `${key} is ${known}, and to ${where} it is ${state}` })
  }
  for (const push of pushes)
    for (const { slot, ver, state } of push.slots) see(push.watcher, slot, ver, state)
  for (const look of looks)
    for (const { slot, ver, state } of look.slots) see('the database', slot, ver, state)
  return { rule: 'a version names one state', looks: looked, findings }
}

/** After the end of a fault an instance may believe for so long that the database is out. */
const outBelievedMs = 3_000

/**
 * What another instance has shown an instance may learn so late: if it was told nothing, by the tail, and if the commit
 * was slow as well, by the late one.
 */
const catchUpMs = 6_000

/**
 * A snapshot is no older than what anybody had been shown by the same instance when it was asked for, so that coming again
 * takes nothing back, and than what anybody had been shown a while before. While the database is out an old one is better
 * than none, and is not judged.
 */
export function snapshots(pushes: readonly Push[], faults: readonly Fault[]): RuleReport {
  const outages = faults.filter(({ name }) => name.startsWith('mariadb'))
  const mayBeOld = ({ instance, askedAt = 0, at }: Push): boolean =>
    outages.some(
      fault =>
        (fault.instance === undefined || fault.instance === instance) &&
        fault.from <= at &&
        fault.to + outBelievedMs >= askedAt
    )
  const shown = new Shown()
  const shownHere = new Map<number, Shown>()
  const findings: Finding[] = []
  let looked = 0
  const timeline = pushes.map(push => ({ push, when: push.askedAt ?? push.at }))
  timeline.sort((a, b) => a.when - b.when)
  let told = 0
  for (const { push, when } of timeline) {
    const here = shownHere.get(push.instance) ?? new Shown()
    shownHere.set(push.instance, here)
    if (push.askedAt === undefined) {
      here.add(push)
      continue
    }
    if (mayBeOld(push)) continue
    for (; timeline[told]!.when <= when - catchUpMs; told += 1) {
      if (timeline[told]!.push.askedAt === undefined) shown.add(timeline[told]!.push)
    }
    for (const { slot, ver } of push.slots) {
      const known = Math.max(here.verOf(slot), shown.verOf(slot))
      looked += 1
      if (ver < known)
        findings.push({
          what: `instance ${push.instance} gave ${push.watcher} a snapshot with ${slot} at ${ver}, and ${known} had been shown`
        })
    }
  }
  return { rule: 'a snapshot takes nothing back', looks: looked, findings }
}

/** The greatest version of each slot. */
class Shown {
  readonly #versions = new Map<string, number>()

  add({ slots }: Push): void {
    for (const { slot, ver } of slots) if (ver > this.verOf(slot)) this.#versions.set(slot, ver)
  }

  verOf(slot: string): number {
    return this.#versions.get(slot) ?? 0
  }
}

/** After the last fault everything agrees again, by itself. */
export function convergence(aftermaths: readonly Aftermath[]): RuleReport {
  const findings = aftermaths.flatMap(({ problems }) => problems.map(what => ({ what })))
  const looks = aftermaths.reduce((sum, { looks }) => sum + looks, 0)
  return { rule: 'in the end everybody sees what the database has', looks, findings }
}

/** The load is well-formed and its rates are not limited, so these would be the service's own fault. */
const neverAnswered = new Set([
  'INTERNAL',
  'INVALID_REQUEST',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'CALENDAR_NOT_FOUND',
  'SLOT_NOT_FOUND',
  'IDEMPOTENCY_MISMATCH',
  'RATE_LIMITED'
])

export function sound(calls: readonly Call[], exits: readonly Exit[], lines: readonly LogLine[]): RuleReport {
  const findings: Finding[] = []
  for (const call of calls)
    if (neverAnswered.has(call.answer))
      findings.push({ what: `${call.op} was answered with ${call.answer}: ${call.message}`, calls: [call] })
  for (const { instance, code, signal, wanted } of exits)
    if (wanted === undefined || (wanted === 'stopped' && code !== 0))
      findings.push({ what: `instance ${instance} ended with ${signal ?? code}, ${wanted ?? 'by itself'}` })
  for (const { instance, line } of lines)
    findings.push({ what: `instance ${instance} logged: ${line.slice(0, 600)}` })
  return { rule: 'no instance fails by itself', looks: calls.length, findings }
}

export function memory(samples: readonly Memory[]): RuleReport {
  const findings = samples
    .filter(({ rssBytes }) => rssBytes > rssBytesMax)
    .map(({ instance, rssBytes }) => ({
      what: `instance ${instance} took ${Math.round(rssBytes / 2 ** 20)} MiB`
    }))
  return { rule: 'memory stays bounded', looks: samples.length, findings }
}
