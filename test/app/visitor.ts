import { connectionMessages } from '../../src/protocol/messages.js'
import {
  type OperationName,
  type OperationSpec,
  operations,
  type ResultOf
} from '../../src/protocol/operations.js'
import type { SessionView, WireError } from '../../src/protocol/schemas.js'
import type { Instance } from '../helpers/instance.js'
import { type Pushed, WsClient } from '../helpers/ws-client.js'
import { mustBeErrorOf, mustBeFrame, mustBeProblem, mustHaveShape } from './shapes.js'

/** HTTP and WebSocket are two faces of the same operations; a test asks on either and expects the same. */
export type Face = 'http' | 'ws'
export const faces: readonly Face[] = ['http', 'ws']

export type Reply<Name extends OperationName> =
  | { ok: true; result: ResultOf<Name> }
  | { ok: false; error: WireError }

type TearsDown = { teardown(end: () => unknown): void }

/**
 * One browser. Whatever it is answered or pushed is held to the schemas, in every test, so that a test itself need only say
 * what is particular to it.
 */
export class Visitor {
  readonly face: Face
  readonly at: Instance
  readonly session: SessionView
  readonly #socket: WsClient | undefined

  private constructor(face: Face, at: Instance, session: SessionView, socket: WsClient | undefined) {
    this.face = face
    this.at = at
    this.session = session
    this.#socket = socket
  }

  /** A new session, or the one of the token. */
  static async open(t: TearsDown, face: Face, at: Instance, token?: string): Promise<Visitor> {
    if (face === 'http') {
      const opened = await askHttp(at, 'openSession', {}, token)
      if (!opened.ok) throw new Error(`no session: ${opened.error.code}`)
      return new Visitor(face, at, opened.result, undefined)
    }
    const socket = await WsClient.open(at.ws, token)
    t.teardown(() => {
      socket.socket.terminate()
      for (const frame of socket.frames) mustBeFrame(frame)
    })
    mustHaveShape('a session', connectionMessages.hello.result, socket.session)
    return new Visitor(face, at, socket.session as SessionView, socket)
  }

  get token(): string {
    return this.session.token
  }

  get socket(): WsClient {
    if (this.#socket === undefined) throw new Error('an HTTP visitor has no socket')
    return this.#socket
  }

  /** On this visitor's face; an operation that has no message goes by HTTP. */
  async ask<Name extends OperationName>(operation: Name, params: object = {}): Promise<Reply<Name>> {
    const { ws: type, result: schema }: OperationSpec = operations[operation]
    if (this.#socket === undefined || type === undefined)
      return askHttp(this.at, operation, params, this.token)
    const answer = await this.#socket.request(type, params)
    if (answer.error !== undefined) {
      mustBeErrorOf(operation, answer.error)
      return { ok: false, error: answer.error }
    }
    mustHaveShape(`the answer to ${type}`, schema, answer.result)
    return { ok: true, result: answer.result as ResultOf<Name> }
  }

  /** The result; throws when it is refused. For what must work for a test to go on. */
  async must<Name extends OperationName>(operation: Name, params: object = {}): Promise<ResultOf<Name>> {
    const reply = await this.ask(operation, params)
    if (!reply.ok) throw new Error(`${operation} was refused: ${JSON.stringify(reply.error)}`)
    return reply.result
  }

  /** The error; throws when it is not refused. */
  async refused(operation: OperationName, params: object = {}): Promise<WireError> {
    const reply = await this.ask(operation, params)
    if (reply.ok) throw new Error(`${operation} was not refused: ${JSON.stringify(reply.result)}`)
    return reply.error
  }

  /** The next push that matches. */
  next(type: string, matches?: (push: Pushed) => boolean): Promise<Pushed> {
    return this.socket.next(type, matches)
  }
}

/** Without a visitor: for those who have no token, or a strange one. */
export async function askHttp<Name extends OperationName>(
  at: Instance,
  operation: Name,
  params: object = {},
  token?: string
): Promise<Reply<Name>> {
  const { http, idempotencyKey, result: schema }: OperationSpec = operations[operation]
  if (http === undefined) throw new Error(`${operation} has no address`)
  const rest: Record<string, unknown> = { ...params }
  const path = http.path.replace(/:([a-z]+)/gi, (_, name: string) => {
    const value = String(rest[name])
    delete rest[name]
    return encodeURIComponent(value)
  })
  const key = idempotencyKey === undefined ? undefined : rest[idempotencyKey]
  if (key !== undefined) delete rest[idempotencyKey!]
  const query =
    http.method === 'GET' ? `?${new URLSearchParams(rest as Record<string, string>)}`.replace(/^\?$/, '') : ''
  const hasBody = http.method !== 'GET' && Object.keys(rest).length > 0
  const response = await fetch(`${at.url}${path}${query}`, {
    method: http.method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { 'idempotency-key': String(key) }),
      ...(hasBody ? { 'content-type': 'application/json' } : {})
    },
    ...(hasBody ? { body: JSON.stringify(rest) } : {})
  })
  const text = await response.text()
  if (!response.ok) {
    if (!response.headers.get('content-type')?.startsWith('application/problem+json'))
      throw new Error(`${operation}: ${response.status} is no problem document: ${text}`)
    const problem: unknown = JSON.parse(text)
    mustBeProblem(problem, response.status)
    mustBeErrorOf(operation, problem)
    return { ok: false, error: problem }
  }
  if (response.status !== http.status) throw new Error(`${operation}: ${response.status}, not ${http.status}`)
  if (http.status === 204) {
    if (text !== '') throw new Error(`${operation}: 204 with a body: ${text}`)
    return { ok: true, result: {} as ResultOf<Name> }
  }
  const result: unknown = JSON.parse(text)
  mustHaveShape(`the answer to ${operation}`, schema, result)
  return { ok: true, result: result as ResultOf<Name> }
}
