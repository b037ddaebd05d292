import { orphan, post, type Stage } from './steps.js'
import { instanceName, lockName, packetName } from './story.js'
import { Kind, Lock } from './words.js'

/** What becomes of the packets on their way. That one never arrives needs no step: it may just stay for ever. */
export function packetSteps({ bounds, mistake, now, next, nextDatabase, step }: Stage): void {
  for (let place = 0; place < bounds.packets; place++) {
    const packet = now.packet(place)
    if (packet === undefined) continue
    const name = (): string => packetName(packet, bounds.attempts)
    if (mistake !== 'provisional grants' || !now.flag)
      step(
        () => `the database gets ${name()}`,
        () => {
          next.setPacket(place, undefined)
          nextDatabase.carryOut(packet)
          return true
        }
      )
    if (!packet.late && now.left('lates') > 0)
      step(
        () => `the deadline of ${name()} passes on the way`,
        () => {
          next.setPacket(place, { ...packet, late: true })
          return next.spend('lates')
        }
      )
  }
}

export function crashSteps({ bounds, now, next, step }: Stage): void {
  if (now.left('crashes') === 0) return
  for (let instance = 0; instance < bounds.users; instance++) {
    if (bounds.versions === 'clocks' && now.clock(instance) === 0) continue
    step(
      () => `${instanceName(instance)} crashes and comes back with a clock that lags`,
      () => {
        next.setClock(instance, 0)
        for (let place = 0; place < bounds.packets; place++)
          if (next.packet(place)?.instance === instance) orphan(next, place)
        return next.spend('crashes')
      }
    )
  }
}

/** Time, the sweeper and staff. */
export function lockSteps({ bounds, now, next, step }: Stage): void {
  for (let lock = 0; lock < now.locks; lock++) {
    const name = (): string => lockName(lock, bounds.attempts)
    const instance = now.ownerOf(lock)
    const held = now.lockState(lock) === Lock.held
    if (now.left('periods') > 0 && ((held && now.time(lock) > 0) || now.countdown(lock) > 0))
      step(
        () => `one period of ${name()} passes`,
        () => {
          next.setTime(lock, Math.max(0, now.time(lock) - 1))
          next.setCountdown(lock, Math.max(0, now.countdown(lock) - 1))
          return next.spend('periods')
        }
      )
    if (held && now.time(lock) === 0 && now.left('sweeps') > 0)
      step(
        () => `${instanceName(instance)} sees that ${name()} has expired and sweeps it`,
        () => next.spend('sweeps') && post(next, Kind.sweep, lock, instance, false)
      )
    if (held && now.time(lock) > 0 && now.left('revokes') > 0)
      step(
        () => `staff revoke ${name()} through ${instanceName(instance)}`,
        () => next.spend('revokes') && post(next, Kind.revoke, lock, instance, false)
      )
  }
}
