import { ReplyError } from 'ioredis'
import { StoreError, StoreUnavailable, type UnavailableReason } from '../../domain/errors.js'

/** Turns what ioredis throws into what the layers above know. The fast lane holds no promise, so all of it is one class. */
export function unavailable(what: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause
  const said = cause instanceof Error ? cause.message : String(cause)
  return new StoreUnavailable(`Redis: ${what}: ${said}`, { cause, reason: reasonOf(cause) })
}

function reasonOf(cause: unknown): UnavailableReason {
  if (!(cause instanceof Error)) return 'other'
  // ioredis tells a timeout by this message alone
  if (cause.message === 'Command timed out') return 'timeout'
  // an answer of a server that lives: out of memory, read-only, no permission, a bug in a script
  if (cause instanceof ReplyError) return 'other'
  return 'connection'
}
