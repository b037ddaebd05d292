import type { Redis } from 'ioredis'
import type { FastLane } from '../../domain/fast-lane.js'
import type { SlotRow } from '../../domain/slot.js'
import type { RedisCounters } from './counters.js'
import type { RedisKeys } from './keys.js'
import { markOf, markTimes, portionsOf } from './marks.js'
import * as scripts from './scripts.js'

/** Slots in one call. A fill is in no hurry, and reservations wait behind each of its calls. */
const slotsPerCall = 100

export interface FillParts {
  redis: Redis
  keys: RedisKeys
  counters: RedisCounters
  /** Names this fill. */
  nonce: string
  /** By Redis' own clock. */
  deadlineMs(): Promise<number>
  call<T>(work: () => Promise<T>): Promise<T>
  late(): Error
}

/** Announced, put in bounded calls, declared; see lua/hydrate_begin.lua for what another fill may do to it. */
export async function fillCalendar(
  { redis, keys, counters, nonce, deadlineMs, call, late }: FillParts,
  ...[calendar, read, how]: Parameters<FastLane['hydrate']>
): ReturnType<FastLane['hydrate']> {
  const { fillMs: fill_ms, fillAliveMs, generationMs: generation_ms } = markTimes
  const generation_key = keys.generation(calendar)
  const alive_ms = how?.yielding ? fillAliveMs : 0
  const begun = await call(async () =>
    scripts.hydrateBegin.run(
      redis,
      { generation_key },
      {
        nonce,
        fill_ms,
        alive_ms,
        unless_ready: how?.unlessFilled ? 1 : 0,
        deadline_ms: await deadlineMs()
      }
    )
  )
  if (begun.status === 'LATE') throw late()
  if (begun.status === 'UNDERWAY') return { filled: 0, left: 'underway' }
  if (begun.status === 'READY') return { filled: 0, left: 'filled' }

  let filled = 0
  for await (const { some, nowMs } of readings(read)) {
    const reply = await call(async () =>
      scripts.hydratePut.run(
        redis,
        { generation_key, slot_keys: some.map(row => keys.slot(calendar, row.slot)) },
        { nonce, fill_ms, deadline_ms: await deadlineMs(), rows: some.map(row => markOf(row, nowMs)) }
      )
    )
    if (reply.status === 'LATE') throw late()
    if (reply.status === 'OVERTAKEN') {
      counters.fillsOvertaken++
      return { filled, left: 'underway' }
    }
    filled += reply.written
    counters.marksWritten += reply.written
  }

  const ended = await call(() => scripts.hydrateEnd.run(redis, { generation_key }, { nonce, generation_ms }))
  if (ended.status === 'READY') {
    counters.fills++
    return { filled }
  }
  counters.fillsOvertaken++
  return { filled, left: 'underway' }
}

/** What is read, as the calls take it. */
async function* readings(
  read: Parameters<FastLane['hydrate']>[1]
): AsyncGenerator<{ some: SlotRow[]; nowMs: number }> {
  for (let more = true; more; ) {
    const { rows, nowMs, more: goesOn = false } = await read()
    for (const some of portionsOf(rows, slotsPerCall)) yield { some, nowMs }
    more = goesOn
  }
}
