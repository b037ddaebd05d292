import { createHash } from 'node:crypto'
import type { SlotId } from '../../domain/ids.js'
import type { DateRange } from './date-range.js'

/**
 * Where a poll for changes goes on, with nothing kept on the server, so that the next poll may meet another instance.
 *
 * "I have everything up to `sinceMs`, and of what changed after it I have exactly what makes this digest." The same
 * window read again and the same digest mean that there is nothing new, however late a change came to light in it.
 */
export interface Cursor {
  /** Epoch milliseconds of the database's clock, where the window begins. */
  sinceMs: number
  /** Of the slots and versions of the window. */
  digest: string
  /** Of the hovers, all up to this one. */
  seq: number
  /** Of the days and the calendar's definition: a cursor of other days says nothing about these. */
  range: string
}

const CURSOR = /^([0-9a-z]{1,11})-([0-9a-f]{16})-([0-9a-z]{1,11})-([0-9a-f]{8})$/

/** undefined: no cursor of ours. */
export function parseCursor(text: string): Cursor | undefined {
  const parts = CURSOR.exec(text)
  if (parts === null) return undefined
  const [, since, digest, seq, range] = parts as unknown as [string, string, string, string, string]
  const cursor = { sinceMs: Number.parseInt(since, 36), digest, seq: Number.parseInt(seq, 36), range }
  return Number.isSafeInteger(cursor.sinceMs) && Number.isSafeInteger(cursor.seq) ? cursor : undefined
}

export const cursorText = ({ sinceMs, digest, seq, range }: Cursor): string =>
  `${sinceMs.toString(36)}-${digest}-${seq.toString(36)}-${range}`

export function digestOf(versions: ReadonlyMap<SlotId, { ver: number }>): string {
  const lines = [...versions].map(([slot, { ver }]) => `${slot} ${ver}`).sort()
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16)
}

const definitions = new WeakMap<object, string>()

export function rangeDigestOf({ grid, from, to }: DateRange): string {
  let definition = definitions.get(grid)
  if (definition === undefined) {
    definition = JSON.stringify(grid.definition)
    definitions.set(grid, definition)
  }
  return createHash('sha256').update(`${from} ${to} ${definition}`).digest('hex').slice(0, 8)
}
