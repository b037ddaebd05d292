import type { ErrorCode } from '../../protocol/codes.js'
import type { OperationName, ParamsOf, ResultOf } from '../../protocol/operations.js'
import type { WireError } from '../../protocol/schemas.js'
import type { Caller } from '../callers/caller.js'

/** An answer that is not what was asked for. Expected, hence a value; the transport gives it its shape on the wire. */
export interface Refusal {
  code: ErrorCode
  message: string
  retryAfterMs?: number
  details?: NonNullable<WireError['details']>
}

export type Outcome<T> = { ok: true; value: T } | { ok: false; refusal: Refusal }

export const done = <T>(value: T): Outcome<T> => ({ ok: true, value })

export function refuse(
  code: ErrorCode,
  message: string,
  more: Pick<Refusal, 'retryAfterMs' | 'details'> = {}
): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { code, message, ...more } }
}

/** One field, one problem: the commonest way to be invalid. */
export const invalid = (field: string, problem: string): { ok: false; refusal: Refusal } =>
  refuse('INVALID_REQUEST', `${field}: ${problem}`, { details: { fields: [{ field, problem }] } })

/**
 * An operation as the service offers it: parameters have passed their schema, the caller has the access that the
 * operation's table asks for. May throw StoreError (see refusalOf); anything else it throws is a bug.
 */
export type Handler<Name extends OperationName> = (
  caller: Caller,
  params: ParamsOf<Name>
) => Promise<Outcome<ResultOf<Name>>>

/** `openSession` is the transport's: it makes tokens, and nothing is stored. */
export type Handlers = { [Name in Exclude<OperationName, 'openSession'>]: Handler<Name> }
