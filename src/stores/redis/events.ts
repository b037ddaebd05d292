import type { LiveEvent } from '../../domain/fast-lane.js'
import type { LockState } from '../../domain/lock.js'
import type { SlotStatus } from '../../domain/slot.js'

/**
 * Events as they travel: `{"from": <instance>, "event": <LiveEvent>}`.
 *
 * What arrives is checked field by field although our own instances sent it. Another version of slotlock may be
 * running beside this one during a deployment, and anybody who may PUBLISH can put anything there; a listener that
 * trusts it throws in the middle of the event loop.
 */
export function encodeEvent(from: string, event: LiveEvent): string {
  return JSON.stringify({ from, event })
}

export function decodeEvent(text: string): { from: string; event: LiveEvent } | undefined {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(message) || !isText(message.from) || !isEvent(message.event)) return undefined
  return { from: message.from, event: message.event }
}

type Fields = Record<string, unknown>

const slotStatuses = new Set<unknown>(['free', 'locked', 'booked', 'blocked'] satisfies SlotStatus[])
const lockStates = new Set<unknown>([
  'held',
  'expired',
  'released',
  'revoked',
  'booked'
] satisfies LockState[])

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isTextOrNull = (value: unknown): boolean => value === null || isText(value)
const isNumber = (value: unknown): boolean => typeof value === 'number'

function isEvent(value: unknown): value is LiveEvent {
  if (!isObject(value)) return false
  switch (value.kind) {
    case 'slots':
      return isText(value.calendar) && Array.isArray(value.rows) && value.rows.every(isRow)
    case 'selection':
      return isText(value.calendar) && isSelection(value.selection)
    case 'lock':
      return isLock(value.lock)
    case 'calendar':
      return isText(value.calendar)
    case 'revocation':
      return true
    default:
      return false
  }
}

const isRow = (row: unknown): boolean =>
  isObject(row) &&
  isText(row.calendar) &&
  isText(row.slot) &&
  slotStatuses.has(row.state) &&
  isNumber(row.ver) &&
  isTextOrNull(row.owner) &&
  isTextOrNull(row.token) &&
  isNumber(row.expiresAt)

const isSelection = (selection: unknown): boolean =>
  isObject(selection) &&
  isText(selection.calendar) &&
  isText(selection.viewer) &&
  isTextOrNull(selection.slot) &&
  isNumber(selection.seq) &&
  isNumber(selection.expiresAt)

const isLock = (lock: unknown): boolean =>
  isObject(lock) &&
  isText(lock.id) &&
  isText(lock.calendar) &&
  isText(lock.owner) &&
  Array.isArray(lock.slots) &&
  lock.slots.every(isText) &&
  lockStates.has(lock.state) &&
  ['fence', 'ver', 'createdAt', 'expiresAt'].every(field => isNumber(lock[field]))
