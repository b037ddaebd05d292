import type { TSchema } from 'typebox'
import { errorCodes } from '../../src/protocol/codes.js'
import { connectionMessages } from '../../src/protocol/messages.js'
import { type OperationName, type OperationSpec, operations } from '../../src/protocol/operations.js'
import type { WireError } from '../../src/protocol/schemas.js'
import { mustBeErrorOf, mustBeFrame, mustBeProblem, mustHaveShape } from '../app/shapes.js'
import type { HttpAnswer } from '../helpers/raw-socket.js'
import type { Answer } from '../helpers/ws-client.js'
import type { Ask, AskName } from './asks.js'
import type { Ledger } from './ledger.js'
import type { Who } from './world.js'

/** What may come back. Each answers what is wrong with it, or undefined. */

type Wrong = string | undefined

const wrong = (look: () => void): Wrong => {
  try {
    look()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const isOperation = (name: AskName): name is OperationName => Object.hasOwn(operations, name)

/** Nothing was done to the database, so it has no business being out. */
const outOfTheBlue = new Set<string>(['INTERNAL', 'STORE_UNAVAILABLE'])

function mustBeRefusalOf(operation: AskName | undefined, error: WireError): void {
  if (outOfTheBlue.has(error.code)) throw new Error(`${operation ?? 'no operation'} answers ${error.code}`)
  if (operation === undefined) return
  if (isOperation(operation) && operation !== 'openSession') mustBeErrorOf(operation, error)
  else if (!['INVALID_REQUEST', 'UNAUTHENTICATED', 'RATE_LIMITED', 'BUSY'].includes(error.code))
    throw new Error(`${operation} answers ${error.code}`)
}

function resultOf(operation: AskName): TSchema {
  return isOperation(operation) ? operations[operation].result : connectionMessages[operation].result
}

/** `operation` absent: what was sent is of no known type, or of several. */
export const wrongAnswer = (operation: AskName | undefined, answer: Answer): Wrong =>
  wrong(() => {
    mustBeFrame(answer)
    if (answer.error !== undefined) mustBeRefusalOf(operation, answer.error)
    // a watch that is no operation's `limit` says so itself
    else if (operation !== undefined)
      mustHaveShape(`the result of ${operation}`, resultOf(operation), answer.result)
  })

export const wrongPush = (frame: unknown): Wrong => wrong(() => mustBeFrame(frame))

const knownStatuses = new Set<number>([...Object.values(errorCodes).map(({ status }) => status), 405])

/** `operation` absent: whatever was found at that address. */
export const wrongHttpAnswer = (
  operation: AskName | undefined,
  { status, headers, body }: HttpAnswer
): Wrong =>
  wrong(() => {
    const type = headers.get('content-type') ?? ''
    if (status >= 400) {
      if (!knownStatuses.has(status)) throw new Error(`the status ${status}: ${body}`)
      if (!type.startsWith('application/problem+json'))
        throw new Error(`${status} is no problem document: ${type} ${body}`)
      const problem = JSON.parse(body) as WireError & { status: number }
      // 405 is INVALID_REQUEST with a better word
      mustBeProblem(status === 405 ? { ...problem, status: 400 } : problem, status === 405 ? 400 : status)
      mustBeRefusalOf(problem.code === 'NOT_FOUND' ? undefined : operation, problem)
      return
    }
    if (operation === undefined || !isOperation(operation)) return
    const { http, result }: OperationSpec = operations[operation]
    if (status !== http?.status) throw new Error(`${operation}: ${status}, not ${http?.status}`)
    if (status === 204 ? body !== '' : false) throw new Error(`204 with a body: ${body}`)
    if (status !== 204) mustHaveShape(`the answer to ${operation}`, result, JSON.parse(body))
  })

/**
 * Who asked for what is not theirs, and has to be refused however well it was said. Undefined: it may go either way.
 * `resumes`: a token whose time is over is a new visitor, as on a WebSocket, and not refused for it.
 */
export function mayNot({ operation, params }: Ask, who: Who, ledger: Ledger, resumes: boolean): Wrong {
  if (!isOperation(operation)) return undefined
  const { access, params: schema }: OperationSpec = operations[operation]
  if (!resumes && operation !== 'openSession' && (who.kind === 'expired' || who.kind === 'forged'))
    return `the token is ${who.kind}`
  const role = who.kind === 'expired' ? 'visitor' : who.role
  if (!resumes && access !== 'anyone' && who.token === undefined) return 'there is no token'
  if (access === 'admin' && role !== 'admin') return `${role} is no admin`
  if (access === 'staff' && role !== 'staff' && role !== 'admin') return `${role} is no staff`
  const { calendar } = params
  const isAbout = Object.hasOwn((schema as { properties?: object }).properties ?? {}, 'calendar')
  if (
    isAbout &&
    who.calendars !== undefined &&
    typeof calendar === 'string' &&
    !who.calendars.includes(calendar)
  )
    return `the token is for ${who.calendars.join()}, not for ${calendar}`
  if (access === 'desk' && role === 'visitor') return 'a visitor is neither staff nor host'
  // a host books in the place of a visitor
  const ownOnly =
    operation === 'extend' || operation === 'release' || (operation === 'book' && role !== 'host')
  if (ownOnly && ledger.isSomebodyElses(params.lock, who.session)) return 'it is the lock of another session'
  if (operation === 'lock' && ledger.isSomebodyElses(params.replaces, who.session))
    return 'it replaces the lock of another session'
  if (
    operation === 'cancelBooking' &&
    role === 'visitor' &&
    ledger.isSomebodyElses(params.booking, who.session)
  )
    return 'it is the booking of another session'
  return undefined
}
