import type { Clock } from '../domain/clock.js'
import { StoreContractError, StoreError } from '../domain/errors.js'
import type { CalendarId } from '../domain/ids.js'
import { type Access, type OperationName, type OperationSpec, operations } from '../protocol/operations.js'
import { check } from '../protocol/validate.js'
import { type Handlers, type Outcome, type Refusal, refuse } from '../service/answers/refusal.js'
import { refusalOf } from '../service/answers/store-refusal.js'
import type { Caller } from '../service/callers/caller.js'
import type { AskedLock, LockLimits } from './lock-limits.js'
import type { Metrics } from './metrics.js'
import type { RequestSpan, Tracer } from './ports.js'
import { internal, invalidFields } from './problem.js'

/**
 * The way every operation goes, whichever face it came through: may this caller ask at all, is what is asked well
 * formed, does the token cover that calendar, then the service, and whatever comes of it as one kind of value.
 * Nothing is thrown from here.
 */

export type ServedOperation = keyof Handlers
export type Face = 'http' | 'ws'

/** What a bug leaves behind for whoever looks into it; never the request's content. */
export interface BugLog {
  error(bug: { err: unknown; operation: string; requestId: string }, message: string): void
}

export interface Asked {
  operation: ServedOperation
  caller: Caller
  params: unknown
  face: Face
  /** Names the request in the log and in the answer of an INTERNAL. */
  requestId: string
  /** The HTTP request that it came in, where that is traced. */
  within?: RequestSpan | undefined
}

const allowedRoles: Record<Access, ReadonlySet<Caller['role']>> = {
  anyone: new Set(['visitor', 'host', 'staff', 'admin']),
  session: new Set(['visitor', 'host', 'staff', 'admin']),
  desk: new Set(['host', 'staff', 'admin']),
  staff: new Set(['staff', 'admin']),
  admin: new Set(['admin'])
}

/** How long who wants a lock from a server that leaves is told to wait; another instance may take it at once. */
const drainingRetryAfterMs = 1_000

export class Dispatcher {
  /** Set once, when the server begins to leave: what would begin something new is refused. */
  draining = false
  readonly #handlers: Handlers
  readonly #metrics: Metrics
  readonly #clock: Clock
  readonly #log: BugLog
  readonly #lockLimits: LockLimits
  readonly #tracer: Tracer | undefined

  constructor(deps: {
    handlers: Handlers
    metrics: Metrics
    clock: Clock
    log: BugLog
    lockLimits: LockLimits
    tracer?: Tracer | undefined
  }) {
    this.#tracer = deps.tracer
    this.#lockLimits = deps.lockLimits
    this.#handlers = deps.handlers
    this.#metrics = deps.metrics
    this.#clock = deps.clock
    this.#log = deps.log
  }

  async dispatch(asked: Asked): Promise<Outcome<unknown>> {
    const startedMs = this.#clock.monotonic()
    const carryOut = (): Promise<Outcome<unknown>> => this.#carryOut(asked)
    const outcome = await (this.#tracer === undefined ? carryOut() : this.#tracer.operation(asked, carryOut))
    const word = outcome.ok ? 'ok' : outcome.refusal.code
    const tookS = (this.#clock.monotonic() - startedMs) / 1_000
    this.#metrics.operations.observe({ operation: asked.operation, face: asked.face, outcome: word }, tookS)
    if (asked.operation === 'lock') this.#metrics.locks.inc({ outcome: word })
    return outcome
  }

  async #carryOut({ operation, caller, params, requestId }: Asked): Promise<Outcome<unknown>> {
    const spec: OperationSpec = operations[operation]
    const refusal = refusedAccess(spec.access, caller)
    if (refusal !== undefined) return { ok: false, refusal }
    const checked = check(spec.params, params)
    if (!checked.ok) return { ok: false, refusal: invalidFields(checked.fields) }
    const uncovered = refusedCalendar(caller, checked.value)
    if (uncovered !== undefined) return { ok: false, refusal: uncovered }
    if (this.draining && operation === 'lock') {
      return refuse('BUSY', 'This server is about to stop', { retryAfterMs: drainingRetryAfterMs })
    }
    if (operation !== 'lock') return this.#handle(operation, caller, checked.value, requestId)
    const lock: AskedLock = { caller, ...(checked.value as Omit<AskedLock, 'caller'>) }
    const limited = await this.#lockLimits.refusal(lock)
    if (limited !== undefined) return { ok: false, refusal: limited }
    const outcome = await this.#handle(operation, caller, checked.value, requestId)
    if (outcome.ok) this.#lockLimits.held(lock)
    else await this.#lockLimits.notHeld(lock)
    return outcome
  }

  async #handle(
    operation: ServedOperation,
    caller: Caller,
    params: unknown,
    requestId: string
  ): Promise<Outcome<unknown>> {
    try {
      const handler: (caller: Caller, params: never) => Promise<Outcome<unknown>> = this.#handlers[operation]
      return await handler(caller, params as never)
    } catch (error) {
      if (error instanceof StoreError && !(error instanceof StoreContractError)) {
        return { ok: false, refusal: refusalOf(error) }
      }
      this.#log.error({ err: error, operation, requestId }, 'an operation failed in a way it never should')
      return { ok: false, refusal: internal }
    }
  }
}

export function refusedAccess(access: Access, caller: Caller): Refusal | undefined {
  if (access === 'anyone') return undefined
  if (caller.session === undefined) {
    return { code: 'UNAUTHENTICATED', message: 'This needs a session: POST /v1/sessions gives its token' }
  }
  if (!allowedRoles[access].has(caller.role)) {
    return { code: 'FORBIDDEN', message: `The token's role is ${caller.role}, which may not do this` }
  }
  return undefined
}

/** Operations that name a lock or a booking instead find out about its calendar in the service. */
function refusedCalendar(caller: Caller, params: unknown): Refusal | undefined {
  if (caller.calendars === undefined) return undefined
  const { calendar } = params as { calendar?: CalendarId }
  if (calendar === undefined || caller.calendars.includes(calendar)) return undefined
  return { code: 'FORBIDDEN', message: 'The token does not cover this calendar' }
}

/** By the `type` of a WebSocket message. */
export const operationsByMessage: ReadonlyMap<string, ServedOperation> = new Map(
  (Object.entries(operations) as [OperationName, OperationSpec][]).flatMap(([name, { ws }]) =>
    ws === undefined || name === 'openSession' ? [] : [[ws, name] as const]
  )
)
