import type { Database } from './database.js'
import type { Mistake } from './mistakes.js'
import type { Bounds, Kind } from './words.js'
import type { World } from './world.js'

/** What the parts of the protocol need to say what may happen next. */
export interface Stage {
  bounds: Bounds
  mistake: Mistake | undefined
  /** The state as it is. Only to be read; whether a step is possible is found out here, which is cheap. */
  now: World
  /** The state as it is to be: a copy of `now` that a step changes. */
  next: World
  nextDatabase: Database
  /** One possible next step. `change` alters `next`; false: it cannot happen after all. */
  step(what: () => string, change: () => boolean): void
}

/** Sends a packet with the next version of its instance. False: no room on the way, which is a bound. */
export function post(w: World, kind: Kind, lock: number, instance: number, awaited: boolean): boolean {
  const place = w.freePacket()
  if (place < 0) return false
  const ver = w.bounds.versions === 'clocks' ? w.clock(instance) + 1 : 0
  w.setClock(instance, ver)
  w.setPacket(place, { kind, lock, instance, awaited, late: false, ver })
  return true
}

/** A user's next packet. One at a time, and not more than the bounds allow. */
export function send(w: World, kind: Kind, lock: number, instance: number): boolean {
  return spendSend(w, w.ownerOf(lock)) && post(w, kind, lock, instance, true)
}

export function spendSend(w: World, user: number): boolean {
  const left = w.sendsLeft(user)
  if (left === 0) return false
  w.setSendsLeft(user, left - 1)
  return true
}

/** Nobody waits for the answer of this packet any more. */
export function orphan(w: World, place: number): void {
  const packet = w.packet(place)
  if (packet !== undefined) w.setPacket(place, { ...packet, awaited: false })
}
