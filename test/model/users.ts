import { orphan, post, type Stage, send, spendSend } from './steps.js'
import { instanceName, lockName, slotNames, userName } from './story.js'
import { Kind, Lock, none, Told } from './words.js'

/** What a user may do next: wait no longer, or, not waiting for anything, ask for something. */
export function userSteps(stage: Stage, user: number): void {
  const { bounds, mistake, now, next, step } = stage
  const { attempts } = bounds
  const awaited = now.awaitedPacket(user)
  if (awaited >= 0) {
    if (now.left('timeouts') === 0) return
    step(
      () => `${userName(user)} waits no longer: outcome unknown`,
      () => {
        next.spend('timeouts')
        orphan(next, awaited)
        const packet = next.packet(awaited)
        if (mistake === 'unknown told as success' && packet?.kind === Kind.lock)
          stage.nextDatabase.tell.yes(packet.lock)
        return true
      }
    )
    return
  }
  if (now.sendsLeft(user) === 0) return
  for (let attempt = 0; attempt < attempts; attempt++) {
    const lock = user * attempts + attempt
    if (now.told(lock) !== Told.nothing) {
      resend(stage, user, lock)
      if (now.told(lock) === Told.held) useLock(stage, user, lock)
      continue
    }
    askAnew(stage, user, lock, attempt > 0 && now.told(lock - 1) === Told.held)
    return
  }
}

function askAnew(stage: Stage, user: number, lock: number, mayReplace: boolean): void {
  const { bounds, next } = stage
  for (let wants = 1; wants < 1 << bounds.slots; wants++) {
    for (const replacing of bounds.replaces && mayReplace ? [false, true] : [false]) {
      const what = (): string =>
        `${userName(user)} asks for ${lockName(lock, bounds.attempts)} on ${slotNames(wants)}` +
        (replacing ? `, replacing ${lockName(lock - 1, bounds.attempts)},` : '')
      request(stage, lock, user, what, () => next.setRequest(lock, wants, replacing))
    }
  }
}

function resend(stage: Stage, user: number, lock: number): void {
  const { users, attempts } = stage.bounds
  for (let instance = 0; instance < users; instance++)
    request(
      stage,
      lock,
      instance,
      () => `${userName(user)} sends ${lockName(lock, attempts)} again`,
      () => {}
    )
}

/** The ways that a lock request may take: past Redis to the database, or to a refusal by Redis. */
function request(
  stage: Stage,
  lock: number,
  instance: number,
  what: () => string,
  prepare: () => void
): void {
  const { mistake, now, next, nextDatabase, step } = stage
  const user = next.ownerOf(lock)
  const through = (): string => `${what()} through ${instanceName(instance)}`
  const ask = (): void => {
    prepare()
    // A lock that its user gives back, or lets go for another, is relied on no more, whatever a resend is answered.
    if (next.told(lock) !== Told.givenBack && next.told(lock) !== Told.ceding) {
      next.setTold(lock, Told.asked)
      next.setCountdown(lock, 0)
    }
    const older = nextDatabase.rows.older(lock)
    if (older !== none && next.told(older) === Told.held) next.setTold(older, Told.ceding)
  }
  step(through, () => {
    ask()
    return send(next, Kind.lock, lock, instance)
  })
  step(
    () => `${through()}; Redis says taken${mistake === 'Redis refuses alone' ? '' : ', and so does the row'}`,
    () => {
      ask()
      if (!mayRefuse(stage, lock) || !spendSend(next, user)) return false
      nextDatabase.tell.taken(lock)
      return true
    }
  )
  const early = mistake === 'acknowledge before commit'
  const provisional = mistake === 'provisional grants' && now.flag
  if (!early && !provisional) return
  step(
    () => `${through()} and is told yes before the database has it`,
    () => {
      ask()
      // Redis itself is given the benefit of the doubt: it has lost nothing and refuses what it knows to be held.
      if (provisional && isPromised(stage, next.wants(lock))) return false
      if (!spendSend(next, user) || !post(next, Kind.lock, lock, instance, false)) return false
      nextDatabase.tell.yes(lock)
      return true
    }
  )
}

/**
 * A refusal by Redis is no more than a reason to look: at the lock's own row first, since a request that succeeded is
 * never refused afterwards, then at the slots.
 */
function mayRefuse({ mistake, next, nextDatabase }: Stage, lock: number): boolean {
  if (mistake === 'Redis refuses alone') return true
  const known = next.lockState(lock) !== Lock.unknown
  if (mistake === 'refusal reads only slots') return known || nextDatabase.rows.taken(lock)
  return !known && nextDatabase.rows.taken(lock)
}

function isPromised({ next }: Stage, slots: number): boolean {
  for (let lock = 0; lock < next.locks; lock++)
    if (next.told(lock) === Told.held && next.countdown(lock) > 0 && (next.wants(lock) & slots) !== 0)
      return true
  return false
}

/** What a user does with a lock that was acknowledged. */
function useLock({ bounds, now, next, step }: Stage, user: number, lock: number): void {
  const doing = (verb: string) => (): string =>
    `${userName(user)} ${verb} ${lockName(lock, bounds.attempts)} through ${instanceName(user)}`
  const running = now.countdown(lock) > 0
  if (running && bounds.extends) step(doing('extends'), () => send(next, Kind.extend, lock, user))
  if (running && bounds.books) step(doing('books'), () => send(next, Kind.book, lock, user))
  if (!running && bounds.books)
    step(doing('books, if still free,'), () => send(next, Kind.bookIfStillFree, lock, user))
  step(doing('releases'), () => {
    next.setTold(lock, Told.givenBack)
    next.setCountdown(lock, 0)
    return send(next, Kind.release, lock, user)
  })
}
