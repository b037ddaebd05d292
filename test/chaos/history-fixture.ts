import type { Call, HistoryEvent, Hook, LockAnswer, Look, SlotRow } from './history.js'

/** Hand-made pieces of histories, short enough to read in a test. */

export const slot = 'room-a/2026-03-02T08:00Z'
export const otherSlot = 'room-a/2026-03-02T08:30Z'

export function call(what: Pick<Call, 'op' | 'sentAt' | 'receivedAt'> & Partial<Call>): Call {
  return { kind: 'call', session: 'ann', via: 'ws', instance: 0, wallMs: 0, answer: 'OK', ...what }
}

/** Asked for at `sentAt` for so long, acknowledged 10 ms later. */
export function granted(
  id: string,
  sentAt: number,
  ttlMs: number,
  more: Partial<Call> & { fence?: number } = {}
): Call {
  const { fence = sentAt, ...rest } = more
  const slots = rest.slots ?? [slot]
  const lock: LockAnswer = { id, slots, state: 'held', fence, expiresInMs: ttlMs, expiresAt: 0 }
  const requestId = rest.requestId ?? `for ${id}`
  return call({
    op: 'lock',
    sentAt,
    receivedAt: sentAt + 10,
    ttlMs,
    ...rest,
    slots,
    requestId,
    result: { lock }
  })
}

export function extended(id: string, sentAt: number, ttlMs: number): Call {
  const lock: LockAnswer = { id, slots: [slot], state: 'held', fence: 0, expiresInMs: ttlMs, expiresAt: 0 }
  return call({ op: 'extend', sentAt, receivedAt: sentAt + 10, lock: id, result: { lock } })
}

export function booked(id: string, lock: string, sentAt: number, more: Partial<Call> = {}): Call {
  const requestId = `booking ${lock}`
  const result = { booking: { id, slots: [slot], state: 'booked' } }
  return call({ op: 'book', sentAt, receivedAt: sentAt + 10, lock, requestId, result, ...more })
}

export const refused = (
  op: Call['op'],
  lock: string,
  sentAt: number,
  answer: string,
  more: Partial<Call> = {}
): Call => call({ op, lock, sentAt, receivedAt: sentAt + 10, answer, ...more })

export const row = (state: string, token: string, more: Partial<SlotRow> = {}): SlotRow => ({
  slot,
  state,
  token,
  ver: 1,
  expiresMs: state === 'locked' ? 5_000 : 0,
  ...more
})

export function look(at: number, what: Partial<Look> = {}): Look {
  return {
    kind: 'look',
    from: at,
    to: at + 5,
    dbNowMs: 1_000,
    slots: [],
    locks: [],
    bookings: [],
    last: false,
    ...what
  }
}

/** One that the host took. */
export const hook = (type: string, lock: string, more: Partial<Hook> = {}): Hook => ({
  kind: 'webhook',
  at: 8_000,
  id: `${type} ${lock} ${more.booking}`,
  taken: true,
  type,
  seq: 1,
  slots: [slot],
  lock,
  ...more
})

export type Story = HistoryEvent[]
