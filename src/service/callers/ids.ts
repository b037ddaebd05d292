import { createHash } from 'node:crypto'
import type { BookingId, LockId, RequestId, SessionId } from '../../domain/ids.js'

/** `size` random bytes, fit for secrets. Passed in, so that a test can replay what chance did. */
export type RandomBytes = (size: number) => Uint8Array

const idBytes = 16

/**
 * A request that names itself gets an id that follows from its name. So the same request sent twice, to whichever
 * instance and however long the first took, is the same row to the database, and nothing has to remember requests.
 *
 * The domain word in front keeps the ids apart: a lock and a booking with one requestId are two things. A newline
 * cannot occur in either part, so two different pairs never make the same text.
 */
function derivedId(word: 'lock' | 'booking', session: SessionId, requestId: RequestId): string {
  const hash = createHash('sha256').update(`slotlock ${word} id\n${session}\n${requestId}`).digest()
  return hash.subarray(0, idBytes).toString('base64url')
}

const randomId = (randomBytes: RandomBytes): string => Buffer.from(randomBytes(idBytes)).toString('base64url')

export const lockIdOf = (
  session: SessionId,
  requestId: RequestId | undefined,
  randomBytes: RandomBytes
): LockId =>
  (requestId === undefined ? randomId(randomBytes) : derivedId('lock', session, requestId)) as LockId

export const bookingIdOf = (
  session: SessionId,
  requestId: RequestId | undefined,
  randomBytes: RandomBytes
): BookingId =>
  (requestId === undefined ? randomId(randomBytes) : derivedId('booking', session, requestId)) as BookingId

/**
 * What was asked for, as a hash: another one under the same id is IDEMPOTENCY_MISMATCH. Members in any order are the
 * same content, for JSON says nothing about order and clients build objects as they please.
 */
export const fingerprintOf = (content: unknown): string =>
  createHash('sha256').update(canonicalJson(content)).digest('base64url')

/** Sorted members, no undefined ones. Depth is bounded by the frame that the content came in. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join()}}`
  }
  return JSON.stringify(value) ?? 'null'
}
