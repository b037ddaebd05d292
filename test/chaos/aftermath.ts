import { ask } from '../../load-tests/harness/http-client.js'
import { Picture } from '../../load-tests/harness/picture.js'
import { pick } from '../../load-tests/harness/random.js'
import { nowMs, pause } from '../../load-tests/harness/time.js'
import type { Random } from '../../src/domain/clock.js'
import type { SlotState } from '../../src/protocol/schemas.js'
import type { Calendar } from './calendar.js'
import type { Aftermath, Look } from './history.js'
import { drained } from './host.js'
import { look } from './looks.js'
import { markKey } from './nemeses.js'
import type { World } from './world.js'

const convergeWithinMs = 30_000
/** Days whose slots are tried one by one at the end. */
const daysProbed = 3

/** Slots that are closed as by an instance that dies between its commit and telling anybody. */
const untold = 3

/**
 * After the last fault: the screens, a fresh snapshot of every instance, and the database have to agree, within a
 * bound; and once more after a commit that nobody was told of, which nothing but the tail can find. Then Redis is made
 * to say the opposite of the truth about every other slot of the last days, and all of them are asked for: what is free
 * must be had, whatever Redis has of it, and what is booked must not.
 * In the end the host, who takes what he is told from then on, has to have been told all of it.
 */
export async function aftermath(parts: {
  world: World
  calendar: Calendar
  random: Random
  screens: (rows: SlotState[]) => Promise<string[]>
}): Promise<{ aftermath: Aftermath; last: Look | undefined }> {
  const { world, calendar } = parts
  const agreed = await agreement(parts)
  const days = calendar.days.slice(-daysProbed).flat()
  await commitUntold(world, calendar, days.slice(-untold))
  const untoldAgreed = await agreement(parts)
  const problems = [
    ...agreed.problems,
    ...untoldAgreed.problems.map(text => `after a commit that nobody was told of: ${text}`)
  ]
  let looks = agreed.looks + untoldAgreed.looks
  const rows = await look(world.mariadb.url())
  if (rows !== undefined) {
    await lie(world, calendar, rows, days)
    const probed = await probe(parts, rows, days)
    problems.push(...probed)
    looks += days.length
  }
  await world.host.recover()
  const told = await drained(world.mariadb)
  problems.push(...told.problems, ...world.host.forged.map(text => `a webhook was not signed: ${text}`))
  const last = await look(world.mariadb.url(), true)
  return {
    aftermath: {
      kind: 'aftermath',
      at: nowMs(),
      convergedAfterMs: agreed.afterMs,
      toldAfterMs: told.afterMs,
      looks,
      problems
    },
    last
  }
}

/** Waits until everybody sees what the database has; what differs at the bound are the problems. */
async function agreement(
  parts: Parameters<typeof aftermath>[0]
): Promise<{ problems: string[]; looks: number; afterMs: number }> {
  const { world, calendar } = parts
  const startedAt = nowMs()
  let problems: string[] = []
  let looks = 0
  do {
    const found = await look(world.mariadb.url())
    if (found === undefined) problems = ['the database does not answer']
    else if (found.slots.some(({ state }) => state === 'locked'))
      problems = ['locks that have ended are not swept']
    else {
      const rows = found.slots.map(({ slot, state, ver }) => ({ slot, state, ver }) as SlotState)
      problems = [...(await parts.screens(rows)), ...(await snapshotProblems(world, calendar, rows))]
      looks += rows.length
    }
    if (problems.length > 0) await pause(100)
  } while (problems.length > 0 && nowMs() - startedAt < convergeWithinMs)
  return { problems, looks, afterMs: nowMs() - startedAt }
}

async function commitUntold(world: World, calendar: Calendar, slots: readonly string[]): Promise<void> {
  const connection = await world.mariadb.connect()
  try {
    for (const slot of slots) {
      const startMs = Date.parse(slot.slice(slot.indexOf('/') + 1))
      const now = Date.now()
      await connection.query(
        `INSERT INTO slots (calendar, slot, start_ms, state, owner, token, ver, expires_ms, updated_ms)
         VALUES (?, ?, ?, 'blocked', '', '', ?, 0, ?)
         ON DUPLICATE KEY UPDATE ver = IF(state = 'free', GREATEST(ver + 1, VALUES(ver)), ver),
           updated_ms = IF(state = 'free', VALUES(updated_ms), updated_ms), state = IF(state = 'free', 'blocked', state)`,
        [calendar.id, slot, startMs, now * 1_000, now]
      )
    }
  } finally {
    await connection.end()
  }
}

async function snapshotProblems(world: World, calendar: Calendar, rows: SlotState[]): Promise<string[]> {
  const problems: string[] = []
  for (const { number, http } of world.instances) {
    const url = `${http}/v1/calendars/${calendar.id}/slots?from=${calendar.from}&to=${calendar.to}`
    try {
      const { status, text } = await ask(url)
      if (status !== 200) throw new Error(`${status} ${text.slice(0, 200)}`)
      const picture = new Picture()
      picture.apply((JSON.parse(text) as { slots: SlotState[] }).slots)
      for (const text of picture.differences(rows)) problems.push(`snapshot of instance ${number}: ${text}`)
    } catch (error) {
      problems.push(`instance ${number} gives no snapshot: ${error instanceof Error ? error.message : error}`)
    }
  }
  return problems
}

async function lie(world: World, calendar: Calendar, found: Look, slots: readonly string[]): Promise<void> {
  const states = new Map(found.slots.map(({ slot, state }) => [slot, state]))
  for (const [index, slot] of slots.entries()) {
    if (index % 2 === 0) continue
    const isFree = (states.get(slot) ?? 'free') === 'free'
    // of a time to come, so that no honest news of the slot has overwritten it when it is read
    const ver = (Date.now() + 60_000) * 1_000
    const mark = isFree ? `${ver}:booked:AAAAAAAAAAAAAAAAAAAAAA` : `${ver}:free:`
    await world.redisClient.set(markKey(calendar.id, slot), mark, 'PX', 60_000)
  }
}

async function probe(
  { world, calendar, random }: { world: World; calendar: Calendar; random: Random },
  found: Look,
  slots: readonly string[]
): Promise<string[]> {
  const problems: string[] = []
  const states = new Map(found.slots.map(({ slot, state }) => [slot, state]))
  const { http } = world.instances[0]!
  const opened = await ask(`${http}/v1/sessions`, { method: 'POST', body: {} })
  const { token } = JSON.parse(opened.text) as { token: string }
  for (const slot of slots) {
    const instance = pick(random, world.instances)
    const { status, text } = await ask(`${instance.http}/v1/calendars/${calendar.id}/locks`, {
      method: 'POST',
      token,
      body: { slots: [slot] }
    })
    const state = states.get(slot) ?? 'free'
    if (state === 'free' && status !== 201)
      problems.push(
        `${slot} is free, and instance ${instance.number} refused it: ${status} ${text.slice(0, 200)}`
      )
    if (state !== 'free' && status !== 409)
      problems.push(`${slot} is ${state}, and instance ${instance.number} answered ${status}`)
    if (status !== 201) continue
    const { lock } = JSON.parse(text) as { lock: { id: string } }
    await ask(`${instance.http}/v1/locks/${lock.id}`, { method: 'DELETE', token })
  }
  return problems
}
