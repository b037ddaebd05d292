import type { Caller } from '../../src/service/callers/caller.js'
import { viewerTag } from '../../src/service/callers/viewer-tag.js'
import { Selecting } from '../../src/service/changing/selecting.js'
import { Hovers } from '../../src/service/live/hovers.js'
import { CachedRows } from '../../src/service/reading/cached-rows.js'
import { CalendarDirectory } from '../../src/service/reading/calendars.js'
import { ChangesReader } from '../../src/service/reading/changes.js'
import { SlotReader } from '../../src/service/reading/reading.js'
import { Tail } from '../../src/service/upkeep/tail.js'
import { instance, sessionId } from './live-fixture.js'

export const visitor = (name?: string): Caller => ({
  session: name === undefined ? undefined : sessionId(name),
  role: 'visitor',
  calendars: undefined,
  address: '127.0.0.1',
  userAgent: undefined
})
export const day = '2026-01-15'
export const today = { calendar: 'demo', from: day, to: day }

export async function desk(
  t: Parameters<typeof instance>[0],
  parts: NonNullable<Parameters<typeof instance>[1]> = {}
) {
  const one = await instance(t, parts)
  const { time } = one
  const alone = parts.lane === undefined && parts.path === undefined
  const calendars = new CalendarDirectory(one.store, time.monotonic)
  const shared = { ...one, calendars, tagOf: viewerTag, clock: time, timers: time, alone }
  const hovers = new Hovers(shared)
  const logged: string[] = []
  const log = { debug: (_: object, message: string) => logged.push(message) }
  const rows: CachedRows = new CachedRows({ ...shared, watchfulness: () => tail, log })
  const tail = new Tail({ ...shared, copiesInUse: () => rows.inUse })
  const reader = new SlotReader({ ...shared, hovers, rows })
  const changes = new ChangesReader({ ...shared, hovers, reader })
  const selecting = new Selecting({ ...shared, limits: { selectionTtlMs: 10_000 } })
  rows.start()
  reader.start()
  changes.start()
  selecting.start()
  t.teardown(async () => {
    changes.stop()
    await selecting.stop()
    await reader.stop()
    await rows.stop()
    await tail.stop()
  })
  return {
    ...one,
    logged,
    calendars,
    reader,
    rows,
    tail,
    changes,
    selecting,
    ...reader.handlers(),
    ...changes.handlers(),
    ...selecting.handlers()
  }
}

export type Desk = Awaited<ReturnType<typeof desk>>

export async function read(one: Desk, params: { from?: string; to?: string } = {}, caller = visitor()) {
  const outcome = await one.readSlots(caller, { ...today, ...params })
  if (!outcome.ok) throw new Error(outcome.refusal.message)
  return outcome.value
}

export async function poll(
  one: Desk,
  params: { since?: string; wait?: number; to?: string } = {},
  left?: AbortSignal
) {
  const outcome = await one.readChanges({ ...visitor(), left }, { ...today, ...params })
  if (!outcome.ok) throw new Error(`${outcome.refusal.code} ${outcome.refusal.message}`)
  return outcome.value
}
