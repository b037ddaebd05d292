import type { Mistake } from './mistakes.js'
import type { Stage } from './steps.js'
import { slotName, slotStateNames } from './story.js'
import { none, Slot } from './words.js'
import type { World } from './world.js'

/**
 * One screen that watches. Each change of a row sends it an event, which may be lost, come twice and overtake others;
 * the tail reads the rows now and then, and what it read may be overtaken as well.
 */
export function screenSteps({ bounds, mistake, now, next, step }: Stage): void {
  const show = (slot: number, ver: number, state: number, lock: number): void => {
    if (ver > next.screenVer(slot) || mistake === 'screen takes all') next.setScreen(slot, ver, state, lock)
  }
  for (let i = 0; i < now.eventsMax; i++) {
    const event = now.event(i)
    if (event === undefined) continue
    const { slot, ver, state, lock } = event
    const name = (): string => `the event "${slotName(slot)} ${slotStateNames[state]}, version ${ver}"`
    step(
      () => `${name()} reaches the screen`,
      () => {
        show(slot, ver, state, lock)
        next.removeEvent(i)
        return true
      }
    )
    if (now.left('doubles') > 0)
      step(
        () => `${name()} reaches the screen and will once more`,
        () => {
          show(slot, ver, state, lock)
          return next.spend('doubles')
        }
      )
    if (now.left('losses') > 0)
      step(
        () => `${name()} is lost`,
        () => {
          next.removeEvent(i)
          return next.spend('losses')
        }
      )
  }
  if (now.reading) {
    step(
      () => 'what the tail read reaches the screen',
      () => {
        for (let slot = 0; slot < bounds.slots; slot++) {
          show(slot, next.readVer(slot), next.readState(slot), next.readLock(slot))
          next.setRead(slot, 0, Slot.free, none)
        }
        next.setReading(false, next.readSinceChange)
        return true
      }
    )
  } else if (mistake !== 'no tail' && !now.readSinceChange && now.left('reads') > 0) {
    step(
      () => 'the tail reads the rows',
      () => {
        for (let slot = 0; slot < bounds.slots; slot++)
          next.setRead(slot, next.slotVer(slot), next.slotState(slot), next.slotLock(slot))
        next.setReading(true, true)
        return next.spend('reads')
      }
    )
  }
}

/** Once nothing is on its way any more and the tail has read after the last change, the screen is the database. */
export function judgeScreen(w: World, mistake: Mistake | undefined): void {
  if (w.reading || !(w.readSinceChange || mistake === 'no tail')) return
  for (let i = 0; i < w.eventsMax; i++) if (w.event(i) !== undefined) return
  for (let i = 0; i < w.bounds.packets; i++) if (w.packet(i) !== undefined) return
  for (let slot = 0; slot < w.bounds.slots; slot++)
    if (
      w.screenVer(slot) !== w.slotVer(slot) ||
      w.screenState(slot) !== w.slotState(slot) ||
      w.screenLock(slot) !== w.slotLock(slot)
    )
      w.break('SCREEN_AGREES')
}
