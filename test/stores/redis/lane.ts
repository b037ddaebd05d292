import { randomBytes } from 'node:crypto'
import type { Clock } from '../../../src/domain/clock.js'
import type { LiveEvent } from '../../../src/domain/fast-lane.js'
import type { CalendarId, LockId, SessionId, SlotId, ViewerTag } from '../../../src/domain/ids.js'
import type { LockRecord } from '../../../src/domain/lock.js'
import type { SlotRow } from '../../../src/domain/slot.js'
import { RedisFastLane, type RedisFastLaneOptions } from '../../../src/stores/redis/fast-lane.js'
import { until } from '../../helpers/process.js'

export const clock: Clock = { now: Date.now, monotonic: () => performance.now() }
export const clinic = 'clinic' as CalendarId
export const slotAt = (hour: number): SlotId =>
  `dr-lee/2026-01-15T${String(hour).padStart(2, '0')}:00Z` as SlotId
export const newLock = (): LockId => randomBytes(16).toString('base64url') as LockId
export const newSession = (): SessionId => randomBytes(16).toString('base64url') as SessionId
export const viewer = (name: string): ViewerTag => name as ViewerTag

export type TestLane = RedisFastLane & { events: LiveEvent[] }

/** A lane of its own instance; a patient one, because the tests share a machine and timeouts have tests of their own. */
export function openLane(
  t: { teardown(end: () => Promise<void>): void },
  url: string,
  options: Partial<RedisFastLaneOptions> = {}
): TestLane {
  const events: LiveEvent[] = []
  const lane = new RedisFastLane({
    url,
    prefix: 'test:',
    clock,
    random: Math.random,
    listener: event => void events.push(event),
    commandTimeoutMs: 2_000,
    ...options
  })
  t.teardown(() => lane.close())
  return Object.assign(lane, { events })
}

/** Commands are answered and the subscriber hears. */
export async function working(lane: RedisFastLane): Promise<void> {
  await until('the lane works', () =>
    lane.probe().then(
      () => true,
      () => false
    )
  )
}

export function row(slot: SlotId, ver: number, change: Partial<SlotRow> = {}): SlotRow {
  return { calendar: clinic, slot, state: 'free', ver, owner: null, token: null, expiresAt: 0, ...change }
}

export function lockedRow(slot: SlotId, ver: number, lock: LockId, expiresAt: number): SlotRow {
  return row(slot, ver, { state: 'locked', owner: newSession(), token: lock, expiresAt })
}

export function lockRecord(owner: SessionId): LockRecord {
  const at = Date.now()
  return {
    id: newLock(),
    calendar: clinic,
    owner,
    slots: [slotAt(9)],
    state: 'held',
    fence: 7,
    ver: 7,
    createdAt: at,
    expiresAt: at + 600_000
  }
}
