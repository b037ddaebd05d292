import { isDeepStrictEqual } from 'node:util'
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { errorCodes } from '../../src/protocol/codes.js'
import { AnswerSchema, pushes } from '../../src/protocol/messages.js'
import { type OperationName, type OperationSpec, operations } from '../../src/protocol/operations.js'
import { ProblemSchema, type WireError } from '../../src/protocol/schemas.js'

/**
 * What an answer may look like: its schema and nothing besides. A client is allowed to ignore a member that no schema
 * names; a server is not allowed to send one, for it may be somebody else's secret.
 */

const compiled = new Map<TSchema, Validator>()

/** Throws with what is wrong. */
export function mustHaveShape(what: string, schema: TSchema, value: unknown): void {
  const validator = compiled.get(schema) ?? Compile(schema)
  compiled.set(schema, validator)
  if (!validator.Check(value)) {
    const [first] = validator.Errors(value)
    throw new Error(`${what}: ${first?.instancePath} ${first?.message}: ${JSON.stringify(value)}`)
  }
  const plain = withoutOddNames(value)
  if (!isDeepStrictEqual(validator.Clean(structuredClone(plain)), plain))
    throw new Error(`${what} has members that no schema names: ${JSON.stringify(value)}`)
}

/** The cleaner drops these names everywhere, also where a schema leaves all names free, as in what a host keeps with a booking. */
const withoutOddNames = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replace(/"(constructor|prototype|__proto__)":/g, '"odd $1":'))

/** What any operation may answer besides the errors that its own row in the table names. */
const always = new Set(['INVALID_REQUEST', 'UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMITED', 'BUSY'])

export function mustBeErrorOf(operation: OperationName, error: WireError): void {
  const { errors }: OperationSpec = operations[operation]
  if (!always.has(error.code) && !errors.includes(error.code))
    throw new Error(`${operation} answers ${error.code}, which its documents do not name: ${error.message}`)
  if (error.retryable !== errorCodes[error.code].retryable)
    throw new Error(`${error.code} with retryable: ${error.retryable}`)
}

export function mustBeProblem(value: unknown, httpStatus: number): asserts value is WireError {
  mustHaveShape('a problem', ProblemSchema, value)
  const { code, status } = value as { code: WireError['code']; status: number }
  if (status !== httpStatus || status !== errorCodes[code].status)
    throw new Error(`${code} with the HTTP status ${httpStatus} and the member status ${status}`)
}

/** Every frame that a server sent is an answer or a push. */
export function mustBeFrame(frame: unknown): void {
  if (typeof frame !== 'object' || frame === null) throw new Error(`no frame: ${JSON.stringify(frame)}`)
  if ('ok' in frame) {
    mustHaveShape('an answer', AnswerSchema, frame)
    return
  }
  const { type } = frame as { type: keyof typeof pushes }
  if (!(type in pushes)) throw new Error(`there is no push ${type}`)
  mustHaveShape(`the push ${type}`, pushes[type], frame)
}
