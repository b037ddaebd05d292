import type { Grid } from '../../domain/grid.js'
import { parseCalendarId, parseLockId, type RequestId, type SessionId } from '../../domain/ids.js'
import type { Limits } from '../../domain/limits.js'
import type { LockRecord } from '../../domain/lock.js'
import type { GrantRequest, LockStore } from '../../domain/lock-store.js'
import type { ParamsOf } from '../../protocol/operations.js'
import type { LockView } from '../../protocol/schemas.js'
import { covers, notCovered, refusedPage, sessionOf } from '../answers/access.js'
import { done, type Handlers, invalid, type Outcome, refuse } from '../answers/refusal.js'
import { busy, calendarNotFound, lockIsOver, lockNotFound } from '../answers/refusals.js'
import { conflictView, lockView, type TagOf } from '../answers/views.js'
import { actorOf, type Caller } from '../callers/caller.js'
import { fingerprintOf, lockIdOf, type RandomBytes } from '../callers/ids.js'
import { type Announcer, announceChange } from '../live/announcer.js'
import type { CalendarDirectory } from '../reading/calendars.js'
import { allowedPage } from '../reading/covered-calendar.js'
import type { Gate } from './gate.js'
import type { Granting, TakeOutcome } from './granting.js'
import { outsideOf, type WantedSlots, wantedSlots } from './wanted-slots.js'

export interface LockingDeps {
  store: LockStore
  calendars: CalendarDirectory
  granting: Granting
  gate: Pick<Gate, 'learn'>
  announcer: Announcer
  limits: Limits
  tagOf: TagOf
  randomBytes: RandomBytes
}

export function lockingHandlers(
  deps: LockingDeps
): Pick<Handlers, 'lock' | 'listLocks' | 'extend' | 'release'> {
  const { store, calendars, granting, limits, tagOf } = deps
  const view = (lock: LockRecord): LockView => lockView(lock, limits, store.nowMs(), tagOf)

  /** Nothing of what `why` says is asked of a request that was granted when it was first sent. */
  async function refuseUnlessGrantedBefore(
    request: GrantRequest,
    resent: boolean,
    why: ReturnType<typeof refuse>
  ): Promise<Outcome<{ lock: LockView }>> {
    if (!resent || !(await granting.knows(request.lock))) return why
    return answerOf(await granting.ask(request), request)
  }

  function answerOf(outcome: TakeOutcome, request: GrantRequest): Outcome<{ lock: LockView }> {
    switch (outcome.status) {
      case 'GRANTED':
      case 'REPLAYED':
        return done({ lock: view(outcome.lock) })
      case 'CONFLICT': {
        const nowMs = store.nowMs()
        const conflicts = outcome.rows.map(row => conflictView(row, request.owner, nowMs))
        return refuse('SLOT_UNAVAILABLE', 'Not all of the slots are free; none was taken', {
          details: { conflicts }
        })
      }
      case 'MISMATCH':
        return refuse('IDEMPOTENCY_MISMATCH', 'This requestId was used for another lock')
      case 'LIMIT':
        return refuse('LIMIT_EXCEEDED', limitWords[outcome.limit].message(outcome.max), {
          details: { limit: limitWords[outcome.limit].setting, max: outcome.max }
        })
      case 'REPLACED_NOT_FOUND':
        return lockNotFound('The lock to replace is none of this session')
      case 'REPLACED_EXPIRED':
        return refuse('LOCK_EXPIRED', 'The lock to replace is over; nothing was changed')
      case 'FORGOTTEN':
        return refuse('LOCK_EXPIRED', 'This request was granted long ago, and its lock is over')
      case 'LATE':
      case 'BUSY':
        return busy()
      default:
        return outcome satisfies never
    }
  }

  async function lock(caller: Caller, params: ParamsOf<'lock'>): Promise<Outcome<{ lock: LockView }>> {
    const session = sessionOf(caller)
    if (!session.ok) return session
    const asked = lockRequest(deps, caller, session.value, params)
    if (!asked.ok) return asked
    const { request, wanted } = asked.value
    const resent = params.requestId !== undefined

    if (!covers(caller, request.calendar)) return notCovered(request.calendar)
    const grid = await calendars.find(request.calendar)
    const why =
      grid === undefined
        ? calendarNotFound(request.calendar)
        : (refusedPage(caller, grid.definition) ?? notOffered(grid, wanted, store.nowMs()))
    return why === undefined
      ? answerOf(await granting.take(request, resent), request)
      : await refuseUnlessGrantedBefore(request, resent, why)
  }

  return {
    lock,

    async listLocks(caller, params) {
      const session = sessionOf(caller)
      if (!session.ok) return session
      const { calendar } = params
      const locks = []
      for (const one of await store.readLiveLocks({ owner: session.value })) {
        if (calendar !== undefined && one.calendar !== calendar) continue
        if ((await allowedPage(caller, calendars, async () => one)).ok) locks.push(view(one))
      }
      return done({ locks })
    },

    async extend(caller, params) {
      const session = sessionOf(caller)
      if (!session.ok) return session
      const ttlMs = ttlWithin(limits, params.ttlMs)
      if (!ttlMs.ok) return ttlMs
      const id = parseLockId(params.lock)
      if (id === undefined) return lockNotFound()
      const may = await allowedPage(caller, calendars, () => store.readLock(id))
      if (!may.ok) return may
      const outcome = await store.extend({
        lock: id,
        owner: session.value,
        ttlMs: ttlMs.value,
        lockLifeMaxMs: limits.lockLifeMaxMs,
        by: actorOf(caller)
      })
      switch (outcome.status) {
        case 'EXTENDED':
          announceChange(deps, outcome.rows, outcome.lock)
          return done({ lock: view(outcome.lock) })
        case 'NOT_FOUND':
          return lockNotFound()
        case 'ENDED':
          return lockIsOver(outcome.lock)
        case 'LIFE_LIMIT':
          return refuse('LIMIT_EXCEEDED', 'A lock cannot live so long, with all its extensions', {
            details: {
              limit: 'LOCK_LIFE_MAX_MS',
              max: limits.lockLifeMaxMs,
              extendableUntil: outcome.lock.createdAt + limits.lockLifeMaxMs
            }
          })
        case 'LATE':
          return busy()
        default:
          return outcome satisfies never
      }
    },

    async release(caller, params) {
      const session = sessionOf(caller)
      if (!session.ok) return session
      const id = parseLockId(params.lock)
      if (id === undefined) return lockNotFound()
      const may = await allowedPage(caller, calendars, () => store.readLock(id))
      if (!may.ok) return may
      const outcome = await store.release({ lock: id, owner: session.value, by: actorOf(caller) })
      switch (outcome.status) {
        case 'ENDED':
          announceChange(deps, outcome.rows, outcome.lock)
          return done({ released: true })
        case 'NOT_FOUND':
          return lockNotFound()
        case 'LATE':
          return busy()
        default:
          return outcome satisfies never
      }
    }
  }
}

const limitWords = {
  locksPerSession: {
    setting: 'LOCKS_PER_SESSION_MAX',
    message: (max: number) => `A session may have ${max} live locks at once`
  },
  lockedSlotsPerSession: {
    setting: 'LOCKED_SLOTS_PER_SESSION_MAX',
    message: (max: number) => `A session may have ${max} slots locked at once`
  }
} as const

/** What the request says, in the store's words, without looking at anything but the request. */
function lockRequest(
  { limits, randomBytes }: LockingDeps,
  caller: Caller,
  owner: SessionId,
  params: ParamsOf<'lock'>
): Outcome<{ request: GrantRequest; wanted: WantedSlots }> {
  const calendar = parseCalendarId(params.calendar)
  if (calendar === undefined) return calendarNotFound(params.calendar)
  const wanted = wantedSlots(params.slots, limits.slotsPerLockMax)
  if (!wanted.ok) return wanted
  const ttlMs = ttlWithin(limits, params.ttlMs)
  if (!ttlMs.ok) return ttlMs
  const replaces = params.replaces === undefined ? undefined : parseLockId(params.replaces)
  if (params.replaces !== undefined && replaces === undefined) {
    return lockNotFound('The lock to replace is none of this session')
  }
  const { slots } = wanted.value
  const request: GrantRequest = {
    lock: lockIdOf(owner, params.requestId as RequestId | undefined, randomBytes),
    calendar,
    owner,
    slots,
    ttlMs: ttlMs.value,
    // as given: a changed default does not make another request of it
    fingerprint: fingerprintOf({ calendar, slots, ttlMs: params.ttlMs, replaces }),
    replaces,
    lockLifeMaxMs: limits.lockLifeMaxMs,
    locksMax: limits.locksPerSessionMax,
    lockedSlotsMax: limits.lockedSlotsPerSessionMax,
    address: caller.address,
    userAgent: caller.userAgent,
    by: actorOf(caller)
  }
  return done({ request, wanted: wanted.value })
}

function notOffered(grid: Grid, wanted: WantedSlots, nowMs: number): ReturnType<typeof refuse> | undefined {
  const outside = outsideOf(grid, wanted)
  if (outside !== undefined) return outside
  const past = wanted.parts.filter(slot => slot.startMs <= nowMs)
  if (past.length === 0) return undefined
  return refuse('SLOT_UNAVAILABLE', 'A slot that has begun cannot be locked; none was taken', {
    details: { conflicts: past.map(slot => ({ slot: slot.id, state: 'past' as const })) }
  })
}

function ttlWithin(limits: Limits, ttlMs: number | undefined): Outcome<number> {
  if (ttlMs === undefined) return done(limits.lockTtlMs)
  const { lockTtlMinMs, lockTtlMaxMs } = limits
  if (Number.isInteger(ttlMs) && ttlMs >= lockTtlMinMs && ttlMs <= lockTtlMaxMs) return done(ttlMs)
  return invalid('ttlMs', `must be from ${lockTtlMinMs} to ${lockTtlMaxMs} milliseconds`)
}
