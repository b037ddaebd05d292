import type { MessageId } from '../protocol/messages.js'
import { parseJson } from '../protocol/validate.js'

/** A request of a client, as far as every request is alike. */
export interface Message {
  id: MessageId
  type: string
  /** All members of the frame; the check picks those that the operation has. */
  params: object
}

/** What is wrong with a frame that is no request; `id` where there was one, so that the client can tell which. */
export interface NoMessage {
  id: MessageId | null
  problem: string
}

export function readMessage(frame: Buffer): Message | NoMessage {
  const parsed = parseJson(frame.toString('utf8'))
  if (!parsed.ok) return { id: null, problem: `the frame ${parsed.problem}` }
  const { value } = parsed
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { id: null, problem: 'a frame is one JSON object' }
  }
  const { id, type } = value as { id?: unknown; type?: unknown }
  if (!isMessageId(id)) {
    return { id: null, problem: 'id: must be a safe integer or a string of 1 to 64 characters' }
  }
  if (typeof type !== 'string') return { id, problem: 'type: is required' }
  return { id, type, params: value }
}

const isMessageId = (id: unknown): id is MessageId =>
  typeof id === 'number'
    ? Number.isSafeInteger(id)
    : typeof id === 'string' && id.length > 0 && id.length <= 64
