/**
 * What the database does with a packet that reaches it, and what the user who still waits is told.
 *
 * Each packet is one transaction: `carryOut` is one step of the model. The judge over it all looks on here: it knows
 * what users were promised and breaks the promise that an answer or a change of a row goes against.
 */
import { Answers } from './answers.js'
import type { Mistake } from './mistakes.js'
import { bit, each, Rows } from './rows.js'
import { Kind, Lock, none, type Packet, Slot, Told } from './words.js'
import type { World } from './world.js'

export class Database {
  readonly #w: World
  readonly #mistake: Mistake | undefined
  readonly rows: Rows
  readonly tell: Answers
  #late = false

  constructor(world: World, mistake: Mistake | undefined) {
    this.#w = world
    this.#mistake = mistake
    this.rows = new Rows(world, mistake)
    this.tell = new Answers(world, this.rows)
  }

  carryOut(packet: Packet): void {
    this.#late = packet.late
    if (packet.late && this.#mistake !== 'no deadline') return
    switch (packet.kind) {
      case Kind.lock:
        this.#grant(packet)
        return
      case Kind.lockSecondHalf:
        this.#grantSecondHalf(packet)
        return
      case Kind.extend:
        this.#extend(packet)
        return
      case Kind.release:
        this.#release(packet)
        return
      case Kind.revoke:
        this.#revoke(packet)
        return
      case Kind.sweep:
        this.#sweep(packet)
        return
      case Kind.book:
      case Kind.bookIfStillFree:
        this.#book(packet)
        return
      default:
        packet.kind satisfies never
    }
  }

  // ---- lock

  #grant(packet: Packet): void {
    const w = this.#w
    const { lock } = packet
    if (w.lockState(lock) !== Lock.unknown) {
      if (packet.awaited) this.tell.lock(lock)
      return
    }
    const wants = w.wants(lock)
    const older = this.rows.older(lock)
    if (this.#mistake === 're-grant by owner') {
      const mine = this.rows.sameUsersLockOn(wants, lock)
      if (mine !== none) {
        if (packet.awaited) this.tell.held(mine)
        return
      }
    }
    if (older !== none && !this.rows.lives(older)) {
      if (packet.awaited) this.tell.replacedIsOver(lock, older)
      return
    }
    if (this.#mistake === 'row by row' && wants === 3) {
      this.#grantFirstRow(packet)
      return
    }
    if (this.#mistake === 'replace in two' && older !== none) {
      this.#free(older, packet.ver)
      w.setLockState(older, Lock.released)
      this.#send({ ...packet, kind: Kind.lockSecondHalf })
      return
    }
    if (this.rows.taken(lock)) {
      if (packet.awaited) this.tell.taken(lock)
      return
    }
    if (this.#isBehind(packet, wants | (older === none ? 0 : this.rows.rowsOf(older)))) return
    this.#write(packet, wants, older)
    if (packet.awaited) this.tell.lock(lock)
  }

  #write(packet: Packet, wants: number, older: number): void {
    const w = this.#w
    const { lock } = packet
    if (older !== none) {
      w.setLockState(older, Lock.released)
      w.setTime(older, 0)
    }
    let fence = packet.ver
    each(w.bounds.slots, slot => {
      if ((wants & bit(slot)) !== 0)
        fence = Math.max(fence, this.#setSlot(slot, Slot.locked, lock, packet.ver))
      else if (older !== none && w.slotLock(slot) === older && w.slotState(slot) === Slot.locked)
        this.#setSlot(slot, Slot.free, older, packet.ver)
    })
    w.setLockState(lock, Lock.held)
    w.setTime(lock, 1)
    this.#judgeGrant(lock, fence)
  }

  #judgeGrant(lock: number, fence: number): void {
    const w = this.#w
    if (w.wasGranted(lock)) w.break('RESENT_ONCE')
    // Before its deadline a packet may still do what a resend of it was refused: see the README.
    if (w.told(lock) === Told.refused && (this.#late || this.#mistake === 'refusal taken as final'))
      w.break('REFUSED_STAYS_REFUSED')
    w.setGranted(lock)
    if (w.bounds.versions === 'none') return
    each(w.bounds.slots, slot => {
      if ((w.wants(lock) & bit(slot)) === 0) return
      if (w.slotFence(slot) >= fence) w.break('FENCE_GROWS')
      w.setSlotFence(slot, fence)
    })
  }

  /** The wrong way to take several slots: the first row is there for all to see before the second is asked. */
  #grantFirstRow(packet: Packet): void {
    const w = this.#w
    if (!this.rows.mayTake(0, packet.lock)) {
      if (packet.awaited) this.tell.taken(packet.lock)
      return
    }
    if (this.#isBehind(packet, 1)) return
    this.#setSlot(0, Slot.locked, packet.lock, packet.ver)
    w.setTime(packet.lock, 1)
    this.#send({ ...packet, kind: Kind.lockSecondHalf })
  }

  #grantSecondHalf(packet: Packet): void {
    const w = this.#w
    const { lock } = packet
    const wants = this.#mistake === 'row by row' ? 2 : w.wants(lock)
    for (let slot = 0; slot < w.bounds.slots; slot++) {
      if ((wants & bit(slot)) === 0 || this.rows.mayTake(slot, lock)) continue
      if (w.wants(lock) !== wants && w.slotLock(0) === lock && w.slotState(0) === Slot.locked)
        w.break('ALL_OR_NOTHING')
      if (packet.awaited) this.tell.taken(lock)
      return
    }
    if (this.#isBehind(packet, wants)) return
    this.#write(packet, wants, none)
    if (packet.awaited) this.tell.lock(lock)
  }

  // ---- what becomes of a lock

  #extend(packet: Packet): void {
    const w = this.#w
    const { lock } = packet
    const lives =
      this.#mistake === 'extend ignores time'
        ? w.lockState(lock) === Lock.held
        : this.rows.lives(lock) && this.rows.hasAll(lock)
    if (!lives) {
      if (packet.awaited) this.tell.over(lock)
      return
    }
    if (this.#isBehind(packet, this.rows.rowsOf(lock))) return
    each(w.bounds.slots, slot => {
      if (this.rows.holdsRow(slot, lock)) this.#setSlot(slot, Slot.locked, lock, packet.ver)
    })
    w.setTime(lock, 2)
    if (packet.awaited) w.setCountdown(lock, 2)
  }

  #release(packet: Packet): void {
    const w = this.#w
    const { lock } = packet
    if (this.#mistake === 'release by slot' || this.#mistake === 'release by owner') {
      const byOwner = this.#mistake === 'release by owner'
      const rows = this.rows.rowsWhere(
        slot =>
          (w.wants(lock) & bit(slot)) !== 0 &&
          w.slotState(slot) === Slot.locked &&
          (!byOwner || w.ownerOf(w.slotLock(slot)) === w.ownerOf(lock))
      )
      if (this.#isBehind(packet, rows)) return
      each(w.bounds.slots, slot => {
        if ((rows & bit(slot)) !== 0) this.#setSlot(slot, Slot.free, lock, packet.ver)
      })
      if (w.lockState(lock) === Lock.held) w.setLockState(lock, Lock.released)
      return
    }
    if (!this.rows.lives(lock) || this.#isBehind(packet, this.rows.rowsOf(lock))) return
    this.#free(lock, packet.ver)
    w.setLockState(lock, this.#mistake === 'request forgotten' ? Lock.unknown : Lock.released)
    w.setTime(lock, 0)
  }

  #revoke(packet: Packet): void {
    const w = this.#w
    const { lock } = packet
    if (!this.rows.lives(lock) || this.#isBehind(packet, this.rows.rowsOf(lock))) return
    this.#free(lock, packet.ver)
    w.setLockState(lock, Lock.released)
    w.setTime(lock, 0)
    if (w.told(lock) === Told.held || w.told(lock) === Told.ceding) this.tell.set(lock, Told.over)
  }

  #sweep(packet: Packet): void {
    const w = this.#w
    const { lock } = packet
    if (this.#mistake === 'sweep by slot') {
      const rows = this.rows.rowsWhere(
        slot => (w.wants(lock) & bit(slot)) !== 0 && w.slotState(slot) === Slot.locked
      )
      if (this.#isBehind(packet, rows)) return
      each(w.bounds.slots, slot => {
        if ((rows & bit(slot)) !== 0) this.#setSlot(slot, Slot.free, lock, packet.ver)
      })
      return
    }
    if (w.lockState(lock) !== Lock.held || w.time(lock) > 0) return
    if (this.#isBehind(packet, this.rows.rowsOf(lock))) return
    this.#free(lock, packet.ver)
    w.setLockState(lock, Lock.expired)
  }

  // ---- book

  #book(packet: Packet): void {
    const w = this.#w
    const { lock } = packet
    if (w.lockState(lock) === Lock.booked) {
      if (packet.awaited) this.tell.set(lock, Told.booked)
      return
    }
    const wants = w.wants(lock)
    const over =
      w.lockState(lock) === Lock.expired || (w.lockState(lock) === Lock.held && !this.rows.lives(lock))
    let may = this.rows.lives(lock) && this.rows.hasAll(lock)
    if (packet.kind === Kind.bookIfStillFree && over) may = !this.rows.taken(lock)
    if (this.#mistake === 'booking trusts its key')
      may = this.rows.rowsWhere(slot => w.slotState(slot) === Slot.booked && (wants & bit(slot)) !== 0) === 0
    if (!may) {
      if (packet.awaited) this.tell.over(lock)
      return
    }
    if (this.#isBehind(packet, wants)) return
    this.bookNow(packet)
  }

  bookNow(packet: Packet): void {
    const w = this.#w
    const { lock } = packet
    if (packet.kind === Kind.book && !this.rows.lives(lock)) w.break('BOOKED_BY_HOLDER')
    each(w.bounds.slots, slot => {
      if ((w.wants(lock) & bit(slot)) === 0) return
      if (w.slotState(slot) === Slot.booked) w.break('BOOKED_BY_HOLDER')
      for (let other = 0; other < w.locks; other++)
        if (other !== lock && this.rows.isPromised(other) && (w.wants(other) & bit(slot)) !== 0)
          w.break('BOOKED_BY_HOLDER')
      this.#setSlot(slot, Slot.booked, lock, packet.ver)
    })
    w.setLockState(lock, Lock.booked)
    w.setTime(lock, 0)
    if (packet.awaited) this.tell.set(lock, Told.booked)
  }

  // ---- rows

  #free(lock: number, ver: number): void {
    each(this.#w.bounds.slots, slot => {
      if (this.rows.holdsRow(slot, lock)) this.#setSlot(slot, Slot.free, lock, ver)
    })
  }

  #setSlot(slot: number, state: number, lock: number, ver: number): number {
    const w = this.#w
    const has = w.slotVer(slot)
    const next = this.#versionOf(ver, has)
    if (this.#late) w.break('LATE_DOES_NOTHING')
    if (next <= has && w.bounds.versions !== 'none') w.break('VERSION_GROWS')
    if (w.slotState(slot) === Slot.booked) w.break('BOOKED_STAYS')
    this.change(slot, state, state === Slot.free ? none : lock, next)
    return next
  }

  #versionOf(ver: number, has: number): number {
    if (this.#w.bounds.versions === 'none') return 0
    if (this.#w.bounds.versions === 'counted') return has + 1
    return this.#mistake === 'version per row' ? Math.max(has + 1, ver) : ver
  }

  /** A row as it is from now on, and the event that tells of it. */
  change(slot: number, state: number, lock: number, ver: number): void {
    const w = this.#w
    w.setSlot(slot, state, lock, ver)
    if (w.bounds.screen === undefined) return
    w.setReading(w.reading, false)
    w.addEvent(slot, ver, state, lock)
  }

  /**
   * The server takes a row only with a version greater than its own. A change that brings a smaller one changes
   * nothing; the instance learns what it met and sends the change again.
   */
  #isBehind(packet: Packet, rows: number): boolean {
    const w = this.#w
    if (w.bounds.versions !== 'clocks' || this.#mistake === 'version per row') return false
    if (this.#mistake === 'version unchecked') return false
    let met = 0
    each(w.bounds.slots, slot => {
      if ((rows & bit(slot)) !== 0) met = Math.max(met, w.slotVer(slot))
    })
    if (packet.ver > met) return false
    if (this.#mistake === 'behind told as taken' && packet.kind === Kind.lock) {
      if (packet.awaited) this.tell.taken(packet.lock)
      return true
    }
    const ver = Math.max(met, w.clock(packet.instance)) + 1
    w.setClock(packet.instance, ver)
    this.#send({ ...packet, ver })
    return true
  }

  #send(packet: Packet): void {
    this.#w.setPacket(this.#w.freePacket(), packet)
  }
}
